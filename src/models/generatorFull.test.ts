import { expect, it } from 'vitest'
import { evaluate } from '../../test/support/evaluate.js'
import { hashed } from '../../test/support/hashed.js'
import { readFixtureJson, readFixtureTensors } from '../../test/support/readFixture.js'
import { gradients } from '../engine/gradients.js'
import { Graph, sizeOf } from '../engine/graph.js'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import {
  type Parameter,
  generator,
  generatorParameters,
  joinGradients,
  publishedGenerator,
  splitParameters,
} from './generator.js'

/** Of samples of the output in (0, 1). */
const OUTPUT_TOLERANCE = 5e-5
/**
 * |dg| <= tolerance * (|g| + floor sqrt(n)) for n entries; PyTorch's own float32 gradients reach 2e-3 at this width.
 */
const GRADIENT_TOLERANCE = 5e-3

interface Fixture {
  settings: { width: number; skip: number; levels: number; image: number[] }
  hashed: { k: number; first: number[] }
  order: string[]
  zeroGradient: string[]
  output: { output: number; outputNorm: number }
  gradientFloor: number
  gradientNorms: Record<string, number>
}

const fixture = readFixtureJson<Fixture>('generatorFull')
const tensor = readFixtureTensors('generatorFull')
const runtime = createNodeRuntime({ device: 'cpu', threads: 2 })

it('is the published generator at its published width: output and gradients are those of PyTorch', async () => {
  expect([...hashed(4, fixture.hashed.k)]).toEqual(fixture.hashed.first)
  expect({ width: fixture.settings.width, skipWidth: fixture.settings.skip, levels: fixture.settings.levels }).toEqual(
    publishedGenerator,
  )
  const parameters = generatorParameters(publishedGenerator)
  expect(parameters.map((p) => p.name).sort()).toEqual(
    fixture.order.filter((name) => !fixture.zeroGradient.includes(name)).sort(),
  )

  const image = fixture.settings.image
  const outputShape = [1, 4, ...image.slice(2)]
  const graph = new Graph()
  const count = parameters.reduce((n, p) => n + sizeOf(p.shape), 0)
  const split = splitParameters(graph.input('parameters', [count]), publishedGenerator)
  const output = generator(graph.input('image', image), split, publishedGenerator)
  const gradient = joinGradients(
    gradients(
      output,
      parameters.map((p) => split.get(p.name)!),
      graph.input('cotangent', outputShape),
    ),
  )
  const flat = new Float32Array(count)
  let filled = 0
  for (const p of parameters) {
    flat.set(hashedParameter(p), filled)
    filled += sizeOf(p.shape)
  }
  const result = await evaluate(
    runtime,
    graph,
    { output, gradient },
    {
      parameters: { shape: [count], data: flat },
      image: { shape: image, data: Float32Array.from(hashed(sizeOf(image), 1000), (x) => (x + 1) / 2) },
      cotangent: { shape: outputShape, data: Float32Array.from(hashed(sizeOf(outputShape), 1001), (x) => x / 100) },
    },
  )

  const samples = tensor('output.samples').data
  expect(samples).toHaveLength(400)
  tensor('output.indices').data.forEach((at, i) => {
    expect(Math.abs(result.output![at]! - samples[i]!), `output at ${at}`).toBeLessThan(OUTPUT_TOLERANCE)
  })
  expect(Math.abs(length(result.output!) / fixture.output.outputNorm - 1)).toBeLessThan(OUTPUT_TOLERANCE)

  let offset = 0
  for (const p of parameters) {
    const n = sizeOf(p.shape)
    const ours = result.gradient!.subarray(offset, (offset += n))
    const norm = fixture.gradientNorms[p.name]!
    expect(Math.abs(length(ours) - norm), `length of the gradient of ${p.name}`).toBeLessThanOrEqual(allowed(norm, n))
    const indices = tensor(`gradients.${p.name}.indices`).data
    const expected = tensor(`gradients.${p.name}.samples`).data
    const difference = length(expected.map((x, i) => ours[indices[i]!]! - x))
    // The samples' share of the whole tensor's allowance.
    expect(difference, `samples of the gradient of ${p.name}`).toBeLessThanOrEqual(
      allowed(norm, n) * Math.sqrt(expected.length / n),
    )
  }
  expect(offset).toBe(result.gradient!.length)
})

function allowed(norm: number, entries: number): number {
  return GRADIENT_TOLERANCE * (norm + fixture.gradientFloor * Math.sqrt(entries))
}

function length(x: Float32Array): number {
  let sum = 0
  for (const value of x) sum += value * value
  return Math.sqrt(sum)
}

/** A parameter by the fixture's rule: away from the kinks of LeakyReLU, so that float32 can be held to it. */
function hashedParameter({ name, shape }: Parameter): Float64Array {
  const values = hashed(sizeOf(shape), fixture.order.indexOf(name))
  const sign = (i: number) => (i % 2 === 0 ? 1 : -1)
  if (shape.length === 4) return values.map((x) => x / Math.sqrt(sizeOf(shape.slice(1))))
  if (name === 'netG.6.1.bias') return values.map((x, i) => sign(i) * (1.5 + x / 4))
  if (name === 'netG.8.1.bias') return values.map((x) => x / Math.sqrt(publishedGenerator.width))
  return name.endsWith('.weight') ? values.map((x) => 1 + x / 10) : values.map((x, i) => sign(i) * (3 + x / 2))
}
