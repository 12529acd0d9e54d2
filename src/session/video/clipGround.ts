import type { LayeredAtlas, LayerName } from '../../atlas/layeredAtlas.js'
import { boundedEdit } from '../../atlas/boundedEdit.js'
import { renderStack } from '../../atlas/renderStack.js'
import type { ClipFrames } from '../../media/clipFrames.js'
import { compositeOver } from '../../media/compositeOver.js'
import type { FloatImage } from '../../media/image.js'
import { dequantise } from '../../media/quantise.js'
import type { ClipBelow } from './clipsBelow.js'
import type { StageTools } from './clipSession.js'

export type LayerEdits = Readonly<Partial<Record<LayerName, FloatImage>>>

/** What an edit is painted over: the clip, and the edits of the runs that it stands on. */
export interface ClipGround {
  /** With the edits below in its images. */
  readonly atlas: LayeredAtlas
  /** With the edits below, of the atlas's size. */
  readonly frames: ClipFrames
  /** The edits below, the lowest first. */
  readonly below: readonly { readonly title: string; readonly edits: LayerEdits }[]
}

/**
 * Lays the edits of the runs below over the clip.
 * @throws SHAPE_MISMATCH, INPUT_* for pictures that do not fit the atlas; the signal's reason
 */
export async function clipGround(
  {
    settings: { atlasSampling },
    input: { frames, clip, below },
    machine: { codec },
    signal,
  }: Pick<StageTools, 'settings' | 'input' | 'machine' | 'signal'>,
  atlas: LayeredAtlas,
): Promise<ClipGround> {
  if (below.length === 0) return { atlas, frames, below: [] }
  const decode = async ({ place, edits }: ClipBelow): Promise<LayerEdits> => {
    const decoded: { -readonly [Layer in LayerName]?: FloatImage } = {}
    for (const [layer, bytes] of Object.entries(edits) as [LayerName, Uint8Array][])
      decoded[layer] = dequantise(
        await codec.decodeLayer({ name: `${place}/${layer}`, bytes }, await atlas.image(layer)),
      )
    return decoded
  }
  const layers: ClipGround['below'][number][] = []
  for (const layer of below) layers.push({ title: layer.title, edits: await decode(layer) })
  const stack = layers.map(({ edits }) => edits)
  const pixels: Uint8Array[] = []
  for (let t = 0; t < frames.pixels.length; t++) {
    signal.throwIfAborted()
    const { alphas } = clip
    const top = (await renderStack({ atlas, frames, alphas, stack, behaviour: atlasSampling }, t)).at(-1)!
    pixels.push(boundedEdit(top.rendered, top.under, alphas?.[t] ?? null).frame)
    await new Promise((resolve) => setTimeout(resolve, 0))
  }
  const images: { -readonly [Layer in LayerName]?: FloatImage } = {}
  for (const layer of ['foreground', 'background'] as const)
    images[layer] = stack.reduce(
      (image, { [layer]: edit }) => (edit === undefined ? image : compositeOver(edit, image)),
      await atlas.image(layer),
    )
  return {
    atlas: {
      frames: atlas.frames,
      width: atlas.width,
      height: atlas.height,
      image: (layer) => Promise.resolve(images[layer]!),
      mapping: (layer, t) => atlas.mapping(layer, t),
      opacity: (t) => atlas.opacity(t),
    },
    frames: { ...frames, pixels },
    below: layers,
  }
}
