import { Text2LiveError } from '../errors.js'
import { Graph } from './graph.js'
import { conv2d } from './ops.js'
import type { Runtime } from './runtime.js'

const channels = 32
const side = 128

/**
 * Milliseconds of a convolution of the generator's kind whose result is known: whether a device works at all.
 * @throws DEVICE_FAILED where it computes something else than it should; and as `Runtime.compile` and `Program.run`
 */
export async function timeConvolution(runtime: Runtime): Promise<number> {
  const graph = new Graph()
  const image = graph.input('image', [1, channels, side, side])
  const output = conv2d(image, graph.input('kernel', [channels, channels, 3, 3]), {
    stride: 1,
    pads: [1, 1, 1, 1],
    groups: 1,
  })
  const program = await runtime.compile(graph, { output })
  const feeds = {
    image: new Float32Array(channels * side * side).fill(1),
    kernel: new Float32Array(channels * channels * 9).fill(0.01),
  }
  try {
    let least = Infinity
    for (let run = 0; run < 2; run++) {
      const start = performance.now()
      const centre = Number((await program.run(feeds))['output']?.data[(side / 2) * side + side / 2])
      least = Math.min(least, performance.now() - start)
      const expected = channels * 9 * 0.01
      if (!(Math.abs(centre - expected) < 1e-3)) {
        throw new Text2LiveError('DEVICE_FAILED', `it computes ${centre} where ${expected} is right`)
      }
    }
    return least
  } finally {
    await program.release()
  }
}
