import { describe, expect, it } from 'vitest'
import { Text2LiveError } from '../errors.js'
import { Graph, type Value, withGradient } from './graph.js'
import { gradients } from './gradients.js'
import { createNodeRuntime } from './node/createNodeRuntime.js'
import { encodeModel } from './onnx.js'
import * as ops from './ops.js'

function message(build: (graph: Graph) => unknown): string {
  try {
    build(new Graph())
  } catch (error) {
    if (error instanceof Text2LiveError) return `${error.code}: ${error.message}`
    throw error
  }
  throw new Error('nothing was thrown')
}

const nodesOf = (outputs: Record<string, Value>) => encodeModel(Object.values(outputs)[0]!.graph, outputs).nodeCount

describe('shape errors name the operator and the shapes', () => {
  const input = (graph: Graph, name: string, ...shape: number[]) => graph.input(name, shape)
  it.each<[string, (graph: Graph) => unknown, string]>([
    ['add', (g) => ops.add(input(g, 'a', 2, 3), input(g, 'b', 4)), 'Add: shapes [2, 3] and [4] do not broadcast'],
    [
      'matmul',
      (g) => ops.matmul(input(g, 'a', 2, 3), input(g, 'b', 4, 5)),
      'MatMul: [2, 3] and [4, 5] do not multiply',
    ],
    [
      'matmul batch',
      (g) => ops.matmul(input(g, 'a', 2, 2, 3), input(g, 'b', 5, 3, 4)),
      'MatMul: [2, 2, 3] and [5, 3, 4] do not broadcast',
    ],
    [
      'gemm',
      (g) => ops.gemm(input(g, 'a', 2, 3), input(g, 'b', 3, 4), null, { transB: true }),
      'Gemm: [2, 3] and [3, 4] transposed do not multiply',
    ],
    ['reshape', (g) => ops.reshape(input(g, 'a', 2, 3), [4, 2]), 'Reshape: [2, 3] does not fit [4, 2]'],
    [
      'transpose',
      (g) => ops.transpose(input(g, 'a', 2, 3), [0, 0]),
      'Transpose: permutation [0, 0] does not fit shape [2, 3]',
    ],
    ['expand', (g) => ops.expand(input(g, 'a', 2, 3), [4, 3]), 'Expand: [2, 3] does not broadcast to [4, 3]'],
    [
      'slice',
      (g) => ops.slice(input(g, 'a', 2, 3), { axes: [1], starts: [2], ends: [1] }),
      'Slice: [2, 1) with step 1 is empty on axis 1 of [2, 3]',
    ],
    [
      'concat',
      (g) => ops.concat([input(g, 'a', 2, 3), input(g, 'b', 3, 3)], 1),
      'Concat: shapes [2, 3] and [3, 3] do not join on axis 1',
    ],
    [
      'pad',
      (g) =>
        ops.pad(
          input(g, 'a', 2, 3),
          [
            [0, 0],
            [3, 0],
          ],
          'reflect',
        ),
      'Pad: reflecting 3 and 0 needs more than axis 1 of [2, 3] has',
    ],
    ['reduce', (g) => ops.reduceSum(input(g, 'a', 2, 3), [2]), 'ReduceSum: axis 2 is out of range for shape [2, 3]'],
    [
      'conv2d',
      (g) => ops.conv2d(input(g, 'a', 1, 3, 5, 5), input(g, 'w', 4, 2, 3, 3)),
      'Conv: input [1, 3, 5, 5], weight [4, 2, 3, 3], bias none and 1 groups do not fit',
    ],
    [
      'conv2d that is too small',
      (g) => ops.conv2d(input(g, 'a', 1, 3, 2, 2), input(g, 'w', 4, 3, 5, 5)),
      'Conv: [1, 4, -2, -2] is no shape',
    ],
    [
      'gridSample',
      (g) => ops.gridSample(input(g, 'a', 2, 3, 5, 5), input(g, 'grid', 1, 4, 4, 2)),
      'gridSample: grid [1, 4, 4, 2] does not fit input [2, 3, 5, 5]',
    ],
    ['constant', (g) => g.constant([1, 2, 3], [2, 2]), 'constant: expected 4 values for shape [2, 2], came 3'],
    [
      'gradients',
      (g) => gradients(input(g, 'a', 2), []),
      'gradients: expected a scalar loss or a seed, came shape [2] and no seed',
    ],
  ])('%s', (_, build, expected) => expect(message(build)).toContain(`SHAPE_MISMATCH: ${expected}`))

  it('refuses a value of another graph', () => {
    const other = new Graph().input('x', [1])
    expect(message((graph) => ops.add(graph.input('y', [1]), other))).toContain(
      'GRAPH_INVALID: Add: an input belongs to another graph',
    )
  })
  it('refuses a second input of the same name', () => {
    expect(message((graph) => [graph.input('x', [1]), graph.input('x', [2])])).toContain(
      'the graph already has an input named "x"',
    )
  })
})

