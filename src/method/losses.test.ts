import { describe, expect, it } from 'vitest'
import { evaluate } from '../../test/support/evaluate.js'
import { readFixtureJson, readFixtureTensors, relativeError } from '../../test/support/readFixture.js'
import { gradients } from '../engine/gradients.js'
import { Graph, type Value } from '../engine/graph.js'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import { add, conv2d, mul, sub } from '../engine/ops.js'
import { resizePicture } from './clipViews.js'
import { screenGreen } from '../media/composeOutputs.js'
import { LUMA } from '../media/luma.js'
import {
  bootstrapLoss,
  colourLoss,
  directionalLoss,
  render,
  sparsityLoss,
  sphericalLoss,
  stretch,
  structureLoss,
} from './losses.js'

/** Absolute, of losses up to about 1.4: distances come from 1 - cos in float32. */
const VALUE_TOLERANCE = 1e-6
/** Of the largest entry of a gradient. */
const GRADIENT_TOLERANCE = 1e-4
const MAP_TOLERANCE = 1e-5

interface Case {
  name: string
  loss: 'spherical' | 'directional' | 'structure' | 'sparsity' | 'bootstrap' | 'colour'
  settings: { l1?: number; l0?: number }
  inputs: Record<string, string>
  value: number
  parts: number[]
  gradients: Record<string, string>
}

const runtime = createNodeRuntime({ device: 'cpu', threads: 1 })
const { cases, relevancyMap } = readFixtureJson<{ cases: Case[]; relevancyMap: { raw: string; map: string } }>('losses')
const tensor = readFixtureTensors('losses')

/** The relevancy map as the step graph makes it from the raw one. */
const published = (raw: Value) => stretch(resizePicture(raw, { height: 224, width: 224 }, false))
const evenShares = (texts: Value) =>
  texts.graph.constant(new Float32Array(texts.shape[0]!).fill(1 / texts.shape[0]!), [texts.shape[0]!])

function build({ loss, settings }: Case, x: (name: string) => Value): Value {
  switch (loss) {
    case 'spherical':
      return sphericalLoss(x('embeddings'), x('targets'), evenShares(x('targets')))
    case 'directional':
      return directionalLoss(sub(x('after'), x('before')), x('directions'), evenShares(x('directions')))
    case 'colour':
      return colourLoss(x('composite'), x('first'), x('cover'))
    case 'structure':
      return structureLoss(x('tokens'), x('original_tokens'))
    case 'sparsity':
      return sparsityLoss(x('alpha'), settings.l1!, settings.l0!)
    case 'bootstrap':
      return bootstrapLoss(resizePicture(x('alpha'), { height: 224, width: 224 }, false), published(x('raw')))
  }
}

