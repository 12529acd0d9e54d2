import { expect, it } from 'vitest'
import { Graph } from '../engine/graph.js'
import { bindWeights } from './guidance.js'

const model = {
  name: 'tiny',
  weights: new Map([
    ['kernel', { shape: [2], data: Float32Array.of(1, 2) }],
    ['bias', { shape: [1], data: Float32Array.of(3) }],
    ['unused', { shape: [1], data: Float32Array.of(4) }],
  ]),
  constants: new Set(['kernel']),
}

it('makes a weight a graph input once, and asks to be fed what was used', () => {
  const graph = new Graph()
  const { inputs, used } = bindWeights(graph, model)
  const bias = inputs('bias')
  expect(bias).toMatchObject({ shape: [1], node: { kind: 'input', op: 'tiny.bias' } })
  expect(inputs('bias')).toBe(bias)
  expect([...used]).toEqual([['tiny.bias', model.weights.get('bias')]])
})

it('puts what the model declares constant into the graph', () => {
  const graph = new Graph()
  const { inputs, used } = bindWeights(graph, model)
  expect(inputs('kernel').node).toMatchObject({ kind: 'constant', data: Float32Array.of(1, 2) })
  expect(inputs('kernel')).toBe(inputs('kernel'))
  expect(used.size).toBe(0)
})

it('names a weight that the model lacks', () => {
  expect(() => bindWeights(new Graph(), model).inputs('nope')).toThrow('the tiny model has no weight named "nope"')
})
