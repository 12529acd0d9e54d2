import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { selfSimilarity } from '../../test/support/selfSimilarity.js'
import { gradients } from '../engine/gradients.js'
import { Graph } from '../engine/graph.js'
import type { Value } from '../engine/graph.js'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import { concat, mul, neg } from '../engine/ops.js'
import { readSafetensors } from '../formats/safetensors.js'
import type { Safetensors } from '../formats/safetensors.js'
import { toFloat32 } from '../formats/toFloat32.js'
import { createClip } from './clip.js'
import { parseClipConfig } from './clipConfig.js'
import { clipTextShapes, clipVisionShapes } from './clipWeights.js'
import { bindWeights } from './guidance.js'
import type { GuidanceModel, WeightInputs } from './guidance.js'
import { folderSource } from './node/folderSource.js'
import type { PositionMode } from './positionEmbedding.js'
import { openWeightFile } from './weightFile.js'

/** Largest |difference| allowed, as a part of the largest |value| of the float64 fixture. */
const FORWARD = 1e-5
const GRADIENT = 5e-5
/** Relevancy multiplies attention by its gradient at 100 times the cosine. */
const RELEVANCY = 5e-5

const runtime = createNodeRuntime({ device: 'cpu', threads: 2 })

interface Answers {
  embedding: string
  embeddingCotangent: string
  embeddingGradient: string
  embeddingGradientNorm: number
  tokens: string
  selfSimilarity: string
  selfSimilarityCotangent: string
  selfSimilarityGradient: string
  selfSimilarityGradientNorm: number
}
interface Case {
  name: string
  image: string
  reference: Answers
  fixed?: Answers
  relevancy?: { text: number; raw: string }
}
interface Expected {
  texts: { ids: number[][]; embeddings: string }
  cases: Case[]
}

const end = 99
/** The fixture's texts are token ids: "98 5 17 99". */
const tokenizeIds = (text: string): { ids: number[] } => ({ ids: text.split(' ').map(Number) })
const asText = (ids: readonly number[]): string => ids.slice(0, ids.indexOf(end) + 1).join(' ')

function clipFolder(name: string): URL {
  return new URL(`../../test/fixtures/${name}/`, import.meta.url)
}

async function load(name: string, positions: PositionMode): Promise<GuidanceModel> {
  const folder = clipFolder(name)
  const config = parseClipConfig(JSON.parse(await readFile(new URL('config.json', folder), 'utf8')))
  const file = await openWeightFile(
    await folderSource(fileURLToPath(folder)),
    'model.safetensors',
    new Map([...clipVisionShapes(config), ...clipTextShapes(config)]),
  )
  return createClip({ config, read: (names) => file.weights(names), tokenize: tokenizeIds, runtime, positions })
}

const manifest = (name: string): Promise<Expected> =>
  readFile(new URL('expected.json', clipFolder(name)), 'utf8').then((text) => JSON.parse(text) as Expected)
const { cases: tinyCases } = await manifest('tinyClip')
const { cases: patch16Cases } = await manifest('tinyClipPatch16')
const cases = [
  ...tinyCases.map((c) => ({ folder: 'tinyClip', ...c })),
  ...patch16Cases.map((c) => ({ folder: 'tinyClipPatch16', ...c })),
]

const fixtures = new Map<string, Safetensors>()
beforeAll(async () => {
  for (const folder of ['tinyClip', 'tinyClipPatch16']) {
    fixtures.set(
      folder,
      readSafetensors(new Uint8Array(await readFile(new URL('expected.safetensors', clipFolder(folder))))),
    )
  }
})

function tensor(folder: string, name: string): { shape: readonly number[]; data: Float32Array } {
  const found = fixtures.get(folder)!.tensors.get(name)!
  return { shape: found.shape, data: toFloat32(found) }
}
function pixels(folder: string, name: string): { shape: readonly number[]; data: Float32Array } {
  const { shape, data } = tensor(folder, name)
  return { shape, data: data.map((x) => x / 255) }
}

/** Builds a graph on named inputs and runs it. */
async function run(
  model: GuidanceModel,
  inputs: Record<string, { shape: readonly number[]; data: Float32Array }>,
  build: (inputs: Record<string, Value>, w: WeightInputs) => Record<string, Value>,
): Promise<Record<string, Float32Array>> {
  const graph = new Graph()
  const binding = bindWeights(graph, model)
  const values = Object.fromEntries(Object.entries(inputs).map(([name, { shape }]) => [name, graph.input(name, shape)]))
  const program = await runtime.compile(graph, build(values, binding.inputs))
  const feeds = [...binding.used, ...Object.entries(inputs)].map(
    ([name, { shape, data }]) => [name, new runtime.Tensor('float32', data, shape)] as const,
  )
  const result = await program.run(Object.fromEntries(feeds))
  await program.release()
  return Object.fromEntries(Object.entries(result).map(([name, { data }]) => [name, data as Float32Array]))
}

function expectClose(came: Float32Array, wanted: Float32Array, tolerance: number, what: string): void {
  expect(came.length, `${what}: length`).toBe(wanted.length)
  const scale = wanted.reduce((max, x) => Math.max(max, Math.abs(x)), 0)
  expect(scale, `${what}: the fixture is not zero`).toBeGreaterThan(0)
  const errors = came.map((x, i) => Math.abs(x - wanted[i]!) / scale)
  const worst = errors.reduce((max, x) => (x <= max ? max : x), 0)
  const at = errors.indexOf(worst)
  expect(worst, `${what}: at ${at} came ${came[at]}, expected ${wanted[at]}`).toBeLessThanOrEqual(tolerance)
}

