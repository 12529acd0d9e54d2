import { Text2LiveError } from '../../errors.js'
import { type SafetensorsTensor, float32Tensor } from '../../formats/safetensors.js'
import { toFloat32 } from '../../formats/toFloat32.js'
import type { FloatImage } from '../../media/image.js'
import type { LayerName, LayeredAtlas, Mapping } from '../layeredAtlas.js'
import { type Lattice, controlCount, denseMapping } from './lattice.js'
import type { Layers } from './solveTextures.js'

/** The atlas image of a layer: RGB bytes, interleaved, and where it lies. */
export interface AtlasImage {
  readonly origin: readonly [number, number]
  readonly scale: number
  readonly width: number
  readonly height: number
  readonly pixels: Uint8Array
}

export interface FastAtlasParts {
  readonly width: number
  readonly height: number
  readonly images: Layers<AtlasImage>
  readonly lattices: Layers<readonly Lattice[]>
  /** Per frame, 8 bits. */
  readonly opacity: readonly Uint8Array[]
}

/** A layered atlas of explicit images, B-spline mappings and opacity maps, as `fitFastAtlas` makes it. */
export class FastAtlas implements LayeredAtlas {
  readonly #parts: FastAtlasParts

  constructor(parts: FastAtlasParts) {
    this.#parts = parts
  }

  get frames(): number {
    return this.#parts.opacity.length
  }
  get width(): number {
    return this.#parts.width
  }
  get height(): number {
    return this.#parts.height
  }

  image(layer: LayerName): Promise<FloatImage> {
    const { width, height, pixels } = this.#parts.images[layer]
    const data = new Float32Array(pixels.length)
    const size = width * height
    for (let i = 0; i < size; i++) for (let c = 0; c < 3; c++) data[c * size + i] = pixels[3 * i + c]! / 255
    return Promise.resolve({ width, height, channels: 3, data })
  }

