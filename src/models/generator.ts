import { type Value, dim, sizeOf } from '../engine/graph.js'
import {
  add,
  channelVariance,
  concat,
  conv2d,
  instanceNorm,
  leakyRelu,
  matmul,
  mul,
  pad,
  reciprocal,
  reshape,
  sigmoid,
  slice,
  sqrt,
  upsample2x,
} from '../engine/ops.js'
import { randomStream } from '../engine/random.js'

/** Widths of the generator; the published one is { width: 128, skipWidth: 4, levels: 7 }. */
export interface GeneratorShape {
  /** Channels of every layer of encoder and decoder. */
  readonly width: number
  /** Channels of the 1x1 skip at every level. */
  readonly skipWidth: number
  /** Times the image is halved. */
  readonly levels: number
}

export const publishedGenerator: GeneratorShape = { width: 128, skipWidth: 4, levels: 7 }

/** The published generator with other widths: what the settings ask for. */
export function generatorOf({
  generatorWidth,
  generatorLevels = publishedGenerator.levels,
}: {
  readonly generatorWidth: number
  readonly generatorLevels?: number
}): GeneratorShape {
  return { ...publishedGenerator, width: generatorWidth, levels: generatorLevels }
}

export interface Parameter {
  /** Name in the published state dict. */
  readonly name: string
  readonly shape: readonly number[]
  /** Uniform in +-1 / sqrt(fanIn) (PyTorch's convolution), or a constant (norms). */
  readonly init: { readonly fanIn: number } | { readonly constant: number }
}

export const BATCH_NORM_EPS = 1e-5
const SLOPE = 0.2

/** out = M rgb: from decorrelated colours to RGB. */
const DECORRELATED_TO_RGB = [0.562829, 0.31172, 0.069271, 0.584476, 0, -0.173178, 0.584476, -0.31172, 0.103907]

/**
 * The trained parameters in the order of the flat parameter vector, which is that of the backward pass. Not among them,
 * as the loss does not depend on them: convolution biases that precede a norm, and the bias of the norm after each
 * concatenation, which the next norm removes.
 */
export function generatorParameters({ width, skipWidth, levels }: GeneratorShape): Parameter[] {
  const conv = (name: string, out: number, into: number, k: number): Parameter => ({
    name: `${name}.weight`,
    shape: [out, into, k, k],
    init: { fanIn: into * k * k },
  })
  const bias = (name: string, out: number, fanIn: number): Parameter => ({
    name: `${name}.bias`,
    shape: [out],
    init: { fanIn },
  })
  const norm = (name: string, n: number): Parameter[] => [
    { name: `${name}.weight`, shape: [n], init: { constant: 1 } },
    { name: `${name}.bias`, shape: [n], init: { constant: 0 } },
  ]
  const decoder = (level: number): Parameter[] => {
    const at = levelName(level)
    return [
      ...(level > 0 ? norm(`${at}.7`, width) : [bias(`${at}.6.1`, width, width)]),
      conv(`${at}.6.1`, width, width, 1),
      ...norm(`${at}.4`, width),
      conv(`${at}.3.1`, width, skipWidth + width, 3),
      { name: `${at}.2.weight`, shape: [skipWidth + width], init: { constant: 1 } },
      ...norm(`${at}.1.0.2`, skipWidth),
      conv(`${at}.1.0.1.1`, skipWidth, level === 0 ? 3 : width, 1),
    ]
  }
  const encoder = (level: number): Parameter[] => {
    const at = levelName(level)
    return [
      ...norm(`${at}.1.1.5`, width),
      conv(`${at}.1.1.4.1`, width, width, 3),
      ...norm(`${at}.1.1.2`, width),
      conv(`${at}.1.1.1.1`, width, level === 0 ? 3 : width, 3),
    ]
  }
  const all = Array.from({ length: levels }, (_, level) => level)
  return [
    bias('netG.8.1', 4, width),
    conv('netG.8.1', 4, width, 1),
    ...all.flatMap(decoder),
    ...all.reverse().flatMap(encoder),
  ]
}

/** Module path of a level of the published network. */
function levelName(level: number): string {
  return `netG${'.1.1.7'.repeat(level)}`
}

