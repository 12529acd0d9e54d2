import type { LayeredAtlas } from '../../atlas/layeredAtlas.js'
import { boundedEdit } from '../../atlas/boundedEdit.js'
import type { RenderedFrame } from '../../atlas/renderEdit.js'
import { renderStack, type StackedFrame } from '../../atlas/renderStack.js'
import { Text2LiveError } from '../../errors.js'
import type { ClipFrames } from '../../media/clipFrames.js'
import { lossesSvg } from '../../media/lossesSvg.js'
import { clipName } from '../../media/clipCodec.js'
import { streamFrames } from '../../media/streamFrames.js'
import { writeAtlasPictures } from './atlasPictures.js'
import type { ClipGround, LayerEdits } from './clipGround.js'
import type { ClipMachine } from './clipMachine.js'
import { fullSizeFrame } from './fullSizeFrame.js'
import { videoOutputFiles, type VideoOutputName } from './videoFiles.js'
import type { StageTools } from './clipSession.js'
import { writeEditedClip, type EditedFrame } from './writeEditedClip.js'

/** What the metrics need of the rendered clip, at the size of the atlas's frames. */
export interface RenderedClip {
  readonly frames: ClipFrames
  /** Alpha of the edit layer by frame, 8 bits. */
  readonly alphas: readonly Uint8Array[]
}

/**
 * Maps the edits to all frames (layered neural atlases, Eq. 15 and 16) and writes every output: the edited clip, the
 * edit layer alone, both side by side, at the size and with the timing of the clip that was given; the pictures of the
 * atlas; the loss curves. What is below the run is in all but its edit layer and the pictures of the atlas.
 * @param atlas of the clip as it was given
 * @throws DISK_FULL, OUTPUT_NOT_WRITABLE, CLIP_*, INTERRUPTED
 */
export async function renderStage(
  tools: StageTools,
  atlas: LayeredAtlas,
  { below }: Pick<ClipGround, 'below'>,
  edits: LayerEdits,
): Promise<RenderedClip> {
  const { store, machine, emit, settings } = tools
  const tell = (name: VideoOutputName): void => emit({ type: 'output', name, path: store.file(videoOutputFiles[name]) })
  for (const layer of ['foreground', 'background'] as const) {
    const names = await writeAtlasPictures(atlas, layer, below, edits[layer] ?? null, store, machine.codec)
    for (const name of names) tell(name)
  }
  const collected = { pixels: [] as Uint8Array[], alphas: [] as Uint8Array[] }
  const { clip, source, frames: original } = tools.input
  const stack = [...below.map((layer) => layer.edits), edits]
  const { alphas } = clip
  const frames = editedFrames(tools, async (t) => {
    await tools.followControl()
    const stacked = await renderStack({ atlas, frames: original, alphas, stack, behaviour: settings.atlasSampling }, t)
    const { rendered, under } = stacked.at(-1)!
    const bounded = boundedEdit(rendered, under, alphas?.[t] ?? null)
    collected.pixels.push(bounded.frame)
    collected.alphas.push(bounded.layer.filter((_, i) => i % 4 === 3))
    return stacked
  })
  const written = await writeEditedClip({ frames, clip, source }, store, machine, tools.signal, (message) =>
    emit({ type: 'note', message }),
  )
  for (const name of written) tell(name)
  const steps = tools.events().filter((event) => event.type === 'step')
  const both = settings.layer === 'both'
  await store.write(
    videoOutputFiles.losses,
    lossesSvg(
      steps.map(({ step, layer, losses }) => ({
        step,
        losses: both
          ? Object.fromEntries(Object.entries(losses).map(([name, value]) => [`${layer} ${name}`, value]))
          : losses,
      })),
    ),
  )
  tell('losses')
  const { width, height } = tools.input.frames
  return { frames: { width, height, pixels: collected.pixels }, alphas: collected.alphas }
}

/**
 * All frames at the clip's own size, the edits where the clip is opaque, with their originals, from what `render` makes
 * of each at the size of the atlas's frames, the lowest first; the edit layer is that of the highest.
 */
export async function* editedFrames(
  {
    input,
    machine,
    signal,
    report,
  }: Pick<StageTools, 'input' | 'signal' | 'report'> & {
    readonly machine: Pick<ClipMachine, 'clips'>
  },
  render: (t: number) => Promise<readonly StackedFrame[]>,
): AsyncGenerator<EditedFrame, void, undefined> {
  const { clip, frames, source } = input
  const count = frames.pixels.length
  const { sourceSize } = clip
  const sameSize = sourceSize.width === frames.width && sourceSize.height === frames.height
  const full = streamFrames((options) => machine.clips.read(source, options), { frames: count, signal })
  try {
    for (let t = 0; t < count; t++) {
      signal.throwIfAborted()
      const stacked = await render(t)
      const whole = sameSize
        ? { pixels: frames.pixels[t]!, alpha: clip.alphas?.[t] ?? null }
        : (await full.next()).value
      if (!whole)
        throw new Text2LiveError(
          'CLIP_TRUNCATED',
          `Expected ${count} frames in "${clipName(source)}", as before; it ended after ${t}. Start the run again.`,
        )
      const original = whole.pixels
      let top: RenderedFrame = { frame: original, layer: new Uint8Array(0) }
      for (const { rendered, under } of stacked) {
        const edited = sameSize ? rendered : fullSizeFrame(rendered.layer, under, frames, top.frame, sourceSize)
        top = boundedEdit(edited, top.frame, whole.alpha)
      }
      yield { ...top, original }
      report(t + 1, count)
      // Whoever asks to stop is heard between two frames.
      await new Promise((resolve) => setTimeout(resolve, 0))
    }
  } finally {
    await full.return()
  }
}
