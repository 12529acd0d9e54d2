import { listSupportedBackends } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { findBitDifference } from '../../test/ops/compare.js'
import { Graph, type Value } from './graph.js'
import { gradients } from './gradients.js'
import { createNodeRuntime } from './node/createNodeRuntime.js'
import * as ops from './ops.js'
import { randomStream } from './random.js'
import { createRuntime } from './runtime.js'

const runtime = createNodeRuntime({ device: 'cpu', threads: 2 })

function noise(name: string, shape: readonly number[], low = -1, high = 1) {
  const r = randomStream(3, name)
  return new runtime.Tensor(
    'float32',
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => r.uniform(low, high)),
    [...shape],
  )
}

describe('a program', () => {
  it('asks for every input by name and shape', async () => {
    const graph = new Graph()
    const program = await runtime.compile(graph, { y: ops.add(graph.input('x', [2, 3]), graph.input('w', [3])) })
    expect(program.inputs).toEqual([
      { name: 'x', shape: [2, 3] },
      { name: 'w', shape: [3] },
    ])
    await expect(program.run({ x: noise('x', [2, 3]) })).rejects.toMatchObject({
      code: 'GRAPH_INVALID',
      message: 'run: the input "w" [3] was not fed',
    })
    await expect(program.run({ x: noise('x', [3, 2]), w: noise('w', [3]) })).rejects.toMatchObject({
      code: 'SHAPE_MISMATCH',
      message: 'run: the input "x" expects shape [2, 3], came [3, 2]',
    })
    await program.release()
  })

  it('leaves out the inputs that nothing needs', async () => {
    const graph = new Graph()
    graph.input('unused', [9])
    const program = await runtime.compile(graph, { y: ops.exp(graph.input('x', [2])) })
    expect(program.inputs.map(({ name }) => name)).toEqual(['x'])
    await program.release()
  })

  it('says so when ONNX Runtime refuses the graph', async () => {
    const graph = new Graph()
    const y = graph.apply({ op: 'NoSuchOperator', inputs: [graph.input('x', [2])], shape: [2] })
    await expect(runtime.compile(graph, { y })).rejects.toMatchObject({ code: 'GRAPH_INVALID' })
  })

  it('says so when ONNX Runtime itself is not there, as in a browser that cannot fetch it', async () => {
    const absent = createRuntime(
      {
        Tensor: runtime.Tensor,
        InferenceSession: { create: () => Promise.reject(new Error('no available backend found. ERR: [cpu] gone')) },
      },
      { device: 'cpu' },
    )
    const graph = new Graph()
    await expect(absent.compile(graph, { y: ops.exp(graph.input('x', [2])) })).rejects.toMatchObject({
      code: 'DEVICE_UNAVAILABLE',
      message: expect.stringContaining('did not load') as string,
    })
  })

  it.skipIf(listSupportedBackends().some(({ name, bundled }) => name === 'cuda' && bundled))(
    'says so when its device does not answer',
    async () => {
      const cuda = createNodeRuntime({ device: 'cuda' })
      const graph = new Graph()
      await expect(cuda.compile(graph, { y: ops.exp(graph.input('x', [2])) })).rejects.toMatchObject({
        code: 'DEVICE_UNAVAILABLE',
      })
    },
  )
})

describe('transfers on the CPU', () => {
  it('upload leaves the tensors where they are, download copies', async () => {
    const x = noise('x', [3])
    const uploaded = await runtime.upload({ x })
    expect(uploaded.tensors['x']).toBe(x)
    const copy = await runtime.download(x)
    expect(copy).toEqual(x.data)
    expect(copy.buffer).not.toBe(x.data.buffer)
    await uploaded.release()
  })
})

/** Sizes at which ONNX Runtime splits the work between threads, with many cotangents falling on one element. */
const wide: Readonly<Record<string, (graph: Graph) => { loss: Value; wrt: Value[] }>> = {
  'gather with repeated rows': (graph) => {
    const x = graph.input('x', [7, 512])
    const picked = ops.gather(
      x,
      graph.constant(
        Array.from({ length: 4096 }, (_, i) => (i * i) % 7),
        [4096],
        'int64',
      ),
      0,
    )
    return { loss: ops.reduceSum(ops.mul(picked, graph.input('u', [4096, 512]))), wrt: [x] }
  },
  'grid sampling that magnifies': (graph) => {
    const x = graph.input('x', [2, 3, 16, 16])
    return {
      loss: ops.reduceSum(
        ops.mul(ops.gridSample(x, graph.input('grid', [2, 96, 96, 2])), graph.input('u', [2, 3, 96, 96])),
      ),
      wrt: [x],
    }
  },
  'convolution, norm and activation': (graph) => {
    const [x, w] = [graph.input('x', [1, 24, 72, 80]), graph.input('w', [32, 24, 3, 3])]
    const [scale, bias] = [graph.input('scale', [32]), graph.input('bias', [32])]
    const y = ops.leakyRelu(
      ops.instanceNorm(
        ops.conv2d(
          ops.pad(
            x,
            [
              [0, 0],
              [0, 0],
              [1, 1],
              [1, 1],
            ],
            'reflect',
          ),
          w,
          { stride: 2 },
        ),
        scale,
        bias,
        1e-5,
      ),
      0.2,
    )
    return {
      loss: ops.reduceSum(ops.mul(ops.upsample2x(y), graph.input('u', [1, 32, 72, 80]))),
      wrt: [x, w, scale, bias],
    }
  },
  attention: (graph) => {
    const x = graph.input('x', [8, 65, 128])
    const scores = ops.softmax(ops.matmul(x, ops.swapLast(x)))
    return {
      loss: ops.reduceSum(ops.mul(ops.normalizeRows(ops.matmul(scores, x), 1e-5), graph.input('u', [8, 65, 128]))),
      wrt: [x],
    }
  },
}

describe('two threads give the same bits in every run', () => {
  it.each(Object.entries(wide))('%s', async (_, build) => {
    const graph = new Graph()
    const { loss, wrt } = build(graph)
    const program = await runtime.compile(graph, {
      loss,
      ...Object.fromEntries(gradients(loss, wrt).map((value, i) => [`g${i}`, value])),
    })
    const feeds = Object.fromEntries(program.inputs.map(({ name, shape }) => [name, noise(name, shape)]))
    const first = await program.run(feeds)
    for (let i = 0; i < 5; i++) {
      const again = await program.run(feeds)
      for (const [name, tensor] of Object.entries(first)) {
        expect(
          findBitDifference(tensor.data as Float32Array, again[name]!.data as Float32Array),
          `${name}, run ${i + 2}`,
        ).toBeNull()
      }
    }
    expect((first['g0']!.data as Float32Array).some((x) => x !== 0)).toBe(true)
    await program.release()
  })
})
