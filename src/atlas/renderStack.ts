import { boundedEdit } from './boundedEdit.js'
import { renderEdit, type RenderedFrame, type RenderEditOptions } from './renderEdit.js'

export interface RenderStackOptions extends Omit<RenderEditOptions, 'edits'> {
  /** Of each frame: the clip's own alpha, which bounds every edit; absent where it is opaque. */
  readonly alphas?: readonly Uint8Array[] | undefined
  /** The edits of each run, the lowest first. */
  readonly stack: readonly RenderEditOptions['edits'][]
}

/** The edits of one run in a frame. */
export interface StackedFrame {
  /** Not yet bounded by the clip's alpha. */
  readonly rendered: RenderedFrame
  /** What it lies over: RGB bytes of the frame with all edits below. */
  readonly under: Uint8Array
}

/** Frame t with the edits of each run over those below it, the lowest first. @throws SHAPE_MISMATCH */
export async function renderStack(
  { stack, alphas, ...options }: RenderStackOptions,
  t: number,
): Promise<readonly StackedFrame[]> {
  const { frames } = options
  const stacked: StackedFrame[] = []
  let under = frames.pixels[t]!
  for (const edits of stack) {
    const pixels = frames.pixels.with(t, under)
    const rendered = await renderEdit({ ...options, frames: { ...frames, pixels }, edits }, t)
    stacked.push({ rendered, under })
    under = boundedEdit(rendered, under, alphas?.[t] ?? null).frame
  }
  return stacked
}
