import type { Runtime } from '../../engine/runtime.js'
import { Text2LiveError } from '../../errors.js'
import { type SafetensorsTensor, float32Tensor } from '../../formats/safetensors.js'
import { toFloat32 } from '../../formats/toFloat32.js'
import type { FloatImage } from '../../media/image.js'
import type { Box } from '../frameBoxes.js'
import type { LayerName, LayeredAtlas, Mapping } from '../layeredAtlas.js'
import {
  type AtlasWeights,
  type NetworkName,
  type NetworkShapes,
  type NetworkWeights,
  networkNames,
} from './atlasNetworks.js'
import { FrameCache } from './frameCache.js'
import type { ImlpShape } from './imlp.js'
import { NetworkEvaluator } from './networkEvaluator.js'

export interface NeuralAtlasOptions {
  readonly runtime: Runtime
  readonly shapes: NetworkShapes
  readonly weights: AtlasWeights
  /** Frames it was fitted to: they decide what the networks take for time. */
  readonly frames: number
  /** Size of a frame, px. */
  readonly width: number
  readonly height: number
  /** Pixels along an atlas of (u, v) in [0, 1]. Default 2000. */
  readonly resolution?: number
  /**
   * 'reference': pixel k of an atlas image is rendered at k / resolution, half a pixel off where it is looked up (D1);
   * 'fixed': at (k + 1/2) / resolution. Default 'fixed'.
   */
  readonly behaviour?: 'reference' | 'fixed'
  /** Memory for mappings and opacities that are kept, bytes. Default 768 MB: 75 frames of 768x432. */
  readonly cacheBytes?: number
}

export interface PrepareOptions {
  readonly signal?: AbortSignal
  /** Frames looked at, of all. */
  readonly onProgress?: (done: number, total: number) => void
}

const layerNames = ['foreground', 'background'] as const satisfies readonly LayerName[]

/**
 * Where a layer's colours lie for the one network of both: (u, v) in [0, 1] for the foreground, [-1, 0] for the
 * background.
 */
const quadrants: Readonly<Record<LayerName, number>> = { foreground: 0, background: -1 }

/**
 * A layered neural atlas (Kasten et al. 2021): mappings, opacity and atlas are networks, evaluated a frame at a time.
 * Its atlas images are discretised and cropped to the box that the clip uses, which the first call of `image` or
 * `mapping` finds by mapping every frame.
 */
export class NeuralAtlas implements LayeredAtlas {
  readonly frames: number
  readonly width: number
  readonly height: number
  readonly resolution: number
  readonly behaviour: 'reference' | 'fixed'
  readonly #evaluators: Readonly<Record<NetworkName, NetworkEvaluator>>
  readonly #cache: FrameCache
  readonly #images = new Map<LayerName, Promise<FloatImage>>()
  readonly #boxes = new Map<LayerName, Promise<Box>>()
  readonly #known = new Map<LayerName, Box>()
  readonly #options: NeuralAtlasOptions