  mapping(layer: LayerName, frame: number): Promise<Mapping> {
    const { origin, scale } = this.#parts.images[layer]
    return Promise.resolve(denseMapping(this.#parts.lattices[layer][frame]!, this.#parts, origin, scale))
  }

  opacity(frame: number): Promise<FloatImage> {
    return Promise.resolve({
      width: this.width,
      height: this.height,
      channels: 1,
      data: new Float32Array(this.#parts.opacity[frame]!).map((x) => x / 255),
    })
  }

  /** All of it, for a safetensors file. */
  toTensors(): Map<string, SafetensorsTensor> {
    const { width, height, images, lattices, opacity } = this.#parts
    const tensors = new Map<string, SafetensorsTensor>([
      ['opacity', bytesTensor([opacity.length, height, width], joined(opacity))],
    ])
    for (const layer of layerNames) {
      const image = images[layer]
      tensors.set(`${layer}.image`, bytesTensor([image.height, image.width, 3], image.pixels))
      tensors.set(`${layer}.place`, float32Tensor([3], Float32Array.of(...image.origin, image.scale)))
      for (const [name, tensor] of latticeTensors(layer, lattices[layer])) tensors.set(name, tensor)
    }
    return tensors
  }

  /** @throws CHECKPOINT_INVALID when the tensors are not those of a fast atlas */
  static fromTensors(tensors: ReadonlyMap<string, SafetensorsTensor>): FastAtlas {
    const { shape, bytes } = expectTensor(tensors, 'opacity', 3)
    const [, height, width] = shape as readonly [number, number, number]
    const images = {} as Record<LayerName, AtlasImage>
    const lattices = {} as Record<LayerName, Lattice[]>
    for (const layer of layerNames) {
      const image = expectTensor(tensors, `${layer}.image`, 3)
      const [x, y, scale] = toFloat32(expectTensor(tensors, `${layer}.place`, 1), `${layer}.place`)
      images[layer] = {
        origin: [x!, y!],
        scale: scale!,
        width: image.shape[1]!,
        height: image.shape[0]!,
        pixels: image.bytes,
      }
      lattices[layer] = readLattices(tensors, layer)
    }
    const atlas = new FastAtlas({ width, height, images, lattices, opacity: split(bytes, width * height) })
    atlas.#assertWhole()
    return atlas
  }

  /** A file may say anything: what later stages index by must be as a fit makes it. */
  #assertWhole(): void {
    const { width, height, images, lattices, opacity } = this.#parts
    for (const layer of layerNames) {
      const { origin, scale, width: w, height: h, pixels } = images[layer]
      if (
        width > 0 &&
        height > 0 &&
        opacity.length > 0 &&
        latticesFit(lattices[layer], opacity.length, { width, height }) &&
        pixels.length === 3 * w * h &&
        w > 0 &&
        h > 0 &&
        scale > 0 &&
        origin.every(Number.isFinite)
      )
        continue
      throw new Text2LiveError(
        'CHECKPOINT_INVALID',
        `Expected the ${layer} of a fast atlas of ${opacity.length} frames of ${width}x${height}; its tensors do not fit together. Fit the atlas again.`,
      )
    }
  }
}

const layerNames = ['foreground', 'background'] as const satisfies readonly LayerName[]

/** `<layer>.lattices` [frames, 2, rows, columns] and `<layer>.spacing` [1]. */
export function latticeTensors(layer: LayerName, lattices: readonly Lattice[]): [string, SafetensorsTensor][] {
  const { rows, columns, spacing } = lattices[0]!
  const data = new Float32Array(lattices.length * 2 * rows * columns)
  lattices.forEach((lattice, t) => data.set(lattice.data, t * 2 * rows * columns))
  return [
    [`${layer}.lattices`, float32Tensor([lattices.length, 2, rows, columns], data)],
    [`${layer}.spacing`, float32Tensor([1], Float32Array.of(spacing))],
  ]
}

export function readLattices(tensors: ReadonlyMap<string, SafetensorsTensor>, layer: LayerName): Lattice[] {
  const tensor = expectTensor(tensors, `${layer}.lattices`, 4)
  const [frames, , rows, columns] = tensor.shape as readonly [number, number, number, number]
  const data = toFloat32(tensor, `${layer}.lattices`)
  const [spacing] = toFloat32(expectTensor(tensors, `${layer}.spacing`, 1), `${layer}.spacing`)
  const size = 2 * rows * columns
  return Array.from({ length: frames }, (_, t) => ({
    spacing: spacing!,
    rows,
    columns,
    data: data.slice(t * size, (t + 1) * size),
  }))
}

/** Does each frame of a clip have a lattice of its size? */
export function latticesFit(
  lattices: readonly Lattice[],
  frames: number,
  { width, height }: { readonly width: number; readonly height: number },
): boolean {
  return (
    lattices.length === frames &&
    lattices.every(
      ({ spacing, rows, columns, data }) =>
        spacing > 0 &&
        columns === controlCount(width, spacing) &&
        rows === controlCount(height, spacing) &&
        data.length === 2 * rows * columns,
    )
  )
}

export function expectTensor(
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  name: string,
  rank: number,
): SafetensorsTensor {
  const tensor = tensors.get(name)
  if (!tensor || tensor.shape.length !== rank) {
    throw new Text2LiveError(
      'CHECKPOINT_INVALID',
      `Expected a fast atlas with a tensor "${name}" of rank ${rank}; ` +
        `${tensor ? `it has shape [${tensor.shape.join(', ')}]` : `the file has ${[...tensors.keys()].slice(0, 12).join(', ') || 'none'}`}. Fit the atlas again.`,
    )
  }
  return tensor
}

export function bytesTensor(shape: readonly number[], bytes: Uint8Array): SafetensorsTensor {
  return { dtype: 'U8', shape, bytes }
}

/** The planes one after the other. */
export function joined(planes: readonly Uint8Array[]): Uint8Array {
  const size = planes[0]?.length ?? 0
  const result = new Uint8Array(planes.length * size)
  planes.forEach((plane, t) => result.set(plane, t * size))
  return result
}

/** Copies of the planes of `size` bytes each. */
export function split(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: bytes.length / size }, (_, t) => bytes.slice(t * size, (t + 1) * size))
}