/** Fresh parameters, concatenated in the order of `generatorParameters`. */
export function initialParameters(shape: GeneratorShape, seed: number): Float32Array {
  const parameters = generatorParameters(shape)
  const flat = new Float32Array(parameterCount(shape))
  let offset = 0
  for (const parameter of parameters) {
    const part = flat.subarray(offset, (offset += sizeOf(parameter.shape)))
    if ('constant' in parameter.init) part.fill(parameter.init.constant)
    else {
      const bound = 1 / Math.sqrt(parameter.init.fanIn)
      const draws = randomStream(seed, `generator ${parameter.name}`)
      for (let i = 0; i < part.length; i++) part[i] = draws.uniform(-bound, bound)
    }
  }
  return flat
}

/** Numbers in the flat parameter vector. */
export function parameterCount(shape: GeneratorShape): number {
  return generatorParameters(shape).reduce((n, parameter) => n + sizeOf(parameter.shape), 0)
}

/** The parameters as tensors cut from one flat vector [P], by published name. */
export function splitParameters(flat: Value, shape: GeneratorShape): Map<string, Value> {
  let offset = 0
  return new Map(
    generatorParameters(shape).map((parameter) => {
      const part = slice(flat, { axes: [0], starts: [offset], ends: [(offset += sizeOf(parameter.shape))] })
      return [parameter.name, reshape(part, parameter.shape)]
    }),
  )
}

/**
 * The generator (supplement 1): a U-Net whose norms use the statistics of this one image, in training and in
 * inference alike. [1, 3, H, W] in [0, 1] -> [1, 4, H, W] in (0, 1): the edit layer's colour and opacity.
 */
export function generator(image: Value, parameters: ReadonlyMap<string, Value>, { levels }: GeneratorShape): Value {
  const { skip, deep } = branches(image, parameters, 0, levels)
  return finish(normaliseJoined(join(skip, upsample2x(deep), parameters, 0), parameters, 0), parameters)
}

/**
 * The two branches that meet in the decoder of a level: the skip [1, skipWidth, h, w], and all below it at half the
 * size, before it is raised.
 */
export function branches(
  x: Value,
  parameters: ReadonlyMap<string, Value>,
  i: number,
  levels: number,
): { readonly skip: Value; readonly deep: Value } {
  const { skip, inner } = encode(x, parameters, i)
  return { skip, deep: i + 1 < levels ? lower(inner, parameters, i + 1, levels) : inner }
}

/** The encoder of a level: its skip, and what it gives to the level below [1, width, h/2, w/2]. */
export function encode(
  x: Value,
  parameters: ReadonlyMap<string, Value>,
  i: number,
): { readonly skip: Value; readonly inner: Value } {
  const at = levelName(i)
  const p = named(parameters)
  const skip = activate(norm(conv2d(x, p(`${at}.1.0.1.1.weight`)), parameters, `${at}.1.0.2`))
  const half = activate(norm(conv2d(reflect(x), p(`${at}.1.1.1.1.weight`), { stride: 2 }), parameters, `${at}.1.1.2`))
  const inner = activate(norm(conv2d(reflect(half), p(`${at}.1.1.4.1.weight`)), parameters, `${at}.1.1.5`))
  return { skip, inner }
}

/** A level below the first: encoder, what is below, decoder. */
export function lower(x: Value, parameters: ReadonlyMap<string, Value>, i: number, levels: number): Value {
  const { skip, deep } = branches(x, parameters, i, levels)
  const mixed = normaliseJoined(join(skip, upsample2x(deep), parameters, i), parameters, i)
  const at = levelName(i)
  return activate(norm(conv2d(mixed, named(parameters)(`${at}.6.1.weight`)), parameters, `${at}.7`))
}

function normaliseJoined(joined: Value, parameters: ReadonlyMap<string, Value>, i: number): Value {
  return activate(norm(joined, parameters, `${levelName(i)}.4`))
}

