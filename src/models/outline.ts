import { z } from 'zod'
import { Graph, type Value } from '../engine/graph.js'
import { add, concat, conv2d, div, maxPool2, relu, resampleSeparable, sigmoid, sub, upsample2x } from '../engine/ops.js'
import type { Runtime } from '../engine/runtime.js'
import { Text2LiveError } from '../errors.js'
import type { FloatImage } from '../media/image.js'
import { resize } from '../media/resample.js'
import type { FileSource } from './fileSource.js'
import { bindWeights, weightFeeds, type WeightInputs, type WeightTensor } from './guidance.js'
import { openWeightFile, readJson } from './weightFile.js'

/**
 * The outline network, U²-Netp (Qin et al. 2020, "U²-Net: Going deeper with nested U-structure for salient object
 * detection"): what stands out in a picture, to its edges. It knows no words.
 */
export interface OutlineModel {
  readonly name: 'outline'
  /** Side of the square that a picture is squeezed into, px. */
  readonly imageSize: number
  readonly mean: readonly [number, number, number]
  readonly std: readonly [number, number, number]
  readonly weights: ReadonlyMap<string, WeightTensor>
  /** All of them: convolutions with constant kernels are the fast ones on the CPU (see `GuidanceModel.constants`). */
  readonly constants: ReadonlySet<string>
}

/** Channels inside a block, and of what a block gives. */
const [INNER, OUTER] = [16, 64]

/**
 * A residual U-block: `levels` convolutions down and as many up; `dilated` ones keep the resolution and widen the
 * kernel instead.
 */
interface Block {
  readonly name: string
  readonly channels: number
  readonly levels: number
  readonly dilated: boolean
}

const block = (name: string, channels: number, levels: number, dilated = false): Block => ({
  name,
  channels,
  levels,
  dilated,
})
const encoder = [
  block('stage1', 3, 7),
  block('stage2', OUTER, 6),
  block('stage3', OUTER, 5),
  block('stage4', OUTER, 4),
  block('stage5', OUTER, 4, true),
  block('stage6', OUTER, 4, true),
]
const decoder = [
  block('stage5d', 2 * OUTER, 4, true),
  block('stage4d', 2 * OUTER, 4),
  block('stage3d', 2 * OUTER, 5),
  block('stage2d', 2 * OUTER, 6),
  block('stage1d', 2 * OUTER, 7),
]

const configSchema = z.object({
  format: z.literal('text2live-outline-1'),
  architecture: z.literal('u2netp'),
  image_size: z.int().multipleOf(32).min(64).max(2048),
  mean: z.tuple([z.number(), z.number(), z.number()]),
  std: z.tuple([z.number().positive(), z.number().positive(), z.number().positive()]),
})

/**
 * Loads the outline network from a folder laid out as models/outline.
 * @throws GUIDANCE_INVALID for missing files, tensors or numbers; SAFETENSORS_INVALID
 */
export async function loadOutline(source: FileSource): Promise<OutlineModel> {
  const parsed = configSchema.safeParse(await readJson(source, 'config.json'))
  if (!parsed.success) {
    const problems = parsed.error.issues
      .slice(0, 3)
      .map(({ path, message }) => `${path.join('.')}: ${message}`)
      .join('; ')
    throw new Text2LiveError(
      'GUIDANCE_INVALID',
      `Expected ${source.location}/config.json to describe an outline network: ${problems}. Copy the folder again.`,
    )
  }
  const shapes = weightShapes()
  const file = await openWeightFile(source, 'model.safetensors', shapes)
  const { image_size: imageSize, mean, std } = parsed.data
  return {
    name: 'outline',
    imageSize,
    mean,
    std,
    weights: await file.weights(shapes.keys()),
    constants: new Set(shapes.keys()),
  }
}

/** The outline network on one device, compiled. */
export interface OutlineFinder {
  /**
   * How much each pixel belongs to what stands out in the picture.
   * @param picture 3 channels, [0, 1], any shape
   * @returns 1 channel of the picture's size, [0, 1]
   */
  find(picture: FloatImage): Promise<FloatImage>
  release(): Promise<void>
}

/** Compiles the network once, for any number of pictures. */
async function openOutline(model: OutlineModel, runtime: Runtime): Promise<OutlineFinder> {
  const side = model.imageSize
  const graph = new Graph()
  const { inputs, used } = bindWeights(graph, model)
  const map = outlineGraph(graph.input('picture', [1, 3, side, side]), model, inputs)
  const program = await runtime.compile(graph, { map })
  const weights = weightFeeds(used, runtime)
  return {
    async find(picture) {
      const seen = resize(picture, side, side, bilinear)
      const result = await program.run({
        ...weights,
        picture: new runtime.Tensor('float32', divided(seen.data), [1, 3, side, side]),
      })
      const data = (await result.map!.getData()) as Float32Array
      return resize({ width: side, height: side, channels: 1, data }, picture.width, picture.height, bilinear)
    },
    release: () => program.release(),
  }
}

const bilinear = { filter: 'bilinear', antialias: true } as const

