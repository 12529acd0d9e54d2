import { describe, expect, it } from 'vitest'
import { evaluate } from '../../test/support/evaluate.js'
import { readFixtureJson, readFixtureTensors, relativeError } from '../../test/support/readFixture.js'
import { selfSimilarity } from '../../test/support/selfSimilarity.js'
import { gradients } from '../engine/gradients.js'
import { Graph } from '../engine/graph.js'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import { createBundledTokenizer } from './bundledTokenizer.js'
import { createClip } from './clip.js'
import { parseClipConfig } from './clipConfig.js'
import { bindWeights } from './guidance.js'
import type { GuidanceModel } from './guidance.js'
import { readBundledVocabulary } from './node/readBundledVocabulary.js'
import type { PositionMode } from './positionEmbedding.js'
import { randomClipWeights, uniform } from './randomClip.js'

/** Largest |difference| allowed, as a part of the largest |value| of the float64 fixture: twelve blocks deep. */
const FORWARD = 2e-5
const GRADIENT = 2e-4

type Part = 'tokens' | 'similarity' | 'gradient' | 'similarityGradient'
interface Case {
  height: number
  width: number
  mode: PositionMode
  key: string
  embedding: string
  norms: Record<Part, number>
  relevancy?: string
}
interface Expected {
  seed: number
  textInputs: string[]
  models: { name: string; config: unknown; texts?: string; cases: Case[] }[]
}

const { seed, textInputs, models } = readFixtureJson<Expected>('clipRandom')
const tensor = readFixtureTensors('clipRandom')
const runtime = createNodeRuntime({ device: 'cpu', threads: 2 })
const tokenize = await createBundledTokenizer(await readBundledVocabulary())

function stream(name: string, count: number, make: (draw: number) => number): Float32Array {
  const next = uniform(seed, name)
  return Float32Array.from({ length: count }, () => make(next()))
}
const centred = (name: string, ...shape: number[]): { shape: number[]; data: Float32Array } => ({
  shape,
  data: stream(
    name,
    shape.reduce((product, n) => product * n, 1),
    (draw) => 2 * draw - 1,
  ),
})

/** Everything that the method asks of the image tower, in one graph. */
async function answers(
  model: GuidanceModel,
  { height, width, key, relevancy }: Case,
): Promise<Record<string, Float32Array>> {
  const graph = new Graph()
  const { inputs: w, used } = bindWeights(graph, model)
  const D = model.embeddingWidth
  const t = 1 + Math.floor(height / model.cell) * Math.floor(width / model.cell)
  const feeds = {
    picture: {
      shape: [1, 3, height, width],
      data: stream(`${key}.picture`, 3 * height * width, (draw) => Math.floor(256 * draw) / 255),
    },
    cotangent: centred(`${key}.cotangent`, 1, D),
    similarityCotangent: centred(`${key}.similarityCotangent`, t, t),
    ...(relevancy ? { text: centred(`${key}.text`, 1, D) } : {}),
  }
  const v = Object.fromEntries(Object.entries(feeds).map(([name, { shape }]) => [name, graph.input(name, shape)]))
  const [embedding, tokens] = [model.embed(v.picture!, w), model.tokens(v.picture!, w)]
  const similarity = selfSimilarity(tokens)
  return evaluate(
    runtime,
    graph,
    {
      embedding,
      tokens,
      similarity,
      gradient: gradients(embedding, [v.picture!], v.cotangent)[0]!,
      similarityGradient: gradients(similarity, [v.picture!], v.similarityCotangent)[0]!,
      ...(relevancy ? { relevancy: model.relevancy(v.picture!, v.text!, w) } : {}),
    },
    { ...Object.fromEntries(used), ...feeds },
  )
}

describe.each(models)('CLIP with random weights, $name', ({ config, texts, cases }) => {
  const parsed = parseClipConfig(config)
  const loaded = new Map<PositionMode, Promise<GuidanceModel>>()
  const load = (positions: PositionMode): Promise<GuidanceModel> => {
    const model =
      loaded.get(positions) ??
      createClip({ config: parsed, read: randomClipWeights(parsed, seed), tokenize, runtime, positions })
    loaded.set(positions, model)
    return model
  }

  it.each([...new Set(cases.map((c) => c.mode))])(
    'answers as PyTorch does, gradients of the picture included (%s positions)',
    async (mode) => {
      const model = await load(mode)
      for (const c of cases.filter(({ mode: its }) => its === mode)) {
        const came = await answers(model, c)
        expect(relativeError(came.embedding!, tensor(c.embedding).data), `${c.key} embedding`).toBeLessThan(FORWARD)
        if (c.relevancy)
          expect(relativeError(came.relevancy!, tensor(c.relevancy).data), `${c.key} relevancy`).toBeLessThan(GRADIENT)
        for (const [part, norm] of Object.entries(c.norms)) {
          const tolerance = part.endsWith('radient') ? GRADIENT : FORWARD
          const at = `${c.key}.${mode}.${part}`
          const samples = Float32Array.from(tensor(`${at}.indices`).data, (i) => came[part]![i]!)
          expect(relativeError(samples, tensor(`${at}.samples`).data), at).toBeLessThan(tolerance)
          expect(Math.abs(Math.hypot(...chunked(came[part]!)) / norm - 1), `${at} norm`).toBeLessThan(tolerance)
        }
      }
    },
  )

  it.runIf(texts)('embeds texts as PyTorch does, from the words on', async () => {
    const model = await load('reference')
    expect(relativeError(await model.encodeTexts(textInputs), tensor(texts!).data)).toBeLessThan(FORWARD)
  })
})

/** Norms of parts of a long vector; their norm is that of the whole. */
function chunked(x: Float32Array): number[] {
  return Array.from({ length: Math.ceil(x.length / 1000) }, (_, i) =>
    Math.hypot(...x.subarray(1000 * i, 1000 * (i + 1))),
  )
}