/** The end of the first level, pixel by pixel: 1x1 convolution, head, sigmoid. [1, width, h, w] -> [1, 4, h, w] */
export function finish(mixed: Value, parameters: ReadonlyMap<string, Value>): Value {
  const p = named(parameters)
  const last = activate(conv2d(mixed, p('netG.6.1.weight'), { bias: p('netG.6.1.bias') }))
  return sigmoid(head(last, p('netG.8.1.weight'), p('netG.8.1.bias')))
}

/** The nonlinearity of every level. */
export function activate(x: Value): Value {
  return leakyRelu(x, SLOPE)
}

function norm(x: Value, parameters: ReadonlyMap<string, Value>, name: string): Value {
  const p = named(parameters)
  return instanceNorm(x, p(`${name}.weight`), p(`${name}.bias`), BATCH_NORM_EPS)
}

function named(parameters: ReadonlyMap<string, Value>): (name: string) => Value {
  return (name) => {
    const value = parameters.get(name)
    if (!value) throw new RangeError(`the generator has no parameter ${name}`)
    return value
  }
}

/** One pixel of mirrored border on each side. */
function reflect(x: Value): Value {
  return pad(
    x,
    [
      [0, 0],
      [0, 0],
      [1, 1],
      [1, 1],
    ],
    'reflect',
  )
}

/**
 * conv3x3(batchNorm(concat(skip, raised))), both cropped about their centres to the smaller size, without materialising
 * the concatenation or the norm: the norm's scale goes into the weights, and its shift, a constant per output channel,
 * is what the norm that follows removes.
 */
function join(skip: Value, raised: Value, parameters: ReadonlyMap<string, Value>, i: number): Value {
  const height = Math.min(dim('generator', skip.shape, 2), dim('generator', raised.shape, 2))
  const width = Math.min(dim('generator', skip.shape, 3), dim('generator', raised.shape, 3))
  const cropped = [centreCrop(skip, height, width), centreCrop(raised, height, width)] as const
  const kernels = joinKernels(parameters, i, cropped.map((x) => channelVariance(x)) as [Value, Value])
  return add(conv2d(reflect(cropped[0]), kernels[0]), conv2d(reflect(cropped[1]), kernels[1]))
}

/**
 * The kernels for both halves of a level's concatenation, the norm before them folded in: from the variances [1, n, 1,
 * 1] of its skip and raised channels.
 */
export function joinKernels(
  parameters: ReadonlyMap<string, Value>,
  i: number,
  variances: readonly [Value, Value],
): [Value, Value] {
  const p = named(parameters)
  const at = levelName(i)
  const [scale, weight] = [p(`${at}.2.weight`), p(`${at}.3.1.weight`)]
  let from = 0
  return variances.map((variance) => {
    const n = dim('generator', variance.shape, 1)
    const [starts, ends] = [[from], [(from += n)]]
    const inverseDeviation = reciprocal(sqrt(add(variance, BATCH_NORM_EPS)))
    const part = slice(scale, { axes: [0], starts, ends })
    return mul(slice(weight, { axes: [1], starts, ends }), mul(reshape(part, [1, n, 1, 1]), inverseDeviation))
  }) as [Value, Value]
}

function centreCrop(x: Value, height: number, width: number): Value {
  const top = Math.floor((x.shape[2]! - height) / 2)
  const left = Math.floor((x.shape[3]! - width) / 2)
  return slice(x, { axes: [2, 3], starts: [top, left], ends: [top + height, left + width] })
}

/** 1x1 convolution to four channels, then decorrelated colours to RGB: one convolution with the product of both. */
function head(x: Value, weight: Value, bias: Value): Value {
  const m = DECORRELATED_TO_RGB
  const colours = x.graph.constant([...m.slice(0, 3), 0, ...m.slice(3, 6), 0, ...m.slice(6, 9), 0, 0, 0, 0, 1], [4, 4])
  const w = matmul(colours, reshape(weight, [4, x.shape[1]!]))
  return conv2d(x, reshape(w, [4, x.shape[1]!, 1, 1]), { bias: reshape(matmul(colours, reshape(bias, [4, 1])), [4]) })
}

/** The gradients of all parameters as one flat vector, in the order of `generatorParameters`. */
export function joinGradients(parts: readonly Value[]): Value {
  return concat(
    parts.map((part) => reshape(part, [-1])),
    0,
    { inOrder: true },
  )
}
