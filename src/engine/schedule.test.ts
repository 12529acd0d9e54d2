import { describe, expect, it } from 'vitest'
import { gradients } from './gradients.js'
import { Graph, type Node, type Value } from './graph.js'
import { createNodeRuntime } from './node/createNodeRuntime.js'
import { encodeModel } from './onnx.js'
import { concat, instanceNorm, leakyRelu, mul, pad, reduceMean, slice, square, upsample2x } from './ops.js'
import { scheduled } from './schedule.js'

const isFed = ({ kind }: Node) => kind === 'input'
const border = [
  [0, 0],
  [0, 0],
  [1, 1],
  [1, 1],
] as const

/**
 * The mean of what `make` makes of the picture x times the weight w, through `length` nodes that multiply by 1
 * together, and the gradient of the weight, which reads what was made.
 */
function weighed(make: (x: Value) => Value, { side = 20, length = 100 } = {}) {
  const graph = new Graph()
  const [x, w] = [graph.input('x', [1, 1, side, side]), graph.input('w', [1, 1, 1, 1])]
  const made = make(x)
  let loss: Value = reduceMean(mul(made, w))
  for (let i = 0; i < length; i++) loss = mul(loss, i % 2 ? 0.5 : 2)
  return { graph, made: made.node, loss, gradient: gradients(loss, [w])[0]! }
}

const small = { numbers: 100, later: 64 }
const twice = ({ graph }: { graph: Graph }, fed = isFed) =>
  scheduled(graph.nodes, fed, small).flatMap(({ node, again }) => (again ? [node] : []))

/** Operations that these depend on. */
function behind(values: readonly Value[]): number {
  const seen = new Set<Node>()
  const visit = (node: Node): void => {
    if (seen.has(node)) return
    seen.add(node)
    for (const input of node.inputs) visit(input.node)
  }
  for (const { node } of values) visit(node)
  return [...seen].filter(({ kind }) => kind === 'op').length
}

describe('the order of nodes', () => {
  it('has every node after what it reads, and of two inputs the one last that more lies behind', () => {
    const { graph } = weighed((x) => pad(x, border), { length: 8 })
    const order = scheduled(graph.nodes, isFed).map(({ node }) => node)
    expect(new Set(order)).toEqual(new Set(graph.nodes))
    order.forEach((node, place) => {
      for (const input of node.inputs) expect(order.indexOf(input.node)).toBeLessThan(place)
    })
    const way = (node: Node): number => 1 + Math.max(0, ...node.inputs.map((input) => way(input.node)))
    expect(order.map(way)).toEqual(order.map(way).sort((a, b) => a - b))
  })
})

describe('what is joined in order', () => {
  const graph = new Graph()
  const x = graph.input('x', [4])
  const [deep, read] = [mul(mul(mul(x, 2), 3), 4), mul(x, 7)]
  const order = (joined: Value) => scheduled(joined.graph.nodes, isFed).map(({ node }) => node)

  it('is written right before its reader, the first of it last, whatever lies behind it', () => {
    const parts = [mul(x, 5), deep, mul(mul(x, 5), 6)]
    const joined = concat(parts, 0, { inOrder: true })
    const nodes = order(joined)
    const places = [...parts].reverse().map(({ node }) => nodes.indexOf(node))
    // The first is read by the third as well, and stays where that finds it.
    expect(places.slice(0, 2)).toEqual([places[1]! - 1, places[1]])
    expect(places[2]).toBeLessThan(places[0]!)
    expect(nodes.indexOf(joined.node)).toBe(places[1]! + 1)
  })

  it('is written by its depth where no order is asked', () => {
    const parts = [mul(x, 9), mul(deep, 8)]
    const nodes = order(concat([...parts, read], 0))
    expect(nodes.indexOf(parts[0]!.node)).toBeLessThan(nodes.indexOf(parts[1]!.node))
    const asked = order(concat([mul(x, 10), mul(deep, 10)], 0, { inOrder: true }))
    const [first, second] = asked.at(-1)!.inputs
    expect(asked.indexOf(first!.node)).toBeGreaterThan(asked.indexOf(second!.node))
  })
})