describe('losses', () => {
  it.each(cases)('$name: value and gradients are those of PyTorch', async (example) => {
    const graph = new Graph()
    const feeds = Object.fromEntries(Object.entries(example.inputs).map(([name, stored]) => [name, tensor(stored)]))
    const inputs = new Map(Object.entries(feeds).map(([name, { shape }]) => [name, graph.input(name, shape)]))
    const loss = build(example, (name) => inputs.get(name)!)
    const wanted = Object.keys(example.gradients)
    const parts = gradients(
      loss,
      wanted.map((name) => inputs.get(name)!),
    )
    const result = await evaluate(
      runtime,
      graph,
      { loss, ...Object.fromEntries(parts.map((g, i) => [`d ${wanted[i]!}`, g])) },
      feeds,
    )
    expect(Math.abs(result.loss![0]! - example.value), `${result.loss![0]!} for ${example.value}`).toBeLessThan(
      VALUE_TOLERANCE,
    )
    expect(wanted.length).toBeGreaterThan(0)
    for (const name of wanted) {
      expect(relativeError(result[`d ${name}`]!, tensor(example.gradients[name]!).data), name).toBeLessThan(
        GRADIENT_TOLERANCE,
      )
    }
  })

  it('cover every loss of the fixture', () => {
    expect([...new Set(cases.map((c) => c.loss))].sort()).toEqual([
      'bootstrap',
      'colour',
      'directional',
      'sparsity',
      'spherical',
      'structure',
    ])
  })

  it.each(cases.filter((c) => c.loss === 'sparsity'))('$name: L1 and pseudo L0 apart', async (example) => {
    const alpha = tensor(example.inputs.alpha!)
    const graph = new Graph()
    const x = graph.input('alpha', alpha.shape)
    const { l1, l0 } = await evaluate(
      runtime,
      graph,
      { l1: sparsityLoss(x, 1, 0), l0: sparsityLoss(x, 0, 1) },
      { alpha },
    )
    expect(l1![0]).toBeCloseTo(example.parts[0]!, 6)
    expect(l0![0]).toBeCloseTo(example.parts[1]!, 6)
  })

  it.each(cases.filter((c) => c.loss === 'colour'))('$name: hue and a quarter of the shading', async (example) => {
    const [composite, first, cover] = ['composite', 'first', 'cover'].map((name) => tensor(example.inputs[name]!))
    const graph = new Graph()
    const [x, y, z] = [composite!, first!, cover!].map(({ shape }, i) => graph.input(`${i}`, shape))
    const luma = (v: Value) => conv2d(v, graph.constant([...LUMA, ...LUMA, ...LUMA], [3, 3, 1, 1]))
    const nothing = mul(z!, 0)
    const [slope] = gradients(colourLoss(x!, y!, nothing), [x!])
    const result = await evaluate(
      runtime,
      graph,
      {
        // With the luma of the first, hues alone differ.
        hue: colourLoss(add(sub(x!, luma(x!)), luma(y!)), y!, z!),
        shading: colourLoss(add(y!, sub(luma(x!), luma(y!))), y!, z!),
        lighter: colourLoss(add(y!, 0.2), y!, z!),
        uncovered: colourLoss(x!, y!, nothing),
        slope: slope!,
      },
      { 0: composite!, 1: first!, 2: cover! },
    )
    expect(result.hue![0]).toBeCloseTo(example.parts[0]!, 6)
    expect(result.shading![0]).toBeCloseTo(example.parts[1]! / 4, 6)
    expect(result.lighter![0]).toBeLessThan(1e-10)
    expect(result.uncovered![0]).toBe(0)
    expect(result.slope!.every((x) => x === 0)).toBe(true)
  })

  it('weigh texts by their shares: a text with share 0 counts nothing', async () => {
    const graph = new Graph()
    const [views, texts] = [graph.input('views', [2, 3]), graph.input('texts', [2, 3])]
    const shared = (...share: number[]) => sphericalLoss(views, texts, graph.constant(share, [2]))
    const towards = (...share: number[]) => directionalLoss(views, texts, graph.constant(share, [2]))
    const result = await evaluate(
      runtime,
      graph,
      {
        first: shared(1, 0),
        second: shared(0, 1),
        mixed: shared(0.25, 0.75),
        firstWay: towards(1, 0),
        secondWay: towards(0, 1),
        mixedWay: towards(0.25, 0.75),
      },
      {
        views: { shape: [2, 3], data: Float32Array.of(1, 0, 0, 1, 0, 0) },
        texts: { shape: [2, 3], data: Float32Array.of(0, 3, 0, -2, 0, 0) },
      },
    )
    // Spherical distance is half the squared angle: a right angle, then a half turn.
    expect(result.first![0]).toBeCloseTo((Math.PI / 2) ** 2 / 2, 5)
    expect(result.second![0]).toBeCloseTo(Math.PI ** 2 / 2, 5)
    expect(result.mixed![0]).toBeCloseTo(0.25 * result.first![0]! + 0.75 * result.second![0]!, 5)
    expect(result.firstWay![0]).toBeCloseTo(1, 6)
    expect(result.secondWay![0]).toBeCloseTo(2, 6)
    expect(result.mixedWay![0]).toBeCloseTo(1.75, 6)
  })

  it('have finite gradients where an embedding meets its text, and where nothing changed', async () => {
    const graph = new Graph()
    const [views, texts] = [graph.input('views', [1, 3]), graph.input('texts', [1, 3])]
    const one = graph.constant([1], [1])
    const [met, still] = [sphericalLoss(views, texts, one), directionalLoss(sub(views, texts), texts, one)]
    const same = { shape: [1, 3], data: Float32Array.of(1, 2, 2) }
    const result = await evaluate(
      runtime,
      graph,
      {
        met,
        still,
        metSlope: gradients(met, [views])[0]!,
        stillSlope: gradients(still, [views])[0]!,
      },
      { views: same, texts: same },
    )
    expect(result.met![0]).toBeCloseTo(0, 6)
    expect(result.still![0]).toBe(1)
    for (const slope of [result.metSlope!, result.stillSlope!])
      expect([...slope].every(Number.isFinite), String(slope)).toBe(true)
    expect(Math.hypot(...result.metSlope!)).toBeLessThan(1e-3)
  })

  it('weigh sparsity place by place', async () => {
    const graph = new Graph()
    const alpha = graph.constant([0.2, 0.7], [1, 1, 1, 2])
    const loss = sparsityLoss(alpha, 1, 0, graph.constant([1, 5], [1, 1, 1, 2]))
    expect((await evaluate(runtime, graph, { loss }, {})).loss![0]).toBeCloseTo((0.2 + 5 * 0.7) / 2, 6)
  })
})

