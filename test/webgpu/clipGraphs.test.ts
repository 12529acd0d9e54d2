import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { buildMappingStep } from '../../src/atlas/fast/mappingStep.js'
import { networkNames, publishedNetworks, type NetworkShapes } from '../../src/atlas/neural/atlasNetworks.js'
import { publishedNeuralSettings } from '../../src/atlas/neural/neuralSettings.js'
import { buildFitStep, buildPretrainingStep } from '../../src/atlas/neural/neuralStep.js'
import { createNodeRuntime } from '../../src/engine/node/createNodeRuntime.js'
import type { Runtime } from '../../src/engine/runtime.js'
import { TrainedProgram } from '../../src/engine/trainedProgram.js'
import type { FloatImage } from '../../src/media/image.js'
import { madgradLambda } from '../../src/method/madgrad.js'
import type { StepGraph } from '../../src/method/stepGraph.js'
import { buildBackwardGraph, buildMappedGraph, buildUpdateGraph } from '../../src/method/video/videoGraphs.js'
import { TiledGenerator } from '../../src/method/video/tiledGenerator.js'
import { initialParameters, parameterCount } from '../../src/models/generator.js'
import * as strips from '../../src/models/generatorStrips.js'
import type { GuidanceModel } from '../../src/models/guidance.js'
import { folderSource } from '../../src/models/node/folderSource.js'
import { resolveVideoSettings } from '../../src/options/resolveVideoSettings.js'
import { evaluate, type Arrays } from '../support/evaluate.js'
import { readFixtureJson, readFixtureTensors, relativeError } from '../support/readFixture.js'
import { tinyClip } from '../support/twoSteps.js'
import { findAdapter } from './adapter.js'

const runtime = await findAdapter()
const cpu = createNodeRuntime({ device: 'cpu', threads: 1 })
const shape = { width: 8, skipWidth: 4, levels: 2 }
const size = { width: 197, height: 166 }
/** A strip at the top of a picture. */
const plan = { shape, rows: 64, width: size.width, deepWidth: Math.ceil(size.width / 2) }
const shapes = Object.fromEntries(
  networkNames.map((name) => [name, { ...publishedNetworks[name], width: 16 }]),
) as unknown as NetworkShapes
const neural = { ...publishedNeuralSettings, shapes, batch: 32 }

/** A session that may not fall back to the CPU is made only if the device has a kernel for every node. */
describe.skipIf(!runtime)('the graphs of a clip have WebGPU kernels', () => {
  let guidance: GuidanceModel
  beforeAll(async () => {
    guidance = await tinyClip(
      await folderSource(fileURLToPath(new URL('../fixtures/tinyClip', import.meta.url))),
      runtime!,
    )
  })

  it.each(['plain', 'black', 'frame'] as const)('a frame that reads the atlas, over %s', async (ground) => {
    const settings = resolveVideoSettings(
      [{ preset: 'fast', prompt: ['a'], region: ['b'], views: 2, seed: 1 }],
      () => 0,
    )
    await compiles(
      buildMappedGraph(
        {
          size,
          atlas: { width: 144, height: 152 },
          settings,
          masked: true,
          ground,
          bootstrap: 'map',
          emphasis: true,
          texts: { composition: 14, screen: 2, direction: 14, region: 1 },
        },
        [guidance],
      ),
    )
  })

  const graphs: Record<string, () => StepGraph> = {
    'the generator, backward': () => buildBackwardGraph(size, shape),
    'the update': () => buildUpdateGraph(shape, { weightDecay: 0, momentum: 0.9 }),
    'strips: core': () => strips.coreGraph(size, shape),
    'strips: core, backward': () => strips.lowerBackwardGraph(size, shape),
    'strips: encoder, backward': () => strips.encoderBackwardGraph(size, shape),
    'strips: kernels': () => strips.kernelGraph(shape),
    'strips: kernels, backward': () => strips.kernelBackwardGraph(shape),
    'strips: raised': () => strips.raisedGraph(plan),
    'strips: joined': () => strips.joinedGraph(plan),
    'strips: head': () => strips.headGraph(plan),
    'strips: head, backward': () => strips.headBackwardGraph(plan),
    'strips: join, backward': () => strips.joinBackwardGraph(plan),
    'strips: spread': () => strips.spreadGraph(plan),
    'neural atlas: pretraining': () => buildPretrainingStep(neural),
    'neural atlas: global': () => buildFitStep(neural, 768, true),
    'neural atlas: local': () => buildFitStep(neural, 768, false),
  }
  it.each(Object.entries(graphs))('%s', async (_, build) => {
    await compiles(build())
  })

  async function compiles({ graph, outputs }: StepGraph): Promise<void> {
    const program = await runtime!.compile(graph, outputs)
    expect(program.nodeCount).toBeGreaterThan(3)
    await program.release()
  }
})

