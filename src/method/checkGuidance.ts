import { gradients } from '../engine/gradients.js'
import { Graph, type Value } from '../engine/graph.js'
import { encodeModel } from '../engine/onnx.js'
import { mul, reduceSum } from '../engine/ops.js'
import { randomStream } from '../engine/random.js'
import type { Runtime } from '../engine/runtime.js'
import { type GuidanceModel, type WeightInputs, bindWeights, weightFeeds } from '../models/guidance.js'
import { type GuidancePlugin, openPlugin } from '../models/guidancePlugin.js'

/** What was looked at, and what came out. */
export interface GuidanceCheck {
  readonly name: string
  readonly passed: boolean
  /** A measured number, or what was expected and what came. */
  readonly detail: string
}

/** Largest relative difference of what must be the same up to rounding: texts or views in a batch and alone. */
const SAME = 1e-3
/** The same between devices, which add up in another order and have other transcendental functions. */
const SAME_ON_DEVICES = 2e-2
/** The same of a gradient and finite differences. */
const SAME_SLOPE = 5e-2
/** Steps of the finite differences: large enough against rounding, small enough against curvature; one must do. */
const STEPS = [0.03, 0.01, 0.003]
const DIRECTIONS = 3
const TEXTS = ['a photo of a red car', 'a photo of a blue bird']

/** What a part of a model writes into a graph, for one picture or several. */
interface Part {
  readonly name: 'texts.embed' | 'tokens' | 'relevancy'
  readonly write: (pictures: Value, weights: WeightInputs) => Value
  /** Whether a loss goes back through it to the pixels. */
  readonly differentiated: boolean
}

/**
 * The conformance suite of a guidance plug-in: shapes and finite numbers at square and other sizes, texts and views
 * alone and in batches, gradients against central differences, the same bits twice, the same numbers on every device.
 * @param runtimes one or more; the first, best a CPU, is what the others are compared with
 * @returns every check that its parts allow; a plug-in conforms where all have passed
 */
export async function checkGuidance(
  plugin: GuidancePlugin,
  runtimes: readonly [Runtime, ...Runtime[]],
): Promise<GuidanceCheck[]> {
  const checks: GuidanceCheck[] = []
  const check = async (name: string, work: () => Promise<string>): Promise<void> => {
    try {
      checks.push({ name, passed: true, detail: await work() })
    } catch (error) {
      checks.push({ name, passed: false, detail: error instanceof Error ? error.message : String(error) })
    }
  }
  const [runtime, ...others] = runtimes
  const opened: GuidanceModel[] = []
  await check('opens, twice with the same weights', async () => {
    opened.push(await openPlugin(plugin, runtime), await openPlugin(plugin, runtime))
    const [first, second] = opened.map(({ weights }) => weights)
    for (const [name, { data }] of first!)
      expect(difference(data, second!.get(name)?.data ?? new Float32Array()) === 0, `weight "${name}" differs`)
    return `${first!.size} weights`
  })
  const [model] = opened
  if (model === undefined) return checks
  let texts = new Float32Array()
  if (model.answers.texts)
    await check('texts.encode: alone as beside others, and another row for another text', async () => {
      texts = (await model.encodeTexts(TEXTS)).slice()
      const width = model.embeddingWidth
      const rows = TEXTS.map((_, i) => texts.subarray(i * width, (i + 1) * width))
      for (const [i, text] of TEXTS.entries())
        sameWithin(SAME, rows[i]!, await model.encodeTexts([text]), `"${text}" alone and beside others`)
      expect(difference(rows[0]!, rows[1]!) > SAME, `"${TEXTS.join('" and "')}" have the same embedding`)
      return `${width} numbers`
    })
  for (const part of partsOf(model, texts)) {
    const square = { height: model.imageSize, width: model.imageSize }
    const wide = { height: model.imageSize, width: model.imageSize + model.cell + 1 }
    const values = (size: typeof square, count: number, on: Runtime = runtime, seed = 0) =>
      valuesOf(model, part, picturesOf(size, count, seed), [count, 3, size.height, size.width], on)
    await check(
      `${part.name}: finite at ${square.width}x${square.height} and ${wide.width}x${wide.height}`,
      async () => {
        for (const size of [square, wide]) finite((await values(size, 1)).data)
        const { data, shape } = await values(square, 1)
        expect(difference(data, (await values(square, 1, runtime, 1)).data) > 1e-6, 'another picture gives the same')
        if (part.name === 'tokens') expect(shape[0]! > 1, `one token has no structure; got [${shape.join(', ')}]`)
        return `[${shape.join(', ')}]`
      },
    )
    if (part.name === 'texts.embed')
      await check(`${part.name}: views in a batch as alone`, async () => {
        const [both, first] = [await values(square, 2), await values(square, 1)]
        return sameWithin(SAME, both.data.subarray(0, first.data.length), first.data, 'a view in a batch and alone')
      })
    await check(`${part.name}: the same graph and the same bits twice`, async () => {
      const written = () => encodedGraph(model, part, [1, 3, square.height, square.width])
      expect(same(written(), written()), 'the graph that it writes differs from call to call')
      const [once, again] = [await values(square, 1), await values(square, 1)]
      expect(difference(once.data, again.data) === 0, 'two runs of one graph differ')
      return 'equal'
    })
    if (part.differentiated)
      await check(`${part.name}: gradient as by central differences`, () => checkSlope(model, part, runtime))
    for (const other of others)
      await check(`${part.name}: on ${other.device} as on ${runtime.device}`, async () => {
        const [here, there] = [await values(square, 1), await values(square, 1, other)]
        return sameWithin(SAME_ON_DEVICES, there.data, here.data, `${other.device} and ${runtime.device}`)
      })
  }
  return checks
}

