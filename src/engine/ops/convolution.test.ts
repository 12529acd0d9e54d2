import { expect, it } from 'vitest'
import { createNodeRuntime } from '../node/createNodeRuntime.js'
import { gradients } from '../gradients.js'
import { Graph } from '../graph.js'
import { randomStream } from '../random.js'
import { add, conv2d, slice } from '../ops.js'

const runtime = createNodeRuntime({ device: 'cpu', threads: 2 })

it.each([1, 2])(
  'the weight gradient of a large picture, summed over bands, is that of its halves, stride %i',
  async (stride) => {
    const [channels, height, width] = [16, 1010, 1001]
    const graph = new Graph()
    const x = graph.input('x', [1, channels, height, width])
    const w = graph.input('w', [channels, channels, 3, 3])
    const y = conv2d(x, w, { stride })
    const rows = y.shape[2]!
    const g = graph.input('g', y.shape)
    const half = rows >> 1
    const partial = (start: number, end: number) => {
      const part = slice(x, { axes: [2], starts: [start * stride], ends: [(end - 1) * stride + 3] })
      return gradients(conv2d(part, w, { stride }), [w], slice(g, { axes: [2], starts: [start], ends: [end] }))[0]!
    }
    const program = await runtime.compile(graph, {
      whole: gradients(y, [w], g)[0]!,
      halves: add(partial(0, half), partial(half, rows)),
    })
    const draws = randomStream(1, 'convolution')
    const random = (shape: readonly number[]) => {
      // One block of noise over and over: its length divides neither rows nor planes.
      const [block, data] = [
        Float32Array.from({ length: 65_537 }, () => draws.uniform(-1, 1)),
        new Float32Array(shape.reduce((a, b) => a * b, 1)),
      ]
      for (let at = 0; at < data.length; at += block.length) data.set(block.subarray(0, data.length - at), at)
      return new runtime.Tensor('float32', data, [...shape])
    }
    const { whole, halves } = await program.run({ x: random(x.shape), g: random(g.shape) })
    await program.release()
    const expected = halves!.data as Float32Array
    const apart = (whole!.data as Float32Array).reduce(
      (most, value, i) => Math.max(most, Math.abs(value - expected[i]!)),
      0,
    )
    // Sums of a quarter of a million products or more.
    expect(apart).toBeLessThan(0.01)
  },
  60_000,
)
