import { describe, expect, it } from 'vitest'
import { evaluate } from '../../../test/support/evaluate.js'
import { readFixtureJson, readFixtureTensors, relativeError } from '../../../test/support/readFixture.js'
import { gradients } from '../../engine/gradients.js'
import { Graph, type Value } from '../../engine/graph.js'
import { createNodeRuntime } from '../../engine/node/createNodeRuntime.js'
import { matmul, mul, reduceSum, transpose } from '../../engine/ops.js'
import { axisMatrix, pixelCentres, splineAxis } from './lattice.js'
import { ColourBuffers, type ColourTerms, colourTerms } from './colourTerms.js'
import { bendingLoss, flowDistance, rigidityLoss } from './mappingLosses.js'
import { type MappingLossName, buildMappingStep, mappingLossNames } from './mappingStep.js'

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
  steps: { lattice: string; losses: Record<MappingLossName, number> }[]
}

const runtime = createNodeRuntime({ device: 'cpu', threads: 1 })
const fixture = readFixtureJson<FixtureFile>('fastAtlas')
const tensor = readFixtureTensors('fastAtlas')
const inputs = Object.fromEntries(Object.entries(fixture.inputs).map(([name, stored]) => [name, tensor(stored)]))

const [, rows, columns] = inputs.lattice!.shape as [number, number, number]
const [width, height] = fixture.size.window

/** What the fixture's window asks of its colours where `lattice` maps it to. */
function colours(
  lattice: Float32Array,
  weights: { readonly reconstruction: number; readonly gradient: number },
): ColourTerms {
  const [, h, w] = inputs.texture!.shape as [number, number, number]
  const texel = inputs.texture!.data
  const data = Float32Array.from({ length: 4 * h * w }, (_, k) =>
    k % 4 === 3 ? 1 : texel[(k % 4) * h * w + Math.floor(k / 4)]!,
  )
  const scale = inputs.scale!.data[0]!
  const [left, top] = inputs.origin!.data
  const origin = [left!, top!] as const
  const places = surface(lattice, inputs.rows!.data, inputs.columns!.data)
  const n = width * height
  return colourTerms(
    { colours: inputs.target!.data, share: inputs.share!.data, total: 1 / inputs.perPixel!.data[0]! },
    { width: w, height: h, origin, scale, data },
    places.map((x, i) => (x - origin[i < n ? 0 : 1]) * scale),
    weights,
    new ColourBuffers(width, height, 1),
  )
}

/** Both planes of `lattice` at the pixels of the window. */
function surface(lattice: Float32Array, down: Float32Array, across: Float32Array): Float32Array {
  const places = new Float32Array(2 * height * width)
  places.forEach((_, k) => {
    const [plane, y, x] = [Math.floor(k / height / width), Math.floor(k / width) % height, k % width]
    for (let j = 0; j < rows; j++)
      for (let i = 0; i < columns; i++)
        places[k]! += down[y * rows + j]! * lattice[(plane * rows + j) * columns + i]! * across[x * columns + i]!
  })
  return places
}

/** Slopes at the pixels as slopes of the control points. */
function ofControlPoints(slope: Float32Array): Float32Array {
  const [down, across] = [inputs.rows!.data, inputs.columns!.data]
  const result = new Float32Array(2 * rows * columns)
  slope.forEach((value, k) => {
    const [plane, y, x] = [Math.floor(k / height / width), Math.floor(k / width) % height, k % width]
    for (let j = 0; j < rows; j++)
      for (let i = 0; i < columns; i++)
        result[(plane * rows + j) * columns + i]! += down[y * rows + j]! * value * across[x * columns + i]!
  })
  return result
}

const names = { smooth: ['rigidity', 'flow', 'bending'], colour: ['reconstruction', 'gradient'] } as const
/** The fixture's inputs that a graph has. */
const feedsOf = (graph: Graph) =>
  Object.fromEntries(
    graph.nodes.flatMap(({ kind, op }) => (kind === 'input' && inputs[op] ? [[op, inputs[op]] as const] : [])),
  )

/** A step on the fixture's window. */
async function step(lattice: Float32Array, weights: Readonly<Record<MappingLossName, number>>, rounds: number) {
  const { graph, outputs } = buildMappingStep({
    rows,
    columns,
    spacing: fixture.size.spacing,
    height,
    width,
    blocks: { height, width },
    flow: { height: 3, width: 5 },
    rigid: { height: 3, width: 5 },
    weights,
    rounds,
  })
  const { slope, curvature, reconstruction, gradient } = colours(lattice, weights)
  const result = await evaluate(runtime, graph, outputs, {
    ...feedsOf(graph),
    lattice,
    slope,
    curvature,
    blockRows: inputs.rows!,
    blockColumns: inputs.columns!,
  })
  return { lattice: result.newLattice!, losses: [reconstruction, gradient, ...result.losses!.subarray(0, 3)] }
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

  it.each(names.colour)('%s: value and gradient are those of PyTorch', (name) => {
    const terms = colours(inputs.lattice!.data, { reconstruction: 0, gradient: 0, [name]: 1 })
    const expected = fixture.losses[name]
    expect(Math.abs(terms[name] / expected.value - 1)).toBeLessThan(2e-5)
    expect(relativeError(ofControlPoints(terms.slope), tensor(expected.gradient).data)).toBeLessThan(1e-4)
  })

  it.each(names.smooth)('%s: value and gradient are those of PyTorch', async (name) => {
    const graph = new Graph()
    const lattice = graph.input('lattice', [2, rows, columns])
    const given = (input: string) => graph.input(input, inputs[input]!.shape)
    const at = (down: string, across: string) => matmul(matmul(given(down), lattice), transpose(given(across), [1, 0]))
    const loss = {
      rigidity: () =>
        rigidityLoss(
          at('rigidRows', 'rigidColumnSlopes'),
          at('rigidRowSlopes', 'rigidColumns'),
          given('rigidWeights'),
          given('zoom'),
        ).loss,
      flow: () => reduceSum(mul(flowDistance(at('flowRows', 'flowColumns'), given('targets')), given('flowWeights'))),
      bending: () => bendingLoss(lattice, fixture.size.spacing),
    }[name]()
    const [gradient] = gradients(loss, [lattice]) as [Value]
    const result = await evaluate(runtime, graph, { loss, gradient }, feedsOf(graph))
    const expected = fixture.losses[name]
    expect(Math.abs(result.loss![0]! / expected.value - 1)).toBeLessThan(2e-5)
    expect(relativeError(result.gradient!, tensor(expected.gradient).data)).toBeLessThan(1e-4)
  })

  it('makes the steps that PyTorch makes', async () => {
    let lattice = inputs.lattice!.data
    const moved = (data: Float32Array) => data.map((x, i) => x - inputs.lattice!.data[i]!)
    for (const expected of fixture.steps) {
      const { lattice: next, losses } = await step(lattice, fixture.weights, 60)
      mappingLossNames.forEach((name, i) => expect(Math.abs(losses[i]! / expected.losses[name] - 1)).toBeLessThan(1e-4))
      expect(relativeError(moved(next), moved(tensor(expected.lattice).data))).toBeLessThan(1e-3)
      lattice = next
    }
  })
})