describe.skipIf(!runtime)('on WebGPU as on the CPU', () => {
  const both = async (graph: StepGraph, feeds: Arrays) => {
    const on = (device: Runtime) => evaluate(device, graph.graph, graph.outputs, feeds)
    return { found: await on(runtime!), expected: await on(cpu) }
  }

  it('MADGRAD updates, and leaves alone what never had a gradient', async () => {
    const n = parameterCount(shape)
    const waves = (from: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i + from) / 10)
    const { found, expected } = await both(buildUpdateGraph(shape, { weightDecay: 0, momentum: 0.9 }), {
      parameters: waves(0),
      initial: waves(0),
      gradientSum: new Float32Array(n),
      squareSum: new Float32Array(n),
      lambda: Float32Array.of(madgradLambda(1e-3, 0)),
      gradient: waves(1).map((x, i) => (i % 3 === 0 ? 0 : x)),
    })
    for (const name of Object.keys(expected))
      expect(relativeError(found[name]!, expected[name]!), name).toBeLessThan(1e-4)
    expect(found['newParameters']!.filter((x, i) => i % 3 === 0 && Math.abs(x - waves(0)[i]!) > 1e-6)).toEqual(
      new Float32Array(0),
    )
  })

  it('a large crop goes through the generator in strips, forward and back', async () => {
    const small = { width: 4, skipWidth: 2, levels: 2 }
    const picture: FloatImage = {
      width: 36,
      height: 40,
      channels: 3,
      data: Float32Array.from({ length: 3 * 36 * 40 }, (_, i) => (1 + Math.sin(i * i)) / 2),
    }
    const passes = async (device: Runtime) => {
      const data = initialParameters(small, 3)
      const trained = new TrainedProgram({
        runtime: device,
        held: 2 ** 30,
        state: { parameters: { shape: [data.length], data } },
      })
      const tiled = new TiledGenerator(small, (key, _, build, kept) => trained.program(key, build, kept), 16)
      const found = await trained.pass(async (pass) => ({
        layer: await tiled.forward(pass, picture, true),
        gradient: await tiled.backward(pass, picture, new Float32Array(4 * 36 * 40).fill(0.01), null),
      }))
      await trained.dispose()
      return found
    }
    const [found, expected] = [await passes(runtime!), await passes(cpu)]
    expect(relativeError(found.layer, expected.layer)).toBeLessThan(1e-3)
    expect(relativeError(found.gradient, expected.gradient)).toBeLessThan(1e-2)
  })

  it('a lattice takes a step of its fit', async () => {
    const {
      inputs: stored,
      size: {
        window: [width, height],
        spacing,
      },
      weights,
    } = readFixtureJson<{
      inputs: Record<string, string>
      size: { window: [number, number]; spacing: number }
      weights: Parameters<typeof buildMappingStep>[0]['weights']
    }>('fastAtlas')
    const tensor = readFixtureTensors('fastAtlas')
    // What colours ask comes from outside the graph.
    const outside = ['texture', 'target', 'share', 'origin', 'scale', 'perPixel']
    const inputs = Object.fromEntries(
      Object.entries(stored).flatMap(([name, key]) => (outside.includes(name) ? [] : [[name, tensor(key)] as const])),
    )
    const [, rows, columns] = inputs['lattice']!.shape as [number, number, number]
    const pixels = width * height
    const slope = Float32Array.from({ length: 2 * pixels }, (_, i) => Math.sin(i))
    // Positive at every pixel: its mixed part is smaller than the others.
    const curvature = Float32Array.from({ length: 3 * pixels }, (_, i) =>
      i >= pixels && i < 2 * pixels ? Math.cos(i) : 3 + Math.sin(i),
    )
    const { found, expected } = await both(
      buildMappingStep({
        rows,
        columns,
        spacing,
        width,
        height,
        blocks: { height, width },
        flow: { height: 3, width: 5 },
        rigid: { height: 3, width: 5 },
        weights,
        rounds: 4,
      }),
      { ...inputs, slope, curvature, blockRows: inputs['rows']!, blockColumns: inputs['columns']! },
    )
    const moved = ({ newLattice }: typeof found) => newLattice!.map((x, i) => x - inputs['lattice']!.data[i]!)
    expect(relativeError(moved(found), moved(expected))).toBeLessThan(1e-3)
    expect(relativeError(found['losses']!, expected['losses']!)).toBeLessThan(1e-4)
  })
})