describe('a graph holds what is needed, once', () => {
  it('shares equal applications and equal constants', () => {
    const graph = new Graph()
    const x = graph.input('x', [4])
    expect(ops.exp(ops.add(x, 1))).toBe(ops.exp(ops.add(x, 1)))
    expect(graph.constant([1, 2], [2])).toBe(graph.constant([1, 2], [2]))
    const long = (last: number) => graph.constant(new Float32Array(5000).fill(last, 4999), [5000])
    expect(long(1)).toBe(long(1))
    expect(long(1)).not.toBe(long(2))
    expect(graph.scalar(0)).not.toBe(graph.scalar(-0))
    expect(graph.constant([1], [1], 'int64')).not.toBe(graph.constant([1], [1]))
    expect(graph.constant([1, 2], [2])).not.toBe(graph.constant([1, 2], [2, 1]))
  })

  it('knows that a transpose and the one that undoes it are nothing', () => {
    const x = new Graph().input('x', [2, 3, 4])
    const turned = ops.transpose(x, [1, 2, 0])
    expect(ops.transpose(turned, [2, 0, 1])).toBe(x)
    expect(ops.swapLast(ops.swapLast(x))).toBe(x)
    expect(ops.transpose(turned, [1, 2, 0]).node.op).toBe('Transpose')
  })

  it('drops nodes and inputs that no output depends on', () => {
    const graph = new Graph()
    const x = graph.input('x', [4])
    ops.exp(ops.mul(graph.input('unused', [4]), x))
    const model = encodeModel(graph, { y: ops.add(x, 1) })
    expect(model.nodeCount).toBe(1)
    expect(model.inputs.map(({ name }) => name)).toEqual(['x'])
  })

  it('takes a value that is given instead of computing it, and differentiates through it all the same', async () => {
    const graph = new Graph()
    const [x, w] = [graph.input('x', [2]), graph.input('w', [2])]
    const inner = ops.mul(ops.exp(x), w)
    const y = ops.square(inner)
    const [gradient] = gradients(ops.reduceSum(y), [w])
    const program = await createNodeRuntime({ device: 'cpu' }).compile(
      graph,
      { y, gradient: gradient! },
      { given: { known: inner } },
    )
    // The given value need not be what would have been computed: 3 and 5 instead of e^0 w.
    const { y: square, gradient: slope } = await program.run({
      x: Float32Array.of(0, 0),
      known: Float32Array.of(3, 5),
    })
    await program.release()
    expect(program.inputs.map(({ name }) => name)).toEqual(['x', 'known'])
    expect([...(square!.data as Float32Array)]).toEqual([9, 25])
    expect([...(slope!.data as Float32Array)]).toEqual([6, 10])
  })

  it('differentiates only towards the parameters', () => {
    const build = (parameters: (all: { w: Value; frozen: Value }) => Value[]) => {
      const graph = new Graph()
      const [x, w, frozen] = [graph.input('x', [4, 4]), graph.input('w', [4, 4]), graph.input('frozen', [4, 4])]
      const loss = ops.reduceSum(ops.matmul(ops.matmul(x, w), frozen))
      const before = graph.nodes.length
      gradients(loss, parameters({ w, frozen }))
      return graph.nodes.slice(before).filter((node) => node.op === 'MatMul').length
    }
    // d loss / d w needs two products, d loss / d frozen one; neither builds the gradient of x.
    expect(build(({ w }) => [w])).toBe(2)
    expect(build(({ frozen }) => [frozen])).toBe(1)
    expect(build(({ w, frozen }) => [w, frozen])).toBe(3)
  })

  it('adds nothing to the step for a gradient that nobody asks for', () => {
    const graph = new Graph()
    const [x, w] = [graph.input('x', [2, 3]), graph.input('w', [3, 2])]
    const loss = ops.reduceSum(ops.matmul(x, w))
    const [gw] = gradients(loss, [w])
    const alone = nodesOf({ loss })
    gradients(loss, [x])
    expect(nodesOf({ loss })).toBe(alone)
    expect(nodesOf({ loss, gw: gw! })).toBeGreaterThan(alone)
  })
})