function partsOf(model: GuidanceModel, texts: Float32Array): Part[] {
  const { answers, embeddingWidth } = model
  const rows = texts.length / embeddingWidth
  return [
    ...(answers.texts ? [{ name: 'texts.embed', write: model.embed.bind(model), differentiated: true } as const] : []),
    ...(answers.structure ? [{ name: 'tokens', write: model.tokens.bind(model), differentiated: true } as const] : []),
    ...(answers.relevancy && rows > 0
      ? [
          {
            name: 'relevancy',
            write: (image: Value, weights: WeightInputs) =>
              model.relevancy(image, image.graph.constant(texts, [rows, embeddingWidth]), weights),
            differentiated: false,
          } as const,
        ]
      : []),
  ]
}

/** What a part says of some pictures. */
async function valuesOf(
  model: GuidanceModel,
  part: Part,
  pictures: Float32Array,
  shape: readonly number[],
  runtime: Runtime,
): Promise<{ readonly data: Float32Array; readonly shape: readonly number[] }> {
  const graph = new Graph()
  const { inputs, used } = bindWeights(graph, model)
  const output = part.write(graph.input('pictures', shape), inputs)
  const program = await runtime.compile(graph, { output })
  try {
    const result = await program.run({ ...weightFeeds(used, runtime), pictures })
    return { data: (await runtime.download(result.output!)).slice(), shape: output.shape }
  } finally {
    await program.release()
  }
}

function encodedGraph(model: GuidanceModel, part: Part, shape: readonly number[]): Uint8Array {
  const graph = new Graph()
  return encodeModel(graph, { output: part.write(graph.input('pictures', shape), bindWeights(graph, model).inputs) })
    .bytes
}

/** Compares the slope of a random weighting of all that a part says, along random smooth directions. */
async function checkSlope(model: GuidanceModel, part: Part, runtime: Runtime): Promise<string> {
  const side = model.imageSize
  const shape = [1, 3, side, side]
  const graph = new Graph()
  const { inputs, used } = bindWeights(graph, model)
  const pictures = graph.input('pictures', shape)
  const output = part.write(pictures, inputs)
  const random = randomStream(0, 'conformance weighting')
  const weighting = new Float32Array(output.shape.reduce((n, m) => n * m, 1)).map(() => random.uniform(-1, 1))
  const weighted = reduceSum(mul(output, graph.constant(weighting, output.shape)))
  const [gradient] = gradients(weighted, [pictures])
  const program = await runtime.compile(graph, { weighted, gradient: gradient! })
  const run = async (at: Float32Array) => {
    const result = await program.run({ ...weightFeeds(used, runtime), pictures: at })
    return {
      value: (await runtime.download(result.weighted!))[0]!,
      gradient: (await runtime.download(result.gradient!)).slice(),
    }
  }
  try {
    const middle = picturesOf({ height: side, width: side }, 1, 0)
    const slopes = (await run(middle)).gradient
    finite(slopes)
    expect(
      slopes.some((x) => x !== 0),
      'no gradient reaches the pixels',
    )
    let worst = 0
    for (let k = 0; k < DIRECTIONS; k++) {
      const along = picturesOf({ height: side, width: side }, 1, 10 + k).map((x) => 2 * x - 1)
      const told = slopes.reduce((sum, slope, i) => sum + slope * along[i]!, 0)
      const errors: number[] = []
      for (const step of STEPS) {
        const [after, before] = [
          await run(middle.map((x, i) => x + step * along[i]!)),
          await run(middle.map((x, i) => x - step * along[i]!)),
        ]
        const measured = (after.value - before.value) / (2 * step)
        errors.push(Math.abs(measured - told) / Math.max(Math.abs(measured), Math.abs(told), 1e-12))
      }
      worst = Math.max(worst, Math.min(...errors))
    }
    expect(worst < SAME_SLOPE, `off by ${percent(worst)}, more than ${percent(SAME_SLOPE)}`)
    return `off by ${percent(worst)}`
  } finally {
    await program.release()
  }
}

/** Smooth pictures in [0.1, 0.9]: few waves in each channel. */
function picturesOf({ height, width }: { height: number; width: number }, count: number, seed: number): Float32Array {
  const pictures = new Float32Array(count * 3 * height * width)
  for (let plane = 0; plane < 3 * count; plane++) {
    const random = randomStream(seed, 'conformance picture', plane)
    const waves = Array.from({ length: 4 }, () => ({
      x: random.uniform(-20, 20),
      y: random.uniform(-20, 20),
      phase: random.uniform(0, 2 * Math.PI),
    }))
    const mean = random.uniform(0.3, 0.7)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        pictures[(plane * height + y) * width + x] =
          mean +
          waves.reduce(
            (sum, wave) => sum + 0.05 * Math.sin((wave.x * x) / width + (wave.y * y) / height + wave.phase),
            0,
          )
  }
  return pictures
}

function finite(values: Float32Array): void {
  expect(values.every(Number.isFinite), 'some numbers are not finite')
}

/** Largest difference, of the largest absolute value. */
function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity
  let [most, largest] = [0, 1e-12]
  for (let i = 0; i < a.length; i++) {
    most = Math.max(most, Math.abs(a[i]! - b[i]!))
    largest = Math.max(largest, Math.abs(a[i]!), Math.abs(b[i]!))
  }
  return most / largest
}

function sameWithin(bound: number, a: Float32Array, b: Float32Array, what: string): string {
  const found = difference(a, b)
  expect(found <= bound, `${what} differ by ${percent(found)}, more than ${percent(bound)}`)
  return `differ by ${percent(found)}`
}

const same = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((x, i) => x === b[i])

const percent = (share: number): string => `${(100 * share).toPrecision(2)} %`

function expect(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise)
}