  constructor(options: NeuralAtlasOptions) {
    this.#options = options
    const { runtime, shapes, weights, cacheBytes = 768e6 } = options
    this.frames = options.frames
    this.width = options.width
    this.height = options.height
    this.resolution = options.resolution ?? 2000
    this.behaviour = options.behaviour ?? 'fixed'
    this.#evaluators = Object.fromEntries(
      networkNames.map((name) => [name, new NetworkEvaluator(runtime, shapes[name], weights[name])]),
    ) as Record<NetworkName, NetworkEvaluator>
    this.#cache = new FrameCache(cacheBytes)
  }

  /** Maps every frame and renders both atlas images: what takes long, once. */
  async prepare({ signal, onProgress }: PrepareOptions = {}): Promise<void> {
    for (const [i, layer] of layerNames.entries()) {
      await kept(this.#boxes, layer, () =>
        this.#findBox(layer, {
          ...(signal ? { signal } : {}),
          onProgress: (done) => {
            onProgress?.(i * this.frames + done, layerNames.length * this.frames)
          },
        }),
      )
      await this.image(layer)
    }
  }

  /** The part of the `resolution` x `resolution` atlas of a layer that `image` shows, px. */
  async box(layer: LayerName): Promise<Box> {
    return await kept(this.#boxes, layer, () => this.#findBox(layer, {}))
  }

  async image(layer: LayerName): Promise<FloatImage> {
    return await kept(this.#images, layer, () => this.#render(layer))
  }

  async mapping(layer: LayerName, frame: number): Promise<Mapping> {
    const { x, y } = await this.box(layer)
    const positions = await this.#positions(layer, frame)
    const size = this.width * this.height
    const data = new Float32Array(2 * size)
    for (let i = 0; i < size; i++) {
      data[i] = positions[i]! - x
      data[size + i] = positions[size + i]! - y
    }
    return { width: this.width, height: this.height, data }
  }

  async opacity(frame: number): Promise<FloatImage> {
    const data = await this.#cache.get(`opacity ${frame}`, async () =>
      (await this.#atPixels('opacity', frame)).map(opacityOf),
    )
    return { width: this.width, height: this.height, channels: 1, data }
  }

  /**
   * Everything it is made of, for a file, and its boxes where they are known, so that who reads it need not map every
   * frame; `fromTensors` reads it.
   */
  toTensors(): Map<string, SafetensorsTensor> {
    const { frames, height, width, resolution } = this
    const about = Float32Array.of(1, frames, height, width, resolution, this.behaviour === 'reference' ? 1 : 0)
    const tensors = new Map([['neuralAtlas', float32Tensor([about.length], about)]])
    for (const [layer, { x, y, width: w, height: h }] of this.#known)
      tensors.set(`${layer}.box`, float32Tensor([4], Float32Array.of(x, y, w, h)))
    for (const name of networkNames) {
      for (const [parameter, { shape, data }] of this.#options.weights[name])
        tensors.set(`${name}.${parameter}`, float32Tensor(shape, data))
    }
    return tensors
  }

  /** @throws ATLAS_INVALID for tensors that are none of a neural atlas */
  static fromTensors(
    tensors: ReadonlyMap<string, SafetensorsTensor>,
    { runtime, cacheBytes }: Pick<NeuralAtlasOptions, 'runtime' | 'cacheBytes'>,
  ): NeuralAtlas {
    const about = tensors.get('neuralAtlas')
    const [version, frames, height, width, resolution, reference] = about ? toFloat32(about, 'neuralAtlas') : []
    const sizes = [frames, height, width, resolution]
    if (
      version !== 1 ||
      !frames ||
      !height ||
      !width ||
      !resolution ||
      !sizes.every((size) => Number.isInteger(size) && size! > 0 && size! <= 65536)
    ) {
      throw notNeural('it does not say the frames and sizes it was fitted to')
    }
    const networks = networkNames.map((name) => [name, networkOf(name, tensors)] as const)
    const atlas = new NeuralAtlas({
      runtime,
      frames,
      height,
      width,
      resolution,
      behaviour: reference === 1 ? 'reference' : 'fixed',
      ...(cacheBytes === undefined ? {} : { cacheBytes }),
      shapes: Object.fromEntries(networks.map(([name, { shape }]) => [name, shape])) as Record<NetworkName, ImlpShape>,
      weights: Object.fromEntries(networks.map(([name, { weights }]) => [name, weights])) as Record<
        NetworkName,
        NetworkWeights
      >,
    })
    for (const layer of layerNames) {
      const box = tensors.get(`${layer}.box`)
      if (!box) continue
      const [x = NaN, y = NaN, w = NaN, h = NaN] = toFloat32(box, `${layer}.box`)
      if (
        ![x, y, w, h].every(Number.isInteger) ||
        x < 0 ||
        y < 0 ||
        w < 1 ||
        h < 1 ||
        x + w > resolution + 1 ||
        y + h > resolution + 1
      )
        throw notNeural(`the box of the ${layer} is [${[x, y, w, h].join(', ')}]`)
      atlas.#known.set(layer, { x, y, width: w, height: h })
    }
    return atlas
  }

  async dispose(): Promise<void> {
    this.#cache.clear()
    for (const evaluator of Object.values(this.#evaluators)) await evaluator.dispose()
  }

  /** The box of what is mapped: from the smallest position, whole, to the largest. */
  async #findBox(layer: LayerName, { signal, onProgress }: PrepareOptions): Promise<Box> {
    const known = this.#known.get(layer)
    if (known) return known
    let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity]
    const size = this.width * this.height
    for (let t = 0; t < this.frames; t++) {
      signal?.throwIfAborted()
      const positions = await this.#positions(layer, t)
      for (let i = 0; i < size; i++) {
        const [x, y] = [positions[i]!, positions[size + i]!]
        if (x < left) left = x
        if (x > right) right = x
        if (y < top) top = y
        if (y > bottom) bottom = y
      }
      onProgress?.(t + 1, this.frames)
    }
    if (![left, top, right, bottom].every(Number.isFinite)) throw notNeural('its mappings give no finite positions')
    const [x, y] = [Math.floor(left), Math.floor(top)]
    const box = { x, y, width: Math.max(Math.ceil(right - x), 1), height: Math.max(Math.ceil(bottom - y), 1) }
    this.#known.set(layer, box)
    return box
  }

  /** Planes x, y of a frame's pixels in the whole atlas of a layer, px. */
  async #positions(layer: LayerName, frame: number): Promise<Float32Array> {
    return await this.#cache.get(`${layer} ${frame}`, async () => {
      const mapped = await this.#atPixels(layer, frame)
      const size = this.width * this.height
      const planes = new Float32Array(2 * size)
      // 0.5 m + 0.5 for the foreground; 0.5 m - 0.5, a unit left, for the background.
      for (let i = 0; i < size; i++) {
        planes[i] = (0.5 * mapped[2 * i]! + 0.5) * this.resolution
        planes[size + i] = (0.5 * mapped[2 * i + 1]! + 0.5) * this.resolution
      }
      return planes
    })
  }

  /** A network at every pixel of a frame. */
  async #atPixels(network: 'foreground' | 'background' | 'opacity', frame: number): Promise<Float32Array> {
    const { width, height, frames } = this
    if (!Number.isInteger(frame) || frame < 0 || frame >= frames)
      throw new RangeError(`the atlas has frames 0 to ${frames - 1}, asked for ${frame}`)
    const half = Math.max(width, height) / 2
    return await this.#evaluators[network].evaluate(width * height, (points, from, to) => {
      for (let i = from, at = 0; i < to; i++) {
        points[at++] = (i % width) / half - 1
        points[at++] = Math.floor(i / width) / half - 1
        points[at++] = frame / (frames / 2) - 1
      }
    })
  }

  async #render(layer: LayerName): Promise<FloatImage> {
    const { x, y, width, height } = await this.box(layer)
    const { resolution } = this
    const shift = this.behaviour === 'reference' ? 0 : 0.5
    const colours = await this.#evaluators.atlas.evaluate(width * height, (points, from, to) => {
      for (let i = from, at = 0; i < to; i++) {
        points[at++] = (x + (i % width) + shift) / resolution + quadrants[layer]
        points[at++] = (y + Math.floor(i / width) + shift) / resolution + quadrants[layer]
      }
    })
    const size = width * height
    const data = new Float32Array(3 * size)
    for (let i = 0; i < size; i++) {
      // The published code renders no pixel beyond the atlas.
      if (x + (i % width) >= resolution || y + Math.floor(i / width) >= resolution) continue
      for (let c = 0; c < 3; c++) data[c * size + i] = 0.5 * (colours[3 * i + c]! + 1)
    }
    return { width, height, channels: 3, data }
  }
}

