import { describe, expect, it } from 'vitest'
import { readFixtureJson, readFixtureTensors, relativeError } from '../../test/support/readFixture.js'
import { gradients } from '../engine/gradients.js'
import { Graph } from '../engine/graph.js'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import {
  generator,
  generatorParameters,
  initialParameters,
  joinGradients,
  publishedGenerator,
  splitParameters,
} from './generator.js'

/** Float32 against PyTorch in float64, relative to the largest entry. */
const OUTPUT_TOLERANCE = 2e-5
/** |dg| <= tolerance * (|g| + floor sqrt(n)) for a tensor of n entries; PyTorch's own float32 gradients reach 3e-4. */
const GRADIENT_TOLERANCE = 1e-3

interface Narrow {
  settings: { width: number; skip: number; levels: number }
  zeroGradient: string[]
  parameters: Record<string, number[]>
  cases: { name: string; gradientFloor: number; gradientNorms: Record<string, number> }[]
}

const runtime = createNodeRuntime({ device: 'cpu', threads: 2 })
const fixture = readFixtureJson<Narrow>('generator')
const tensor = readFixtureTensors('generator')
const shape = { width: fixture.settings.width, skipWidth: fixture.settings.skip, levels: fixture.settings.levels }

describe('generator', () => {
  it('has the published parameters, but those the loss does not depend on', () => {
    const ours = new Set(generatorParameters(shape).map((p) => p.name))
    const dropped = Object.keys(fixture.parameters).filter((name) => !ours.has(name))
    expect(dropped.sort()).toEqual([...fixture.zeroGradient].sort())
    for (const p of generatorParameters(shape)) expect(p.shape, p.name).toEqual(fixture.parameters[p.name])
    expect(initialParameters(publishedGenerator, 0).length).toBe(3_115_548 - droppedEntries())
  })

  it.each(fixture.cases)(
    '$name size: output and all gradients are those of PyTorch',
    async ({ name, gradientFloor, gradientNorms }) => {
      const image = tensor(`${name}.image`)
      const expected = tensor(`${name}.output`)
      const parameters = generatorParameters(shape)
      const graph = new Graph()
      const x = graph.input('image', image.shape)
      const seed = graph.input('cotangent', expected.shape)
      const size = parameters.reduce((n, p) => n + p.shape.reduce((a, b) => a * b, 1), 0)
      const flat = graph.input('parameters', [size])
      const split = splitParameters(flat, shape)
      const y = generator(x, split, shape)
      const joined = joinGradients(
        gradients(
          y,
          parameters.map((p) => split.get(p.name)!),
          seed,
        ),
      )
      const program = await runtime.compile(graph, { output: y, gradient: joined })
      const T = runtime.Tensor
      const feed = {
        image: new T(
          'float32',
          image.data.map((v) => v / 255),
          image.shape,
        ),
        cotangent: new T('float32', tensor(`${name}.cotangent`).data, expected.shape),
        parameters: new T(
          'float32',
          Float32Array.from(parameters.flatMap((p) => [...tensor(`parameters.${p.name}`).data])),
          [size],
        ),
      }
      const result = await program.run(feed)
      expect(relativeError(result.output!.data as Float32Array, expected.data)).toBeLessThan(OUTPUT_TOLERANCE)
      let offset = 0
      for (const p of parameters) {
        const reference = tensor(`${name}.gradients.${p.name}`).data
        const ours = (result.gradient!.data as Float32Array).subarray(offset, (offset += reference.length))
        const difference = Math.hypot(...ours.map((x, i) => x - reference[i]!))
        const allowed = GRADIENT_TOLERANCE * (Math.hypot(...reference) + gradientFloor * Math.sqrt(reference.length))
        expect(difference, `${p.name} ${JSON.stringify(p.shape)}`).toBeLessThanOrEqual(allowed)
      }
      for (const dropped of fixture.zeroGradient) expect(gradientNorms[dropped], dropped).toBeLessThan(1e-12)
      const again = await program.run(feed)
      expect(again.gradient!.data).toEqual(result.gradient!.data)
      await program.release()
    },
  )
})

/** Convolution biases before a norm and biases of the norm after the concatenation, at published width. */
function droppedEntries(): number {
  return 7 * (4 + 128 + 128 + 132 + 128) + 6 * 128
}
