import { Text2LiveError } from '../errors.js'
import type { ClipFrames } from '../media/clipFrames.js'
import type { FloatImage } from '../media/image.js'
import type { LayerName, LayeredAtlas } from './layeredAtlas.js'
import { sampleAtlas } from './sampleAtlas.js'

export interface RenderEditOptions {
  readonly atlas: LayeredAtlas
  /** The original frames, of the atlas's size. */
  readonly frames: ClipFrames
  /** The edit layer of each edited layer: RGBA, straight alpha, at the size of its atlas image. */
  readonly edits: Readonly<Partial<Record<LayerName, FloatImage>>>
  /**
   * 'fixed' samples colours weighted by their alpha, and what lies beyond an atlas image as its border; 'reference'
   * samples the four channels apart and zeros beyond (published code, D1). Default 'fixed'.
   */
  readonly behaviour?: 'reference' | 'fixed'
}

export interface RenderedFrame {
  /** The edited frame: RGB bytes, interleaved. It is `layer` over the original frame, rounded. */
  readonly frame: Uint8Array
  /** The edit alone: RGBA bytes, interleaved, straight alpha. */
  readonly layer: Uint8Array
}

const layerNames: readonly LayerName[] = ['foreground', 'background']

/**
 * Frame t with its edits (layered neural atlases, Eq. 15 and 16): each layer's edit over the original frame, blended by
 * the opacity, frame = opacity * over(foreground edit) + (1 - opacity) * over(background edit). Since both lie over the
 * same frame, this is one layer whose alpha is opacity * alpha_f + (1 - opacity) * alpha_b. Where that is 0 the frame's
 * pixel is the original's.
 *
 * @throws SHAPE_MISMATCH when an edit has not the size of its atlas image, or the frames not that of the atlas
 */
export async function renderEdit(
  { atlas, frames, edits, behaviour = 'fixed' }: RenderEditOptions,
  t: number,
): Promise<RenderedFrame> {
  const { width, height } = atlas
  const size = width * height
  const original = frames.pixels[t]
  if (frames.width !== width || frames.height !== height || !original) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      `renderEdit: expected frame ${t} of ${width}x${height}, the clip has ${frames.pixels.length} frames of ${frames.width}x${frames.height}.`,
    )
  }
  const opacity = (await atlas.opacity(t)).data
  // Colour weighted by alpha, then alpha.
  const sums = new Float32Array(4 * size)
  for (const name of layerNames) {
    const edit = edits[name]
    if (!edit) continue
    const { data } = sampleAtlas(
      await weighted(atlas, name, edit, behaviour),
      await atlas.mapping(name, t),
      behaviour === 'reference' ? 'zeros' : 'edge',
    )
    for (let i = 0; i < size; i++) {
      const share = name === 'foreground' ? opacity[i]! : 1 - opacity[i]!
      const alpha = data[3 * size + i]!
      const colour = behaviour === 'reference' ? share * alpha : share
      for (let c = 0, at = i; c < 3; c++, at += size) sums[at]! += colour * data[at]!
      sums[3 * size + i]! += share * alpha
    }
  }
  return compose(original, sums)
}

/** The edit as it is sampled: checked, clamped to [0, 1], and 'fixed' with colours times alpha. */
async function weighted(
  atlas: LayeredAtlas,
  name: LayerName,
  edit: FloatImage,
  behaviour: 'reference' | 'fixed',
): Promise<FloatImage> {
  const image = await atlas.image(name)
  if (edit.channels !== 4 || edit.width !== image.width || edit.height !== image.height) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      `Expected the edit of the ${name} as RGBA of ${image.width}x${image.height}, the size of its atlas image; ` +
        `it has ${edit.channels} channels and ${edit.width}x${edit.height}. Paint over the atlas image that \`text2live atlas inspect\` writes.`,
    )
  }
  const known = weightedEdits.get(edit)
  if (behaviour === 'fixed' && known) return known
  const size = edit.width * edit.height
  const data = edit.data.map((x) => (x < 0 ? 0 : x > 1 ? 1 : x))
  if (behaviour === 'fixed') {
    for (let c = 0; c < 3; c++) for (let i = 0; i < size; i++) data[c * size + i]! *= data[3 * size + i]!
  }
  const made = { ...edit, data }
  if (behaviour === 'fixed') weightedEdits.set(edit, made)
  return made
}

/** One clip renders the same edit for every frame. */
const weightedEdits = new WeakMap<FloatImage, FloatImage>()

function compose(original: Uint8Array, sums: Float32Array): RenderedFrame {
  const size = sums.length / 4
  const frame = original.slice()
  const layer = new Uint8Array(4 * size)
  for (let i = 0; i < size; i++) {
    const alpha = sums[3 * size + i]!
    const byte = Math.round(255 * alpha)
    layer[4 * i + 3] = byte
    if (!(alpha > 0)) continue
    for (let c = 0; c < 3; c++) {
      const colour = Math.round((255 * sums[c * size + i]!) / alpha)
      layer[4 * i + c] = colour
      // From the rounded layer, so that whoever puts the layer over the frame gets this frame.
      if (byte > 0) frame[3 * i + c] = Math.round((byte * colour + (255 - byte) * original[3 * i + c]!) / 255)
    }
  }
  return { frame, layer }
}
