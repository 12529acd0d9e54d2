import { Panel } from '../parts/panel.js'
import { pickFile } from '../parts/pickFile.js'
import type { Studio } from '../state/studio.js'
import { Brush, MaskTools, ToolButtons, WordsMap } from '../panels/wherePanel.js'
import { text } from '../text/strings.js'
import type { OpenClip } from './openClip.js'

/** What the object of a clip is: painted on frames, pointed at, or found by its name. */
export function ObjectPanel({ studio, clip }: { readonly studio: Studio; readonly clip: OpenClip }) {
  const { tool } = studio.stage
  const masked = clip.masked.value
  const point = clip.point.value
  return (
    <Panel title={text('object')} class="where">
      <p class="help">
        {text(masked.length > 0 ? 'objectMasked' : point === null ? 'objectByWords' : 'objectPointed')}
      </p>
      <WordsMap studio={studio} />
      <ToolButtons studio={studio} tools={['pan', 'brush', 'eraser', 'point']} />
      {(tool.value === 'brush' || tool.value === 'eraser') && <Brush studio={studio} />}
      {point !== null && (
        <p class="row">
          <button type="button" onClick={() => clip.seek(point.frame)}>
            {text('objectPointAt', { x: point.x, y: point.y, frame: point.frame })}
          </button>
          <button type="button" onClick={() => (clip.point.value = null)}>
            {text('objectPointOff')}
          </button>
        </p>
      )}
      <MaskTools studio={studio} unmasked={text('objectNoMask')} masked={text('objectMaskHere')} />
      {masked.length > 0 && (
        <div class="buttons" role="group" aria-label={text('objectFrames')}>
          <span>{text('objectFrames')}</span>
          {masked.map((frame) => (
            <button
              key={frame}
              type="button"
              aria-pressed={clip.frame.value === frame}
              aria-label={text('frameNumber', { frame })}
              onClick={() => clip.seek(frame)}
            >
              {frame}
            </button>
          ))}
        </div>
      )}
      <Bound studio={studio} clip={clip} />
    </Panel>
  )
}

/** The picture that bounds the edit, whatever the object is. */
function Bound({ studio, clip }: { readonly studio: Studio; readonly clip: OpenClip }) {
  const bound = clip.bound.value
  const load = async (): Promise<void> => {
    const file = await pickFile('image/*')
    if (file !== null) clip.bound.value = { name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) }
  }
  return (
    <>
      <p class="help">{bound === null ? text('boundNone') : text('boundIs', { name: bound.name })}</p>
      <div class="buttons">
        <button type="button" title={text('boundHelp')} onClick={() => void studio.attempt(load)}>
          {text('boundLoad')}
        </button>
        {bound !== null && (
          <button type="button" onClick={() => (clip.bound.value = null)}>
            {text('boundOff')}
          </button>
        )}
      </div>
    </>
  )
}
