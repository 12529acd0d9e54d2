import { describe, expect, it } from 'vitest'
import { evaluate } from '../../../test/support/evaluate.js'
import {
  type FixtureTensor,
  readFixtureJson,
  readFixtureTensors,
  relativeError,
} from '../../../test/support/readFixture.js'
import { createNodeRuntime } from '../../engine/node/createNodeRuntime.js'
import { axisMatrix, pixelCentres, splineAxis } from './lattice.js'
import { type MappingLossName, buildMappingStep, mappingLossNames, stepRate } from './mappingStep.js'

interface FixtureFile {
  size: {
    width: number
    height: number
    spacing: number
    pixel: number
    first: [number, number]
    window: [number, number]
  }
  weights: Record<MappingLossName, number>
  inputs: Record<string, string>
  losses: Record<MappingLossName, { value: number; gradient: string }>
  steps: { rate: number; lattice: string; losses: Record<MappingLossName, number> }[]
}

const runtime = createNodeRuntime({ device: 'cpu', threads: 1 })
const fixture = readFixtureJson<FixtureFile>('fastAtlas')
const tensor = readFixtureTensors('fastAtlas')
const inputs = Object.fromEntries(Object.entries(fixture.inputs).map(([name, stored]) => [name, tensor(stored)]))

/** The graph of one step at the fixture's size. */
function stepGraph(weights: Readonly<Record<MappingLossName, number>>) {
  const [, rows, columns] = inputs.lattice!.shape as [number, number, number]
  const [width, height] = fixture.size.window
  return buildMappingStep({
    rows,
    columns,
    spacing: fixture.size.spacing,
    height,
    width,
    texture: { height: inputs.texture!.shape[1]!, width: inputs.texture!.shape[2]! },
    flow: { height: 3, width: 5 },
    rigid: { height: 3, width: 5 },
    weights,
  })
}

describe('the step of a mapping', () => {
  it('takes the spline matrices that PyTorch took', () => {
    const { width, height, spacing, pixel, first, window } = fixture.size
    const [w, h] = window
    expect(
      relativeError(axisMatrix(splineAxis(pixelCentres(w, pixel, first[0]), width, spacing)), inputs.columns!.data),
    ).toBeLessThan(1e-6)
    expect(
      relativeError(axisMatrix(splineAxis(pixelCentres(h, pixel, first[1]), height, spacing)), inputs.rows!.data),
    ).toBeLessThan(1e-6)
    const grid = Float32Array.from({ length: 5 }, (_, i) => 8 * i + 4.5)
    expect(
      relativeError(axisMatrix(splineAxis(grid, width, spacing, true)), inputs.rigidColumnSlopes!.data),
    ).toBeLessThan(1e-6)
  })

  it.each(mappingLossNames)('%s: value and gradient are those of PyTorch', async (name) => {
    const alone = Object.fromEntries(mappingLossNames.map((other) => [other, other === name ? 1 : 0])) as Record<
      MappingLossName,
      number
    >
    const { graph, outputs } = stepGraph(alone)
    const shape = inputs.lattice!.shape
    const zero = { shape, data: new Float32Array(inputs.lattice!.data.length) }
    const result = await evaluate(runtime, graph, outputs, {
      ...inputs,
      mean: zero,
      square: zero,
      rate: { shape: [2], data: stepRate(0.1, 1) },
    })
    const expected = fixture.losses[name]
    expect(Math.abs(result.losses![mappingLossNames.indexOf(name)]! / expected.value - 1)).toBeLessThan(2e-5)
    // After the first step the mean of the gradients is a tenth of the gradient.
    expect(
      relativeError(
        result.newMean!.map((x) => 10 * x),
        tensor(expected.gradient).data,
      ),
    ).toBeLessThan(1e-4)
  })

  it('makes the steps that PyTorch makes', async () => {
    const { graph, outputs } = stepGraph(fixture.weights)
    const shape = inputs.lattice!.shape
    let state: Record<'lattice' | 'mean' | 'square', FixtureTensor> = {
      lattice: inputs.lattice!,
      mean: { shape, data: new Float32Array(inputs.lattice!.data.length) },
      square: { shape, data: new Float32Array(inputs.lattice!.data.length) },
    }
    for (const [k, step] of fixture.steps.entries()) {
      const result = await evaluate(runtime, graph, outputs, {
        ...inputs,
        ...state,
        rate: { shape: [2], data: stepRate(step.rate, k + 1) },
      })
      const moved = (data: Float32Array) => data.map((x, i) => x - inputs.lattice!.data[i]!)
      expect(relativeError(moved(result.newLattice!), moved(tensor(step.lattice).data))).toBeLessThan(1e-3)
      mappingLossNames.forEach((name, i) =>
        expect(Math.abs(result.losses![i]! / step.losses[name] - 1)).toBeLessThan(1e-4),
      )
      state = {
        lattice: { shape, data: result.newLattice! },
        mean: { shape, data: result.newMean! },
        square: { shape, data: result.newSquare! },
      }
    }
  })
})