describe('what the backward pass reads much later', () => {
  it('is made again for it: a padded picture', () => {
    const { graph, made } = weighed((x) => pad(x, border))
    const all = scheduled(graph.nodes, isFed, small)
    expect(all.filter(({ node }) => node === made).map(({ again }) => again)).toEqual([false, true])
    expect(all.filter(({ again }) => again)).toHaveLength(1)
    // The forward pass reads the first, the gradient of the weight the second.
    const readers = all.filter(({ node }) => node.inputs.some((input) => input.node === made))
    expect(readers.map(({ reads }) => reads.has(made))).toEqual([false, true])
  })

  it('is made again of what is made again itself', () => {
    // Neither is held: the enlarged picture, which the padding alone reads, is made of the small one.
    const enlarged = weighed((x) => pad(upsample2x(x), border))
    const [raised] = enlarged.made.inputs
    expect(twice(enlarged)).toEqual([raised!.node, enlarged.made])
    const all = scheduled(enlarged.graph.nodes, isFed, small)
    const again = all.find((one) => one.again && one.node === enlarged.made)
    expect([...again!.reads]).toEqual([raised!.node])
  })

  /** A norm and a leaky ReLU of a square, which the gradient of x reads as well. */
  const activated = (x: Value) => {
    const [scale, bias] = ['scale', 'bias'].map((name) => x.graph.input(name, [1]))
    return leakyRelu(instanceNorm(mul(x, x), scale!, bias!, 1e-5), 0.2)
  }
  const ofX = ({ graph, loss }: ReturnType<typeof weighed>) => gradients(loss, [graph.nodes[0]!.outputs[0]!])[0]!

  it('is made again: what a norm and a leaky ReLU make of what the backward pass reads too', () => {
    // The gradient of the weight behind them does not read the square, which would be held in their place.
    expect(twice(weighed(activated))).toEqual([])
    const both = weighed(activated)
    ofX(both)
    expect(twice(both)).toEqual([both.made.inputs[0]!.node, both.made])
  })

  it('is held where it is small, comes soon, is fed, or is made of what only that needs', () => {
    expect(twice(weighed((x) => pad(x, border), { side: 4 }))).toEqual([])
    expect(twice(weighed((x) => pad(x, border), { length: 8 }))).toEqual([])
    const given = weighed((x) => pad(x, border))
    expect(twice(given, (node) => isFed(node) || node === given.made)).toEqual([])
    expect(twice(weighed((x) => pad(mul(x, 2), border)))).toEqual([])
    const half = { axes: [2], starts: [0], ends: [10] }
    expect(twice(weighed((x) => slice(mul(x, 2), half)))).toEqual([])
    expect(twice(weighed((x) => slice(x, half)))).toHaveLength(1)
  })

  it.each([
    ['a padded picture', (x: Value) => pad(x, border), 1],
    ['a norm and a leaky ReLU', activated, 2],
  ] as const)('gives the same numbers, on ONNX Runtime: %s', async (_, make, count) => {
    const side = 2900
    const runtime = createNodeRuntime({ device: 'cpu', threads: 2 })
    const of = async (length: number) => {
      const built = weighed(make, { side, length })
      const outputs = { gradient: built.gradient, ofX: reduceMean(square(ofX(built))), loss: built.loss }
      const program = await runtime.compile(built.graph, outputs)
      const data = Float32Array.from({ length: side * side }, (_, i) => (i % 7) - 2)
      const small = { w: Float32Array.of(3), scale: Float32Array.of(0.5), bias: Float32Array.of(0.1) }
      const inputs = new Set(program.inputs.map(({ name }) => name))
      const feeds = Object.entries({ x: data, ...small }).filter(([name]) => inputs.has(name))
      const found = await program.run(Object.fromEntries(feeds))
      await program.release()
      return {
        numbers: Object.keys(outputs).map((name) => found[name]!.data[0] as number),
        repeated: program.nodeCount - behind(Object.values(outputs)),
      }
    }
    const [once, again] = [await of(2), await of(100)]
    expect([once.repeated, again.repeated]).toEqual([0, count])
    expect(again.numbers).toEqual(once.numbers)
    expect(Math.abs(once.numbers[0]!)).toBeGreaterThan(0.01)
    for (const number of once.numbers) expect(Math.abs(number)).toBeGreaterThan(0)
  })

  it('is written in an order that has names before they are read, an output that is made again among them', () => {
    const { graph, made, loss, gradient } = weighed((x) => pad(x, border), { side: 2900 })
    const outputs = { gradient, made: made.outputs[0]!, loss }
    const { bytes, nodeCount } = encodeModel(graph, outputs)
    expect(nodeCount).toBe(behind(Object.values(outputs)) + 1)
    const written = Buffer.from(bytes).toString('latin1')
    const name = `v${made.index}.again`
    expect(written.indexOf(name)).toBeGreaterThan(0)
    expect(written.lastIndexOf(name)).toBeGreaterThan(written.indexOf(name))
  })
})