describe('render', () => {
  it('composites over the photo and over green; alpha 0 leaves the photo bit for bit', async () => {
    const n = 4
    const graph = new Graph()
    const [edit, alpha, photo] = [
      graph.input('edit', [1, 3, 1, n]),
      graph.input('alpha', [1, 1, 1, n]),
      graph.input('photo', [1, 3, 1, n]),
    ]
    const { composite, greenScreen, ...kept } = render(edit, alpha, photo)
    expect(kept).toEqual({ edit, alpha })
    const e = Float32Array.from({ length: 3 * n }, (_, i) => ((i * 7) % 12) / 11)
    const p = Float32Array.from({ length: 3 * n }, (_, i) => ((i * 5 + 3) % 12) / 13)
    const a = Float32Array.of(0, 1, 0.3, 0.85)
    const result = await evaluate(
      runtime,
      graph,
      { composite, greenScreen },
      {
        edit: { shape: edit.shape, data: e },
        alpha: { shape: alpha.shape, data: a },
        photo: { shape: photo.shape, data: p },
      },
    )
    for (let c = 0; c < 3; c++) {
      for (let i = 0; i < n; i++) {
        const at = c * n + i
        expect(result.composite![at]).toBeCloseTo(a[i]! * e[at]! + (1 - a[i]!) * p[at]!, 6)
        expect(result.greenScreen![at]).toBeCloseTo(a[i]! * e[at]! + (1 - a[i]!) * [0, 177 / 255, 64 / 255][c]!, 6)
      }
      expect(result.composite![c * n]).toBe(p[c * n])
      expect(result.greenScreen![c * n]).toBe(Math.fround(screenGreen[c]!))
    }
  })
})

describe('stretch', () => {
  it('resizes and stretches a relevancy map as the published code', async () => {
    const raw = tensor(relevancyMap.raw)
    const graph = new Graph()
    const { map } = await evaluate(runtime, graph, { map: published(graph.input('raw', raw.shape)) }, { raw })
    expect(relativeError(map!, tensor(relevancyMap.map).data)).toBeLessThan(MAP_TOLERANCE)
    expect([Math.min(...map!), Math.max(...map!)]).toEqual([0, 1])
  })

  it.each([0, 0.37, -2])('gives 0, not NaN, for a map that is %d everywhere', async (level) => {
    const graph = new Graph()
    const map = stretch(graph.input('raw', [1, 1, 3, 3]))
    const raw = { shape: [1, 1, 3, 3], data: new Float32Array(9).fill(level) }
    expect([...(await evaluate(runtime, graph, { map }, { raw })).map!]).toEqual(new Array(9).fill(0))
  })
})