/** What the opacity network's output in (-1, 1) means: [0.001, 0.991]. */
export function opacityOf(output: number): number {
  return 0.99 * (0.5 * (output + 1)) + 0.001
}

/** One promise per key; a failed one is not kept. */
function kept<K, V>(promises: Map<K, Promise<V>>, key: K, make: () => Promise<V>): Promise<V> {
  const known = promises.get(key)
  if (known) return known
  const made = make()
  promises.set(key, made)
  made.catch(() => promises.delete(key))
  return made
}

/** Reads a network's shape off its weights. */
function networkOf(
  name: NetworkName,
  tensors: ReadonlyMap<string, SafetensorsTensor>,
): { shape: ImlpShape; weights: NetworkWeights } {
  const weights = new Map<string, { shape: readonly number[]; data: Float32Array }>()
  let layers = 0
  for (; tensors.has(`${name}.hidden.${layers}.weight`); layers++) {
    for (const part of ['weight', 'bias']) {
      const tensor = tensors.get(`${name}.hidden.${layers}.${part}`)
      if (!tensor) throw notNeural(`${name}.hidden.${layers}.${part} is missing`)
      weights.set(`hidden.${layers}.${part}`, { shape: tensor.shape, data: toFloat32(tensor, name) })
    }
  }
  const rows = (i: number) => weights.get(`hidden.${i}.weight`)?.shape ?? []
  const [width, encoded] = rows(0)
  const [outputs] = rows(layers - 1)
  if (!width || !encoded || !outputs) throw notNeural(`the network "${name}" is missing`)
  const inputs = name === 'atlas' ? 2 : 3
  const frequencies = encoded === inputs ? 0 : encoded / (2 * inputs)
  const skips = Array.from({ length: layers }, (_, i) => i).filter((i) => i > 0 && rows(i)[1] !== width)
  return { shape: { inputs, outputs, layers, width, frequencies, skips }, weights }
}

function notNeural(why: string): Text2LiveError {
  return new Text2LiveError(
    'ATLAS_INVALID',
    `Expected a neural atlas, but ${why}. Fit the atlas again, or copy its file again.`,
  )
}
