import { number, text } from '../text/strings.js'
import { videoFiles, videoOutputFiles } from '../../session/video/videoFiles.js'
import type { Studio } from '../state/studio.js'
import type { ClipPlace, OpenClip } from './openClip.js'

const places = {
  frames: 'placeFrames',
  painted: 'placePainted',
  foreground: 'placeObject',
  background: 'placeBackground',
} as const satisfies Record<ClipPlace, string>

/** A file that is there once what is shown is. */
const needed = {
  painted: `${videoFiles.painted}/${videoOutputFiles.editLayerFrames}/00000.png`,
  foreground: videoOutputFiles.foregroundAtlas,
  background: videoOutputFiles.backgroundAtlas,
} as const

/** The frames of the clip: a slider, one frame on and back, and play; or an atlas in their place. */
export function ClipBar({ studio, clip }: { readonly studio: Studio; readonly clip: OpenClip }) {
  const files = studio.clipResults.files.value
  const run = studio.run.value
  const there = (Object.keys(places) as ClipPlace[]).filter((place) => place === 'frames' || files.has(needed[place]))
  return (
    <div class="scrubber">
      {run !== null && there.length > 1 && (
        <select
          aria-label={text('place')}
          value={clip.place.value}
          onChange={({ currentTarget: { value } }) =>
            void studio.attempt(() => studio.clipResults.show(clip, value as ClipPlace))
          }
        >
          {there.map((place) => (
            <option key={place} value={place}>
              {text(places[place])}
            </option>
          ))}
        </select>
      )}
      {clip.atlas.value === null && <Scrubber clip={clip} />}
      {run?.kind === 'clip' && clip.atlas.value === null && clip.wanted.value >= clip.used(run.settings) && (
        <p class="help">{text('editEnds', { frame: clip.used(run.settings) - 1 })}</p>
      )}
    </div>
  )
}

function Scrubber({ clip }: { readonly clip: OpenClip }) {
  const { playing } = clip
  const frame = clip.wanted.value
  return (
    <div class="frames" role="group" aria-label={text('frames')}>
      <button
        type="button"
        aria-pressed={playing.value}
        onClick={() => {
          if (playing.value) playing.value = false
          else void clip.play()
        }}
      >
        {text('play')}
      </button>
      <button
        type="button"
        aria-label={text('frameBack')}
        title={`${text('frameBack')} (,)`}
        onClick={() => clip.step(-1)}
      >
        ‹
      </button>
      <input
        type="range"
        min={0}
        max={clip.count - 1}
        value={frame}
        aria-label={text('frame')}
        aria-valuetext={text('frameOf', { frame, count: clip.count })}
        onInput={(event) => {
          playing.value = false
          clip.seek(event.currentTarget.valueAsNumber)
        }}
      />
      <button type="button" aria-label={text('frameOn')} title={`${text('frameOn')} (.)`} onClick={() => clip.step(1)}>
        ›
      </button>
      <output>
        {frame} / {clip.count - 1} · {number(clip.timestamps[frame]!, 2)} s
      </output>
    </div>
  )
}
