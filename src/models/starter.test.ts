import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { gradients } from '../engine/gradients.js'
import { Graph } from '../engine/graph.js'
import type { Value } from '../engine/graph.js'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import { concat, mul, neg, normalizeLength, reduceSum, slice } from '../engine/ops.js'
import { readSafetensors } from '../formats/safetensors.js'
import type { Safetensors } from '../formats/safetensors.js'
import { toFloat32 } from '../formats/toFloat32.js'
import { bindWeights, weightFeeds } from './guidance.js'
import type { GuidanceModel } from './guidance.js'
import { folderSource } from './node/folderSource.js'
import { loadStarter } from './starter.js'
import { parseStarterConfig } from './starterConfig.js'
import { cellFeatures, headTokens, normalisePixels, poolTokens } from './starterImage.js'
import { encodeStarterTexts, readStarterText } from './starterText.js'
import { openWeightFile } from './weightFile.js'

const folder = fileURLToPath(new URL('../../models/starter', import.meta.url))
const runtime = createNodeRuntime({ device: 'cpu', threads: 2 })

/**
 * Largest |difference| allowed, as a part of the largest |value|. The fixtures are float32 too: they are 2.1e-5 from
 * the same model in float64, we 2e-6.
 */
const FORWARD = 3e-5
/**
 * The same for pixel gradients, and their relative distance in L2. A feature within rounding of 0 or 6 falls on either
 * side of ReLU6, and with it the gradient of its whole field of view: the fixtures are 2.7e-3 (L2 3.8e-4) from float64.
 */
const GRADIENT = 5e-3
const GRADIENT_L2 = 1e-3
const TEXT = 1e-5

let model: GuidanceModel
let fixtures: Safetensors
let texts: string[]

beforeAll(async () => {
  model = await loadStarter(await folderSource(folder), runtime)
  fixtures = readSafetensors(new Uint8Array(await readFile(`${folder}/fixtures.safetensors`)), 'fixtures')
  texts = JSON.parse(fixtures.metadata.texts!) as string[]
})

const expected = (name: string): Float32Array => toFloat32(fixtures.tensors.get(name)!)

/** Runs `build` on the fixture's pixels. */
async function run(
  name: string,
  build: (pixels: Value, text0: Value, w: (name: string) => Value) => Record<string, Value>,
): Promise<Record<string, Float32Array>> {
  const pixels = fixtures.tensors.get(`${name}.pixels_u8`)!
  const graph = new Graph()
  const { inputs, used } = bindWeights(graph, model)
  const outputs = build(graph.input('pixels', pixels.shape), graph.input('text0', [1, 256]), inputs)
  const program = await runtime.compile(graph, outputs)
  const result = await program.run({
    ...weightFeeds(used, runtime),
    pixels: new runtime.Tensor(
      'float32',
      toFloat32(pixels).map((x) => x / 255),
      pixels.shape,
    ),
    text0: new runtime.Tensor('float32', expected('text.embedding').slice(0, 256), [1, 256]),
  })
  await program.release()
  return Object.fromEntries(Object.entries(result).map(([key, tensor]) => [key, tensor.data as Float32Array]))
}

function expectClose(came: Float32Array, name: string, tolerance: number): void {
  const wanted = expected(name)
  expect(came.length, `${name}: length`).toBe(wanted.length)
  const scale = wanted.reduce((max, x) => Math.max(max, Math.abs(x)), 0)
  expect(scale, `${name}: the fixture is not zero`).toBeGreaterThan(0)
  let worst = 0
  let at = 0
  came.forEach((x, i) => {
    const error = Math.abs(x - wanted[i]!) / scale
    if (!(error <= worst)) [worst, at] = [error, i]
  })
  expect(worst, `${name}: at ${at} came ${came[at]}, expected ${wanted[at]}`).toBeLessThanOrEqual(tolerance)
}

function expectCloseInLength(came: Float32Array, name: string, tolerance: number): void {
  const wanted = expected(name)
  const length = (numbers: Float32Array): number => Math.sqrt(numbers.reduce((sum, x) => sum + x * x, 0))
  expect(length(came.map((x, i) => x - wanted[i]!)) / length(wanted), name).toBeLessThanOrEqual(tolerance)
}

describe.each(['square', 'wide'])('image tower, %s', (name) => {
  it('embeds from pixels in [0,1]', async () => {
    const { embedding } = await run(name, (pixels, _, w) => ({ embedding: model.embed(pixels, w) }))
    expectClose(embedding!, `${name}.embedding`, FORWARD)
  })

  it('has the exported features, tokens and gradient with respect to the normalised pixels', async () => {
    const config = parseStarterConfig(JSON.parse(await readFile(`${folder}/config.json`, 'utf8')))
    const result = await run(name, (pixels, text0, w) => {
      const x = normalisePixels(pixels, config)
      const features = cellFeatures(x, config, w)
      const tokens = headTokens(features, config, w)
      const cosines = mul(normalizeLength(poolTokens(tokens, x.shape[0]!, w)), text0)
      const [gradient] = gradients(mul(reduceSum(cosines), 100), [x])
      return { features, tokens, gradient: gradient! }
    })
    expectClose(result.features!, `${name}.features`, FORWARD)
    expectClose(result.tokens!, `${name}.tokens`, FORWARD)
    expectClose(result.gradient!, `${name}.gradient_of_100cos_text0`, GRADIENT)
    expectCloseInLength(result.gradient!, `${name}.gradient_of_100cos_text0`, GRADIENT_L2)
  })
})

