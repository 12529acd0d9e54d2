import { describe, expect, it } from 'vitest'
import { gradients } from '../../src/engine/gradients.js'
import { Graph, type Value } from '../../src/engine/graph.js'
import { createNodeRuntime } from '../../src/engine/node/createNodeRuntime.js'
import { normalizeLength } from '../../src/engine/ops.js'
import { evaluate } from '../../test/support/evaluate.js'
import { readFixtureTensors, relativeError } from '../../test/support/readFixture.js'
import { contrastiveLoss, rivalLoss, squaredNorm } from './contrastiveLoss.js'

const TOLERANCE = 1e-5

const runtime = createNodeRuntime({ device: 'cpu', threads: 1 })
const tensor = readFixtureTensors('contrastive')

/** The loss and its gradients with respect to `wrt`, all held to the fixture. */
async function expectAsPyTorch(
  loss: string,
  wrt: readonly string[],
  constants: readonly string[],
  build: (x: Record<string, Value>) => Value,
): Promise<void> {
  const graph = new Graph()
  const names = [...wrt, ...constants]
  const inputs = Object.fromEntries(names.map((name) => [name, graph.input(name, tensor(name).shape)]))
  const value = build(inputs)
  const found = gradients(
    value,
    wrt.map((name) => inputs[name]!),
  )
  const outputs = Object.fromEntries([['loss', value], ...wrt.map((name, i) => [`d ${name}`, found[i]!])]) as Record<
    string,
    Value
  >
  const result = await evaluate(runtime, graph, outputs, Object.fromEntries(names.map((name) => [name, tensor(name)])))
  expect(relativeError(result.loss!, tensor(loss).data), loss).toBeLessThan(TOLERANCE)
  for (const name of wrt) {
    const wanted = tensor(`${name}.gradient`).data
    expect(Math.max(...wanted.map(Math.abs)), `${name}: the fixture's gradient is not zero`).toBeGreaterThan(1e-3)
    expect(relativeError(result[`d ${name}`]!, wanted), `gradient of ${name}`).toBeLessThan(TOLERANCE)
  }
}

describe('contrastive loss', () => {
  it('has the value and gradients of PyTorch, with several positives, ignored pairs and an image that is not there', async () => {
    await expectAsPyTorch(
      'contrastive',
      ['images', 'texts', 'scale'],
      ['positives', 'ignored', 'weights'],
      ({ images, texts, scale, positives, ignored, weights }) =>
        contrastiveLoss(
          normalizeLength(images!),
          normalizeLength(texts!),
          { positives: positives!, ignored: ignored!, weights: weights! },
          scale!,
        ),
    )
  })

  it('gives nothing to what is not there', () => {
    const [images, texts] = [tensor('images.gradient').data.slice(-5), tensor('texts.gradient').data.slice(-5)]
    expect([...images, ...texts]).toEqual(new Array(10).fill(0))
  })
})

describe('loss between rivals', () => {
  it('has the value and gradients of PyTorch, where the own text is ahead and where it is behind', async () => {
    await expectAsPyTorch(
      'rival',
      ['regions', 'regionTexts', 'rivalScale'],
      ['rivals'],
      ({ regions, regionTexts, rivalScale, rivals }) =>
        rivalLoss(normalizeLength(regions!), normalizeLength(regionTexts!), rivals!, rivalScale!),
    )
  })
})

describe('squared norm', () => {
  it('is that of all parts together', async () => {
    const graph = new Graph()
    const norm = squaredNorm([graph.input('a', [2, 2]), graph.input('b', []), graph.input('c', [1])])
    const result = await evaluate(
      runtime,
      graph,
      { norm },
      {
        a: { shape: [2, 2], data: Float32Array.of(1, -2, 3, 0) },
        b: { shape: [], data: Float32Array.of(-4) },
        c: { shape: [1], data: Float32Array.of(0.5) },
      },
    )
    expect([...result.norm!]).toEqual([30.25])
  })
})
