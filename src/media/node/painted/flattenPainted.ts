import { Text2LiveError } from '../../../errors.js'
import { printable } from '../../../printable.js'
import type { FloatImage } from '../../image.js'
import { baseLayerNames, layerNames, maskLayerName } from '../../encodePsd.js'
import type { PaintedDocument, PaintedLayer } from './paintedDocument.js'

/** Group pictures that are held at once, px: 16 bytes each. */
const maxBufferedPixels = 250_000_000
/** How far a layer may lie from the base and still be it: 8-bit rounding, there and back. */
const sameColour = 2.5 / 255

interface FlattenOptions {
  /** What messages call the document. */
  readonly name: string
  /** The picture that was painted over, RGB of the document's size, where it is known. */
  readonly base: FloatImage | null
  readonly note: (message: string) => void
}

/**
 * What somebody painted: all visible layers but the base (the layer of the picture that was painted over, which stands
 * for the clip), put over each other with their masks, opacity, groups and clipping, as Photoshop does in the
 * document's own colours. What lies under the base is hidden by it. Where there is no layer but the base, or none at
 * all, the whole picture counts.
 * @returns RGBA, straight alpha, sRGB
 * @throws Text2LiveError LAYER_UNSUPPORTED for what is seen and is no colour and opacity, by name; INPUT_TOO_LARGE
 */
export async function flattenPainted(
  document: PaintedDocument,
  { name, base, note }: FlattenOptions,
): Promise<FloatImage> {
  const { width, height, layers } = document
  if (layers.length === 0) {
    note(`${name} has no layers: all of it is taken as the painted layer.`)
    return await document.toSrgb(await document.merged())
  }
  const leaves = allLeaves(layers)
  const onlyBase = !leaves.some((leaf) => !isGuide(leaf) && !isBaseName(leaf))
  if (onlyBase)
    note(
      `${name} has no layer besides ${listed(leaves)}: that is taken as the painted layer. Paint on "${layerNames[0]}" or on a new layer to leave the clip as it is elsewhere.`,
    )
  const edit = await new Flattening(document, { name, base, note }, onlyBase).run()
  const alpha = edit.data.subarray(3 * width * height)
  if (alpha.every((value) => value === 0))
    note(`Nothing is painted in ${name}: no visible layer besides the base shows anything.`)
  else if (!onlyBase && alpha.every((value) => value === 1))
    note(`The paint in ${name} covers all of the picture: nothing of the clip shows through.`)
  return await document.toSrgb(edit)
}

const isBaseName = (layer: PaintedLayer): boolean =>
  layer.children === null && (baseLayerNames as readonly string[]).includes(layer.name)
const isGuide = (layer: PaintedLayer): boolean => layer.children === null && layer.name === maskLayerName
const allLeaves = (layers: readonly PaintedLayer[]): PaintedLayer[] =>
  layers.flatMap((layer) => (layer.children === null ? [layer] : allLeaves(layer.children)))
const listed = (layers: readonly PaintedLayer[]): string =>
  [...new Set(layers.map(({ name }) => quoted(name)))].join(' and ') || 'empty groups'
const quoted = (name: string): string => `"${printable(name, 80)}"`

/** A layer with what is clipped to it, from the bottom. */
interface ClippedGroup {
  readonly layer: PaintedLayer
  readonly clipped: readonly PaintedLayer[]
}

class Flattening {
  readonly #document: PaintedDocument
  readonly #options: FlattenOptions
  readonly #onlyBase: boolean
  readonly #plane: number
  #buffers = 0
  #hiddenByBase = false

  constructor(document: PaintedDocument, options: FlattenOptions, onlyBase: boolean) {
    this.#document = document
    this.#options = options
    this.#onlyBase = onlyBase
    this.#plane = document.width * document.height
  }

  async run(): Promise<FloatImage> {
    const canvas = this.#empty()
    await this.#draw(this.#document.layers, canvas)
    if (this.#hiddenByBase)
      this.#options.note(
        `In ${this.#options.name}, what lies under the base is hidden by it and left out. Move it above, or hide the base.`,
      )
    return canvas
  }

