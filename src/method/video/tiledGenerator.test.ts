import { expect, it } from 'vitest'
import { createNodeRuntime } from '../../engine/node/createNodeRuntime.js'
import { randomStream } from '../../engine/random.js'
import { TrainedProgram } from '../../engine/trainedProgram.js'
import type { FloatImage } from '../../media/image.js'
import { generatorParameters, initialParameters } from '../../models/generator.js'
import type { Compiled } from './compiled.js'
import { GeneratorPasses } from './generatorPasses.js'
import { TiledGenerator } from './tiledGenerator.js'

const shape = { width: 6, skipWidth: 2, levels: 3 }
const runtime = createNodeRuntime({ device: 'cpu', threads: 1 })
const compiled: Compiled = async (_, __, build) => {
  const { graph, outputs } = build()
  return await runtime.compile(graph, outputs)
}

it.each([
  [75, 41, 16],
  [64, 38, 16],
  [33, 40, 64],
])(
  'a picture of %i x %i in strips of %i rows has the layer and the gradient of the whole',
  async (height, width, rows) => {
    const draws = randomStream(5, 'picture')
    const random = (count: number, low: number, high: number) =>
      Float32Array.from({ length: count }, () => draws.uniform(low, high))
    const picture: FloatImage = { width, height, channels: 3, data: random(3 * height * width, 0, 1) }
    const cotangent = random(4 * height * width, -1, 1)
    const flat = initialParameters(shape, 3).map((x, i) => x + 0.05 * Math.sin(i))
    const carried = random(flat.length, -1, 1)
    const whole = new GeneratorPasses(shape, compiled)
    const tiled = new TiledGenerator(shape, compiled, rows)
    const trained = new TrainedProgram({
      runtime,
      held: 0,
      state: { parameters: { shape: [flat.length], data: flat } },
    })
    await trained.pass(async (pass) => {
      const [layer, expected] = [await tiled.forward(pass, picture, true), await whole.forward(pass, picture, true)]
      expect(worst(layer, await pass.values(expected))).toBeLessThan(1e-5)

      const gradient = await tiled.backward(pass, picture, cotangent, carried)
      const reference = await pass.values(await whole.backward(pass, picture, cotangent, carried))
      compareGradients(gradient, reference)
      await expect(tiled.backward(pass, picture, cotangent, carried)).rejects.toThrow('forward pass')
    })
  },
)

function compareGradients(gradient: Float32Array, reference: Float32Array): void {
  let at = 0
  for (const { name, shape: dims } of generatorParameters(shape)) {
    const count = dims.reduce((a, b) => a * b, 1)
    const [ours, theirs] = [gradient.subarray(at, at + count), reference.subarray(at, (at += count))]
    const apart = Math.hypot(...ours.map((x, i) => x - theirs[i]!))
    expect(apart, name).toBeLessThan(1e-3 * (Math.hypot(...theirs) + 0.1))
  }
}

function worst(a: Float32Array, b: Float32Array): number {
  return a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0)
}
