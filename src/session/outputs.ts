import { concatBytes } from '../media/bytes.js'
import { composeOutputs } from '../media/composeOutputs.js'
import type { FloatImage } from '../media/image.js'
import { lossesSvg } from '../media/lossesSvg.js'
import { encodeOra } from '../media/encodeOra.js'
import { psdPieces } from '../media/encodePsd.js'
import type { ImageCodec } from '../media/imageCodec.js'
import { pixelImage, type PixelImage } from '../media/quantise.js'
import { refineStrips } from '../media/refineLayer.js'
import { alphaStrips, stripsOf } from '../media/strips.js'
import { outputFiles, type OutputName, type RunEvent, type StepEvent } from './events.js'
import type { ImageInput } from './imageInput.js'
import type { RunStore } from './store.js'

/** Each output as the bytes of its file. */
export type OutputFiles = Readonly<Record<OutputName, Uint8Array>>

/** An output and its file, whole or in pieces. */
type Output = readonly [OutputName, Uint8Array | Iterable<Uint8Array>]

/**
 * All that an artist takes away, at the photo's own size, one after another in the order of `outputFiles`: whoever
 * writes each at once holds none but that at hand.
 * @param layer RGBA at training size, straight alpha
 * @param name what the layer is called among others, in files of layers
 */
export async function* makeOutputs(
  input: ImageInput,
  layer: FloatImage,
  steps: readonly StepEvent[],
  { encodePng }: Pick<ImageCodec, 'encodePng'>,
  name = 'edit layer',
): AsyncGenerator<Output, void, undefined> {
  const pictures = composePictures(input, layer)
  const composite = await encodePng(pictures.composite)
  yield ['composite', composite]
  const edit = await encodePng(pictures.edit)
  yield ['edit', edit]
  yield ['alpha', await encodePng(pictures.alpha!)]
  delete pictures.alpha
  yield ['editOnGreenscreen', await encodePng(pictures.greenscreen!)]
  delete pictures.greenscreen
  const layers = {
    photo: input.photo.pixels,
    edit: pictures.edit,
    composite: pictures.composite,
    // Among others a layer goes by what it shows; alone it is "edit layer".
    ...(input.below.length === 0
      ? {}
      : { name, below: input.below.map(({ title, image }) => ({ name: title, image })) }),
  }
  yield ['layersPsd', psdPieces(layers)]
  yield ['layersOra', await encodeOra(layers, encodePng, { edit, composite, below: input.below.map(({ png }) => png) })]
  yield ['losses', new TextEncoder().encode(lossesSvg(steps))]
}

/** The pictures of an edit as `composeOutputs` makes them; those that only one file is made of can be let go. */
interface Pictures {
  readonly composite: PixelImage
  readonly edit: PixelImage
  alpha?: PixelImage
  greenscreen?: PixelImage
}

/** Strip by strip: only what becomes a file is held at the photo's size, in whole numbers. */
function composePictures({ photo, ground, bounds, training }: ImageInput, layer: FloatImage): Pictures {
  const { width, height, channels, bitDepth } = photo.pixels
  const alphas = channels === 4 ? alphaStrips(photo.pixels) : null
  const refined = refineStrips(ground, layer, training.photo)
  const empty = (depth: 1 | 3 | 4, bits: 8 | 16) => {
    const count = depth * width * height
    return pixelImage(width, height, depth, bits === 8 ? new Uint8Array(count) : new Uint16Array(count))
  }
  const whole = {
    composite: empty(channels === 4 ? 4 : 3, bitDepth),
    edit: empty(4, 8),
    alpha: empty(1, 8),
    greenscreen: empty(3, 8),
  }
  for (const { y, rows } of stripsOf(height)) {
    const under = ground.strip(y, rows)
    const full = within(bounds?.strip(y, rows) ?? null, refined(y, under))
    const strip = composeOutputs(under, full, bitDepth, alphas?.strip(y, rows))
    for (const name of ['composite', 'edit', 'alpha', 'greenscreen'] as const)
      whole[name].data.set(strip[name].data, y * width * whole[name].channels)
  }
  return whole
}

/** Writes each output whole or not at all, as it comes. */
export async function writeOutputs(
  store: Pick<RunStore, 'file' | 'write'>,
  outputs: AsyncIterable<Output>,
  emit: (event: RunEvent) => void,
): Promise<void> {
  for await (const [name, data] of outputs) {
    let bytes = 0
    await store.write(
      outputFiles[name],
      counted(data instanceof Uint8Array ? [data] : data, (length) => {
        bytes += length
      }),
    )
    emit({ type: 'output', name, path: store.file(outputFiles[name]), bytes })
  }
}

/** The outputs of a run that has no folder. */
export async function collectOutputs(outputs: AsyncIterable<Output>): Promise<OutputFiles> {
  const files: Partial<Record<OutputName, Uint8Array>> = {}
  for await (const [name, data] of outputs) files[name] = data instanceof Uint8Array ? data : concatBytes(data)
  return files as OutputFiles
}

function* counted(pieces: Iterable<Uint8Array>, count: (length: number) => void): Generator<Uint8Array> {
  for (const piece of pieces) {
    count(piece.length)
    yield piece
  }
}

/** The layer with its alpha held inside the bounds, both of one strip; in place. */
function within(bounds: FloatImage | null, layer: FloatImage): FloatImage {
  if (bounds === null) return layer
  const alpha = layer.data.subarray(3 * layer.width * layer.height)
  for (let i = 0; i < alpha.length; i++) alpha[i] = alpha[i]! * bounds.data[i]!
  return layer
}