  /** Draws layers over what the canvas holds. */
  async #draw(layers: readonly PaintedLayer[], canvas: FloatImage): Promise<void> {
    for (const { layer, clipped } of this.#clippedGroups(layers)) {
      if (layer.hidden) continue
      if (isGuide(layer)) {
        this.#options.note(
          `The layer ${quoted(layer.name)} of ${this.#options.name} shows what the clip shows of the picture and is left out. Rename it if it is painted.`,
        )
        continue
      }
      // A group changes nothing by being one: its layers are drawn as if it were not there.
      if (
        layer.children !== null &&
        clipped.length === 0 &&
        layer.opacity === 1 &&
        layer.unsupported.length === 0 &&
        layer.mask() === null
      ) {
        await this.#draw(layer.children, canvas)
        continue
      }
      await this.#drawOne(
        layer,
        clipped.filter(({ hidden }) => !hidden),
        canvas,
      )
    }
  }

  async #drawOne(layer: PaintedLayer, clipped: readonly PaintedLayer[], canvas: FloatImage): Promise<void> {
    const { picture, isBase } = await this.#pictureOf(layer)
    if (isBase) {
      await this.#drawOnBase(layer, picture, clipped, canvas)
      return
    }
    this.#refuse(layer, picture)
    if (
      layer.children !== null &&
      clipped.length > 0 &&
      allLeaves(layer.children).some((leaf) => isBaseName(leaf) && !leaf.hidden)
    ) {
      throw this.#unsupported(clipped[0]!, ['is clipped to a group that holds the base'])
    }
    if (picture === null) return
    for (const one of clipped) {
      const paint = await this.#pictureOf(one)
      if (paint.isBase) continue
      this.#refuse(one, paint.picture)
      if (paint.picture !== null) atop(picture, paint.picture, one.mask(), one.opacity)
    }
    over(canvas, picture, layer.mask(), layer.opacity)
  }

  /** The base hides what lies under it, and of itself leaves only the paint that is clipped to it. */
  async #drawOnBase(
    layer: PaintedLayer,
    picture: FloatImage | null,
    clipped: readonly PaintedLayer[],
    canvas: FloatImage,
  ): Promise<void> {
    const mask = layer.mask()
    if (layer.opacity < 1 || mask !== null || layer.unsupported.length > 0) {
      this.#options.note(
        `The layer ${quoted(layer.name)} of ${this.#options.name} stands for the clip, which stays as it is: its opacity, mask and effects are not taken.`,
      )
    }
    if (picture === null) return
    const shape = picture.data.subarray(3 * this.#plane)
    if (mask !== null) for (let i = 0; i < this.#plane; i++) shape[i]! *= mask[i]!
    if (knockOut(canvas, shape, layer.opacity)) this.#hiddenByBase = true
    if (clipped.length === 0) return
    const paint = this.#empty()
    await this.#draw(
      clipped.map((one) => ({ ...one, clipped: false })),
      paint,
    )
    over(canvas, paint, shape, layer.opacity)
    this.#buffers--
  }

  /** The pixels of a layer, or of a group's layers put together, and whether it is the base. */
  async #pictureOf(layer: PaintedLayer): Promise<{ picture: FloatImage | null; isBase: boolean }> {
    if (layer.children !== null) {
      const picture = this.#empty()
      await this.#draw(layer.children, picture)
      this.#buffers--
      return { picture, isBase: false }
    }
    const picture = await layer.pixels()
    return {
      picture,
      isBase: picture === null ? isBaseName(layer) && !this.#onlyBase : await this.#isBase(layer, picture),
    }
  }

  /** By its name, or since it is the picture that was painted over, whatever it is called. */
  async #isBase(layer: PaintedLayer, pixels: FloatImage): Promise<boolean> {
    const named = isBaseName(layer) && !this.#onlyBase
    const { base, name, note } = this.#options
    if (base === null) return named
    if (!named && pixels.data.subarray(3 * this.#plane).some((value) => value < 1)) return false
    const { data } = await this.#document.toSrgb(pixels)
    let different = 0
    for (let i = 0; i < this.#plane; i++) {
      const off =
        data[3 * this.#plane + i]! < 1 ||
        [0, 1, 2].some((c) => Math.abs(data[c * this.#plane + i]! - base.data[c * this.#plane + i]!) > sameColour)
      if (off) different++
      if (off && !named) return false
    }
    if (named && different > 0) {
      note(
        `The layer ${quoted(layer.name)} of ${name} differs from the atlas image in ${percent(different / this.#plane)} of its pixels. It stands for the clip, and what is painted on it is not taken: ` +
          `paint on "${layerNames[0]}" or on a new layer.`,
      )
    }
    if (!named)
      note(`The layer ${quoted(layer.name)} of ${name} is the atlas image as it was, and stands for the clip.`)
    return true
  }

  /** Only what is seen is refused. */
  #refuse(layer: PaintedLayer, picture: FloatImage | null): void {
    if (layer.unsupported.length === 0) return
    if (
      layer.seenWithoutPixels ||
      (picture !== null && picture.data.subarray(3 * this.#plane).some((value) => value > 0))
    )
      throw this.#unsupported(layer, layer.unsupported)
  }

  #unsupported(layer: PaintedLayer, features: readonly string[]): Text2LiveError {
    return new Text2LiveError(
      'LAYER_UNSUPPORTED',
      `The ${layer.children === null ? 'layer' : 'group'} ${quoted(layer.name)} of ${this.#options.name} ${features.map((one) => printable(one, 100)).join(' and ')}. ` +
        'An edit is colour and opacity, put over a clip whose pixels change from frame to frame; what depends on the pixels below it, or is drawn by the program alone, cannot be taken. ' +
        'Set the layer to Normal, rasterize or merge it into a normal layer, or hide it.',
    )
  }

  /** Layers with those that are clipped to them. What is clipped to nothing is a layer as others. */
  #clippedGroups(layers: readonly PaintedLayer[]): ClippedGroup[] {
    const groups: { layer: PaintedLayer; clipped: PaintedLayer[] }[] = []
    for (const layer of layers) {
      const below = groups.at(-1)
      if (layer.clipped && below !== undefined) below.clipped.push(layer)
      else groups.push({ layer, clipped: [] })
    }
    return groups
  }

  /** A picture without anything on it; the caller counts it off again. */
  #empty(): FloatImage {
    const { width, height } = this.#document
    this.#buffers++
    if (this.#buffers * this.#plane > maxBufferedPixels) {
      throw new Text2LiveError(
        'INPUT_TOO_LARGE',
        `The groups of ${this.#options.name} are nested ${this.#buffers} deep at ${width}x${height}. Merge some of them.`,
      )
    }
    return { width, height, channels: 4, data: new Float32Array(4 * this.#plane) }
  }
}

const percent = (share: number): string => (share < 0.01 ? 'less than 1 %' : `${Math.round(100 * share)} %`)

/** Puts a layer over the canvas, both with straight alpha. On an empty place its samples are kept as they are. */
function over(canvas: FloatImage, layer: FloatImage, coverage: Float32Array | null, opacity: number): void {
  const plane = canvas.width * canvas.height
  const [to, from] = [canvas.data, layer.data]
  for (let i = 0; i < plane; i++) {
    const source = from[3 * plane + i]! * opacity * (coverage === null ? 1 : coverage[i]!)
    const below = to[3 * plane + i]!
    if (below === 0) {
      for (let c = 0; c < 3; c++) to[c * plane + i] = from[c * plane + i]!
      to[3 * plane + i] = source
    } else if (source > 0) {
      const alpha = source + below * (1 - source)
      for (let c = 0; c < 3; c++)
        to[c * plane + i] = (source * from[c * plane + i]! + (alpha - source) * to[c * plane + i]!) / alpha
      to[3 * plane + i] = alpha
    }
  }
}

/** Paints a layer on another one where that has pixels: its alpha stays. */
function atop(picture: FloatImage, layer: FloatImage, coverage: Float32Array | null, opacity: number): void {
  const plane = picture.width * picture.height
  const [to, from] = [picture.data, layer.data]
  for (let i = 0; i < plane; i++) {
    const source = from[3 * plane + i]! * opacity * (coverage === null ? 1 : coverage[i]!)
    if (source > 0)
      for (let c = 0; c < 3; c++) to[c * plane + i] = source * from[c * plane + i]! + (1 - source) * to[c * plane + i]!
  }
}

/** Hides what the canvas holds behind a shape that is not drawn. @returns whether there was something */
function knockOut(canvas: FloatImage, shape: Float32Array, opacity: number): boolean {
  const alpha = canvas.data.subarray(3 * canvas.width * canvas.height)
  let found = false
  for (let i = 0; i < alpha.length; i++) {
    if (alpha[i] === 0) continue
    if (shape[i]! * opacity > 0) found = true
    alpha[i]! *= 1 - shape[i]! * opacity
  }
  return found
}
