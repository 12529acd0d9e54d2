import { useSignal } from '@preact/signals'
import { Panel } from '../parts/panel.js'
import { pickFile } from '../parts/pickFile.js'
import { saveFile } from '../parts/saveFile.js'
import { Slider } from '../parts/slider.js'
import type { StageTool } from '../stage/stageModel.js'
import type { Studio } from '../state/studio.js'
import { number, text } from '../text/strings.js'

const toolTexts = { pan: 'toolPan', brush: 'toolBrush', eraser: 'toolEraser', point: 'toolPoint' } as const
const toolKeys = { pan: 'H', brush: 'B', eraser: 'E', point: 'C' } as const

/** Where the edit goes: what the words mean in the photo, and the mask that is painted by hand. */
export function WherePanel({ studio }: { readonly studio: Studio }) {
  const { stage } = studio
  return (
    <Panel title={text('where')} class="where">
      <WordsMap studio={studio} />
      <ToolButtons studio={studio} tools={['pan', 'brush', 'eraser']} />
      {stage.tool.value !== 'pan' && <Brush studio={studio} />}
      <MaskTools studio={studio} unmasked={text('maskNone')} masked={text('maskOn')} />
      <SteerMask studio={studio} />
    </Panel>
  )
}

/** Hands the painted mask to the run that is at work. */
function SteerMask({ studio }: { readonly studio: Studio }) {
  const [run, mask] = [studio.run.value, studio.stage.mask.value]
  if (mask === null || run?.kind !== 'photo' || (run.state !== 'running' && run.state !== 'paused')) return null
  const painted = mask.version.value >= 0 && !mask.isEmpty
  const taken = studio.watch(run.name).mask.value
  const hasMask = taken === null ? run.settings.mask !== null : taken.masked
  if (!painted && !hasMask && taken === null) return null
  return (
    <div class="steer" aria-live="polite">
      {(painted || hasMask) && (
        <button
          type="button"
          class="wide"
          title={text('steerHelp')}
          disabled={mask.working.value}
          onClick={() => void studio.attempt(() => studio.steerMask(run.name))}
        >
          {text(painted ? 'steerMask' : 'steerUnmask')}
        </button>
      )}
      <p class="help">
        {taken === null ? text('steerHelp') : text(taken.masked ? 'steered' : 'steeredOff', { step: taken.step + 1 })}
      </p>
    </div>
  )
}

/** What a press on the stage does. */
export function ToolButtons({
  studio: { stage },
  tools,
}: {
  readonly studio: Studio
  readonly tools: readonly StageTool[]
}) {
  return (
    <div role="group" aria-label={text('mask')} class="tools">
      {tools.map((tool) => (
        <button
          key={tool}
          type="button"
          aria-pressed={stage.tool.value === tool}
          title={toolKeys[tool]}
          onClick={() => {
            stage.tool.value = tool
            if (tool === 'brush' || tool === 'eraser') stage.maskShown.value = true
          }}
        >
          {text(toolTexts[tool])}
        </button>
      ))}
    </div>
  )
}

/** Shows where the words are in what is on the stage. */
export function WordsMap({ studio }: { readonly studio: Studio }) {
  const located = studio.located.value
  const words = studio.clip.value === null ? 'whereShare' : 'whereShareFrame'
  return (
    <div class="words-map" aria-live="polite">
      {located === null ? (
        <button
          type="button"
          disabled={studio.locating.value || studio.modelsMissing.value}
          onClick={() => void studio.locate()}
        >
          {text(studio.locating.value ? 'whereLooking' : 'whereShow')}
        </button>
      ) : (
        <>
          <p>{text(located.of === 'words' ? words : 'objectShare', { share: number(100 * located.share) })}</p>
          {located.notes.map((note) => (
            <p key={note} class="help">
              {note}
            </p>
          ))}
          <div class="row">
            <button type="button" onClick={() => void studio.attempt(() => studio.mapToMask())}>
              {text('whereToMask')}
            </button>
            <button type="button" onClick={() => studio.hideMap()}>
              {text('whereHide')}
            </button>
          </div>
        </>
      )}
    </div>
  )
}