describe.each(
  cases.flatMap((c) => (['reference', 'fixed'] as const).filter((mode) => c[mode]).map((mode) => ({ ...c, mode }))),
)('$folder, $name, $mode positions', (c) => {
  const { folder, name, mode } = c
  const answers = c[mode]!

  it('embeds as PyTorch does, gradient included', async () => {
    const model = await load(folder, mode)
    const { embedding, gradient } = await run(
      model,
      { image: pixels(folder, c.image), cotangent: tensor(folder, answers.embeddingCotangent) },
      (v, w) => {
        const result = model.embed(v.image!, w)
        return { embedding: result, gradient: gradients(result, [v.image!], v.cotangent)[0]! }
      },
    )
    expectClose(embedding!, tensor(folder, answers.embedding).data, FORWARD, `${name} ${mode} embedding`)
    expectSampled(gradient!, folder, answers.embeddingGradient, answers.embeddingGradientNorm)
  })

  it('has the tokens and self-similarity of PyTorch, gradient included', async () => {
    const model = await load(folder, mode)
    const { tokens, similarity, gradient } = await run(
      model,
      { image: pixels(folder, c.image), cotangent: tensor(folder, answers.selfSimilarityCotangent) },
      (v, w) => {
        const result = model.tokens(v.image!, w)
        const similar = selfSimilarity(result)
        return { tokens: result, similarity: similar, gradient: gradients(similar, [v.image!], v.cotangent)[0]! }
      },
    )
    expectClose(tokens!, tensor(folder, answers.tokens).data, FORWARD, `${name} ${mode} tokens`)
    expectClose(similarity!, tensor(folder, answers.selfSimilarity).data, FORWARD, `${name} ${mode} self-similarity`)
    expectSampled(gradient!, folder, answers.selfSimilarityGradient, answers.selfSimilarityGradientNorm)
  })
})

function expectSampled(gradient: Float32Array, folder: string, name: string, norm: number): void {
  const indices = tensor(folder, `${name}.indices`).data
  expectClose(
    Float32Array.from(indices, (i) => gradient[i]!),
    tensor(folder, `${name}.samples`).data,
    GRADIENT,
    name,
  )
  const length = Math.sqrt(gradient.reduce((sum, x) => sum + x * x, 0))
  expect(Math.abs(length - norm) / norm, `${name}: norm ${length}, expected ${norm}`).toBeLessThanOrEqual(GRADIENT)
}

describe.each(['tinyClip', 'tinyClipPatch16'])('%s', (folder) => {
  it('embeds several views in one call', async () => {
    const model = await load(folder, 'reference')
    const second = { image: pixels(folder, 'square.image'), second: pixels(folder, 'batch.second') }
    const { embedding } = await run(model, second, (v, w) => ({
      embedding: model.embed(concat([v.image!, v.second!], 0), w),
    }))
    expectClose(embedding!, tensor(folder, 'batch.embedding').data, FORWARD, 'batch')
  })

  it('has the relevancy of the last layer, one map per text', async () => {
    const model = await load(folder, 'fixed')
    const text = { shape: [1, 16], data: tensor(folder, 'texts.embeddings').data.slice(0, 16) }
    const { one, two } = await run(model, { image: pixels(folder, 'square.image'), text }, (v, w) => ({
      one: model.relevancy(v.image!, v.text!, w),
      two: model.relevancy(v.image!, concat([neg(v.text!), mul(v.text!, 3)], 0), w),
    }))
    const wanted = tensor(folder, 'square.relevancy').data
    expectClose(one!, wanted, RELEVANCY, 'relevancy')
    expectClose(two!.slice(wanted.length), wanted, RELEVANCY, 'relevancy of the second text')
    expect(two!.slice(0, wanted.length)).not.toEqual(one)
  })

  it('embeds texts of different lengths together', async () => {
    const model = await load(folder, 'fixed')
    const { texts } = await manifest(folder)
    expectClose(
      await model.encodeTexts(texts.ids.map(asText)),
      tensor(folder, 'texts.embeddings').data,
      FORWARD,
      'texts',
    )
  })
})

it('refuses a token that the text tower does not know', async () => {
  const model = await load('tinyClip', 'fixed')
  await expect(model.encodeTexts(['98 100 99'])).rejects.toMatchObject({
    code: 'GUIDANCE_INVALID',
    message: expect.stringContaining('gives token 100, the text tower knows 100') as string,
  })
})

it('refuses an image smaller than a patch and a batch where one image is meant', async () => {
  const model = await load('tinyClip', 'fixed')
  const graph = new Graph()
  const { inputs } = bindWeights(graph, model)
  expect(() => model.embed(graph.input('small', [1, 3, 31, 64]), inputs)).toThrow(
    'at least 32 x 32 pixels, came [1, 3, 31, 64]',
  )
  expect(() => model.tokens(graph.input('two', [2, 3, 64, 64]), inputs)).toThrow(
    'expected one image [1, 3, h, w], came [2, 3, 64, 64]',
  )
})