describe('gradients', () => {
  const runtime = createNodeRuntime({ device: 'cpu', threads: 1 })
  const evaluate = async (outputs: Record<string, Value>, feeds: Record<string, number[]> = {}) => {
    const graph = Object.values(outputs)[0]!.graph
    const program = await runtime.compile(graph, outputs)
    const shapes = new Map(program.inputs.map(({ name, shape }) => [name, shape]))
    const tensors = Object.entries(feeds).map(
      ([name, data]) => [name, new runtime.Tensor('float32', Float32Array.from(data), [...shapes.get(name)!])] as const,
    )
    const results = await program.run(Object.fromEntries(tensors))
    await program.release()
    return Object.fromEntries(
      Object.entries(results).map(([name, tensor]) => [name, Array.from(tensor.data as Float32Array)]),
    )
  }

  it('stop at stopGradient', async () => {
    const graph = new Graph()
    const x = graph.input('x', [3])
    const [g] = gradients(ops.reduceSum(ops.mul(x, ops.stopGradient(ops.square(x)))), [x])
    // d/dx of x * [x^2] with the square held fixed.
    expect(await evaluate({ g: g! }, { x: [1, 2, 3] })).toEqual({ g: [1, 4, 9] })
  })

  it('are zero for a parameter that the loss does not depend on', async () => {
    const graph = new Graph()
    const [x, w] = [graph.input('x', [2]), graph.input('w', [3])]
    const [g] = gradients(ops.reduceSum(ops.square(x)), [w])
    expect(await evaluate({ g: g! })).toEqual({ g: [0, 0, 0] })
  })

  it('add up where a value is used several times', async () => {
    const graph = new Graph()
    const x = graph.input('x', [2])
    const [g] = gradients(ops.reduceSum(ops.add(ops.mul(x, x), ops.mul(x, 3))), [x])
    expect(await evaluate({ g: g! }, { x: [1, -2] })).toEqual({ g: [5, -1] })
  })

  it('reach a value in the middle of the graph', async () => {
    const graph = new Graph()
    const x = graph.input('x', [2])
    const middle = ops.mul(x, 2)
    const [gx, gm] = gradients(ops.reduceSum(ops.square(middle)), [x, middle])
    expect(await evaluate({ gx: gx!, gm: gm! }, { x: [1, -2] })).toEqual({ gx: [8, -16], gm: [4, -8] })
  })

  it('of a clamp pass on the border, as in PyTorch', async () => {
    const graph = new Graph()
    const x = graph.input('x', [5])
    const [g] = gradients(ops.reduceSum(ops.clip(x, 0, 1)), [x])
    expect(await evaluate({ g: g! }, { x: [-0.1, 0, 0.5, 1, 1.1] })).toEqual({ g: [0, 1, 1, 1, 0] })
  })

  it("of a value with a rule of its own are that rule's, whatever equal value has another", async () => {
    const graph = new Graph()
    const x = graph.input('x', [2])
    const y = ops.square(x)
    const scaled = (factor: number) => withGradient(y, [x], (g) => [() => ops.mul(g, factor)])
    const [a, b, again] = [scaled(10), scaled(100), scaled(10)]
    expect(new Set([a, b, again]).size).toBe(3)
    const [ga, gb] = [gradients(ops.reduceSum(a), [x])[0]!, gradients(ops.reduceSum(b), [x])[0]!]
    expect(await evaluate({ ga, gb })).toEqual({ ga: [10, 10], gb: [100, 100] })
  })

  it('of equal norms differ where one was told that its cotangent is centred', async () => {
    const graph = new Graph()
    const x = graph.input('x', [1, 3])
    const [told, plain] = [ops.normalizeRows(x, 1e-5, { centredCotangent: true }), ops.normalizeRows(x, 1e-5)]
    const weighted = (y: Value) => gradients(ops.reduceSum(ops.mul(y, graph.constant([1, 2, 6], [1, 3]))), [x])[0]!
    const alone = new Graph()
    const z = alone.input('x', [1, 3])
    const [expected] = gradients(
      ops.reduceSum(ops.mul(ops.normalizeRows(z, 1e-5), alone.constant([1, 2, 6], [1, 3]))),
      [z],
    )
    const found = await evaluate({ told: weighted(told), plain: weighted(plain) }, { x: [1, -2, 4] })
    expect(found.plain).toEqual((await evaluate({ g: expected! }, { x: [1, -2, 4] })).g)
    expect(found.told).not.toEqual(found.plain)
  })

  it('have the rule of an operator that the graph already had without one', async () => {
    const graph = new Graph()
    const x = graph.input('x', [2])
    const frozen = graph.apply({ op: 'Exp', inputs: [x], shape: [2] })
    const [g] = gradients(ops.reduceSum(ops.exp(x)), [x])
    expect(() => gradients(ops.reduceSum(frozen), [x])).toThrow('operator Exp has no gradient rule')
    expect(await evaluate({ g: g! }, { x: [0, 0] })).toEqual({ g: [1, 1] })
  })

  it('with respect to one output of a node do not mix with those of another', async () => {
    const graph = new Graph()
    const [x, low] = [graph.input('x', [2, 4]), graph.input('low', [2, 1])]
    const normed = ops.normalizeRows(x, 1e-5)
    const mean = normed.node.outputs[1]!
    const loss = ops.reduceSum(ops.add(ops.mul(mean, low), ops.reduceSum(ops.mul(normed, 3), [1], { keepDims: true })))
    const [gMean, gNormed] = gradients(loss, [mean, normed])
    expect(await evaluate({ gMean: gMean!, gNormed: gNormed! }, { low: [5, 7] })).toEqual({
      gMean: [5, 7],
      gNormed: [3, 3, 3, 3, 3, 3, 3, 3],
    })
  })

  it('refuse to lead through an output that the rule does not speak of', () => {
    const graph = new Graph()
    const x = graph.input('x', [2, 4])
    const mean = ops.normalizeRows(x, 1e-5).node.outputs[1]!
    expect(message(() => gradients(ops.reduceSum(mean), [x]))).toBe(
      'GRAPH_INVALID: gradients: operator LayerNormalization has no gradient rule for its output 1, yet a parameter lies behind it',
    )
    expect(message(() => gradients(mean, [x], graph.input('seed', [2, 1])))).toContain('for its output 1')
  })

  it('refuse an operator without a rule', () => {
    const graph = new Graph()
    const x = graph.input('x', [2])
    const y = graph.apply({ op: 'Softplus', inputs: [x], shape: [2] })
    expect(() => gradients(ops.reduceSum(y), [x])).toThrow('operator Softplus has no gradient rule')
  })
})