/** Opens the network for one piece of work. */
export async function withOutline<T>(
  model: OutlineModel,
  runtime: Runtime,
  work: (finder: OutlineFinder) => Promise<T>,
): Promise<T> {
  const finder = await openOutline(model, runtime)
  try {
    return await work(finder)
  } finally {
    await finder.release()
  }
}

/** How much each pixel of one picture belongs to what stands out: `find` of a network opened for it. */
export const outlineMap = (picture: FloatImage, model: OutlineModel, runtime: Runtime): Promise<FloatImage> =>
  withOutline(model, runtime, (finder) => finder.find(picture))

/** By the picture's largest value, as the published code does before it normalises. */
function divided(data: Float32Array): Float32Array {
  const largest = data.reduce((most, x) => Math.max(most, x), 0)
  return largest > 0 ? data.map((x) => x / largest) : data
}

/**
 * A picture [1, 3, H, W] divided by its largest value, H and W multiples of 32 -> the fused map [1, 1, H, W] in [0, 1].
 */
export function outlineGraph(
  picture: Value,
  { mean, std }: Pick<OutlineModel, 'mean' | 'std'>,
  w: WeightInputs,
): Value {
  const [, , height, width] = picture.shape as [number, number, number, number]
  const perChannel = (values: readonly number[]): Value => picture.graph.constant(values, [1, 3, 1, 1])
  let x = div(sub(picture, perChannel(mean)), perChannel(std))
  const features = encoder.map((each, i) => {
    x = residualBlock(i === 0 ? x : maxPool2(x), each, w)
    return x
  })
  const decoded = [x]
  decoder.forEach((each, i) => {
    x = residualBlock(concat([upsample2x(x), features[encoder.length - 2 - i]!], 1), each, w)
    decoded.push(x)
  })
  // Side outputs, the finest first: one channel each, brought to the picture's size.
  const sides = decoded.reverse().map((each, i) => enlarged(convolve(each, `side${i + 1}`, 1, w), height, width))
  return sigmoid(convolve(concat(sides, 1), 'out', 1, w))
}

/** x [1, C, h, w] -> [1, 64, h, w]: down, up again with what each level saw, added to the block's own input. */
function residualBlock(x: Value, { name, levels, dilated }: Block, w: WeightInputs): Value {
  const layer = (input: Value, part: string, dilation: number): Value =>
    relu(convolve(input, `${name}.${part}`, dilation, w))
  const dilation = (level: number): number => (dilated ? 2 ** (level - 1) : level === levels ? 2 : 1)
  const input = layer(x, 'in', 1)
  const down: Value[] = []
  for (let level = 1; level <= levels; level++) {
    const from = down.at(-1) ?? input
    // The last level widens its kernel instead of halving the resolution once more.
    down.push(layer(dilated || level === 1 || level === levels ? from : maxPool2(from), String(level), dilation(level)))
  }
  let up = down.pop()!
  for (let level = levels - 1; level >= 1; level--) {
    const beside = down.pop()!
    const same = up.shape[2] === beside.shape[2]
    up = layer(concat([same ? up : upsample2x(up), beside], 1), `${level}d`, dilated ? dilation(level) : 1)
  }
  return add(up, input)
}

/** A convolution with bias that keeps the size. */
function convolve(x: Value, name: string, dilation: number, w: WeightInputs): Value {
  const weight = w(`${name}.weight`)
  const reach = (dilation * (weight.shape[2]! - 1)) / 2
  return conv2d(x, weight, { bias: w(`${name}.bias`), dilation, pads: [reach, reach, reach, reach] })
}

/** Bilinear, half-pixel centres. */
function enlarged(x: Value, height: number, width: number): Value {
  const [, , h, w] = x.shape as [number, number, number, number]
  if (h === height && w === width) return x
  const taps = (from: number, to: number): Value => {
    const data = new Float32Array(to * from)
    for (let i = 0; i < to; i++) {
      const at = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1)
      const low = Math.min(Math.floor(at), from - 1)
      data[i * from + low]! += 1 - (at - low)
      data[i * from + Math.min(low + 1, from - 1)]! += at - low
    }
    return x.graph.constant(data, [1, to, from])
  }
  return resampleSeparable(x, taps(h, height), taps(w, width))
}

/** Names and shapes of all weights. */
function weightShapes(): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>()
  const convolution = (name: string, out: number, inputs: number, kernel = 3): void => {
    shapes.set(`${name}.weight`, [out, inputs, kernel, kernel])
    shapes.set(`${name}.bias`, [out])
  }
  for (const { name, channels, levels } of [...encoder, ...decoder]) {
    convolution(`${name}.in`, OUTER, channels)
    for (let level = 1; level <= levels; level++) convolution(`${name}.${level}`, INNER, level === 1 ? OUTER : INNER)
    for (let level = levels - 1; level >= 1; level--)
      convolution(`${name}.${level}d`, level === 1 ? OUTER : INNER, 2 * INNER)
  }
  encoder.forEach((_, i) => convolution(`side${i + 1}`, 1, OUTER))
  convolution('out', 1, encoder.length, 1)
  return shapes
}