/** The brush's size, hardness and opacity. */
export function Brush({ studio }: { readonly studio: Studio }) {
  const { brush, photo } = studio.stage
  const largest =
    photo.value === null ? 400 : Math.max(100, Math.round(Math.max(photo.value.width, photo.value.height) / 3))
  const { size, hardness, opacity } = brush.value
  const set = (change: Partial<typeof brush.value>): void => {
    brush.value = { ...brush.value, ...change }
  }
  return (
    <div class="brush">
      <Slider
        label={text('brushSize')}
        value={Math.round(size)}
        min={1}
        max={largest}
        shown={`${Math.round(size)} px`}
        onInput={(value) => set({ size: value })}
      />
      <Slider
        label={text('brushHardness')}
        value={hardness}
        min={0}
        max={1}
        step={0.05}
        shown={`${number(100 * hardness)} %`}
        onInput={(value) => set({ hardness: value })}
      />
      <Slider
        label={text('opacity')}
        value={opacity}
        min={0.05}
        max={1}
        step={0.05}
        shown={`${number(100 * opacity)} %`}
        onInput={(value) => set({ opacity: value })}
      />
    </div>
  )
}

/** What can be done with the mask on the stage. @param unmasked, masked say what it does */
export function MaskTools({
  studio,
  unmasked,
  masked,
}: {
  readonly studio: Studio
  readonly unmasked: string
  readonly masked: string
}) {
  const { stage } = studio
  const amount = useSignal(8)
  const mask = stage.mask.value
  if (mask === null) return null
  // Read so that this is drawn again with each stroke.
  const painted = mask.version.value >= 0 && !mask.isEmpty
  const busy = mask.working.value
  const edges = [
    ['grow', () => mask.grow(amount.value)],
    ['shrink', () => mask.shrink(amount.value)],
    ['feather', () => mask.feather(amount.value)],
  ] as const
  return (
    <div class="mask-tools" aria-busy={busy}>
      <p class="help">{painted ? masked : unmasked}</p>
      {studio.maskIsBack.value && painted && <p class="help">{text('maskBack')}</p>}
      <div class="buttons">
        <button type="button" disabled={!mask.canUndo.value || busy} onClick={() => void mask.undo()}>
          {text('undo')}
        </button>
        <button type="button" disabled={!mask.canRedo.value || busy} onClick={() => void mask.redo()}>
          {text('redo')}
        </button>
        <button type="button" disabled={busy} onClick={() => void mask.invert()}>
          {text('invert')}
        </button>
        <button type="button" disabled={!painted || busy} onClick={() => void mask.clear()}>
          {text('clear')}
        </button>
      </div>
      <div class="buttons">
        {edges.map(([name, act]) => (
          <button key={name} type="button" disabled={!painted || busy} onClick={() => void act()}>
            {text(name)}
          </button>
        ))}
        <label class="inline">
          <span class="hidden">{text('amount')}</span>
          <input
            type="number"
            min={1}
            max={200}
            value={amount.value}
            onChange={({ currentTarget: { valueAsNumber } }) => {
              if (valueAsNumber >= 1) amount.value = Math.min(200, Math.round(valueAsNumber))
            }}
          />
          px
        </label>
      </div>
      <div class="buttons">
        <button
          type="button"
          disabled={busy}
          onClick={() =>
            void studio.attempt(async () => {
              const file = await pickFile('image/*')
              if (file !== null) await studio.loadMask(file.name, new Uint8Array(await file.arrayBuffer()))
            })
          }
        >
          {text('maskLoad')}
        </button>
        <button
          type="button"
          disabled={!painted}
          onClick={() =>
            void studio.attempt(async () => {
              const png = await studio.maskFile()
              if (png !== null) saveFile('mask.png', new Blob([png as Uint8Array<ArrayBuffer>], { type: 'image/png' }))
            })
          }
        >
          {text('maskSave')}
        </button>
        <label class="inline">
          <input
            type="checkbox"
            checked={stage.maskShown.value}
            onChange={(event) => (stage.maskShown.value = event.currentTarget.checked)}
          />{' '}
          {text('maskShown')}
        </label>
      </div>
    </div>
  )
}