describe('one image', () => {
  it('gives its tokens and its relevancy', async () => {
    const { tokens, relevancy } = await run('wide', (pixels, text0, w) => ({
      tokens: model.tokens(pixels, w),
      relevancy: model.relevancy(pixels, text0, w),
    }))
    expectClose(tokens!, 'wide.tokens', FORWARD)
    expectClose(relevancy!, 'wide.relevancy_text0', FORWARD)
  })

  it('gives one relevancy map per text', async () => {
    const { relevancy } = await run('wide', (pixels, text0, w) => ({
      relevancy: model.relevancy(pixels, concat([text0, neg(text0)], 0), w),
    }))
    const map = expected('wide.relevancy_text0')
    expect(relevancy!.length).toBe(2 * map.length)
    map.forEach((x, i) => {
      expect(relevancy![i]).toBeCloseTo(x, 4)
      expect(relevancy![map.length + i]).toBeCloseTo(-x, 4)
    })
  })

  it('drops the pixels right of and below the last whole cell', async () => {
    const { whole, cut } = await run('wide', (pixels, _, w) => ({
      cut: model.embed(slice(pixels, { axes: [2, 3], starts: [0, 0], ends: [160, 288] }), w),
      whole: model.embed(slice(pixels, { axes: [2, 3], starts: [0, 0], ends: [191, 319] }), w),
    }))
    expect(whole).toEqual(cut)
  })

  it('refuses more than one, and what is smaller than a cell', () => {
    const graph = new Graph()
    const { inputs } = bindWeights(graph, model)
    expect(() => model.tokens(graph.input('two', [2, 3, 64, 64]), inputs)).toThrow(
      'expected one image [1, 3, h, w], came [2, 3, 64, 64]',
    )
    expect(() => model.embed(graph.input('small', [1, 3, 31, 64]), inputs)).toThrow(
      'at least 32 x 32 pixels, came [1, 3, 31, 64]',
    )
  })
})

describe('text tower', () => {
  it('tokenizes the fixture texts', () => {
    const { shape } = fixtures.tensors.get('text.input_ids')!
    const [ids, mask] = [expected('text.input_ids'), expected('text.attention_mask')]
    texts.forEach((text, n) => {
      const row = [...ids.slice(n * shape[1]!, (n + 1) * shape[1]!)].filter((_, i) => mask[n * shape[1]! + i] === 1)
      expect(model.tokenize(text), text).toEqual({ ids: row })
    })
  })

  it('embeds the fixture texts, padded together', async () => {
    expectClose(await model.encodeTexts(texts), 'text.embedding', TEXT)
  })

  it('has the exported sentence embeddings', async () => {
    const config = parseStarterConfig(JSON.parse(await readFile(`${folder}/config.json`, 'utf8')))
    const file = await openWeightFile(await folderSource(folder), 'text.safetensors', new Map())
    const { sentences } = await encodeStarterTexts(
      texts.map((text) => model.tokenize(text).ids),
      config,
      await readStarterText(file, config),
      runtime,
    )
    expectClose(sentences, 'text.sentence_embedding', TEXT)
  })

  it('embeds a text alone as among others, and more texts than one run takes', async () => {
    const many = [...texts, ...texts]
    const all = await model.encodeTexts(many)
    const alone = await model.encodeTexts([many[17]!])
    alone.forEach((x, i) => expect(all[17 * 256 + i]).toBeCloseTo(x, 5))
  })

  it('has a context of 128 tokens, and says where a longer text would be cut', async () => {
    expect(model.contextLength).toBe(128)
    const text = `${'red '.repeat(126)}car`
    const { ids, overflow } = model.tokenize(text)
    expect(ids.length).toBe(128)
    expect(overflow).toEqual({ tokens: 129, limit: 128, cutAt: 126 * 4 - 1, kept: 'red '.repeat(126).trim() })
    await expect(model.encodeTexts([text])).rejects.toMatchObject({ code: 'PROMPT_TOO_LONG' })
    expect(await model.encodeTexts([text], { truncate: true })).toEqual(await model.encodeTexts([overflow!.kept]))
  })

  it('asks for the relevancy of "a photo of {prompt}"', () => {
    expect(model.relevancyText('horse')).toBe('a photo of horse')
  })
})
