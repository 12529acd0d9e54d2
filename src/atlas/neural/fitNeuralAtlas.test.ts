import { describe, expect, it } from 'vitest'
import { evaluate } from '../../../test/support/evaluate.js'
import { readFixtureJson, readFixtureTensors } from '../../../test/support/readFixture.js'
import { sharePrograms } from '../../../test/support/sharePrograms.js'
import { sizeOf } from '../../engine/graph.js'
import { createNodeRuntime } from '../../engine/node/createNodeRuntime.js'
import { Text2LiveError } from '../../errors.js'
import { type ClipFlow, type Flow, flowUnits } from '../clipFlow.js'
import { adamInit, adamRates } from '../../engine/adam.js'
import { type NetworkShapes, networkNames, publishedNetworks } from './atlasNetworks.js'
import { type NeuralAtlasProgress, type NeuralAtlasState, fitNeuralAtlas } from './fitNeuralAtlas.js'
import { imlpParameters } from './imlp.js'
import { NeuralFitter, type NeuralVectors, neuralVectorNames } from './neuralFitter.js'
import { neuralLossNames } from './neuralLosses.js'
import { type NeuralSettings, publishedNeuralSettings } from './neuralSettings.js'
import { buildPretrainingStep } from './neuralStep.js'
import type { ClipPixel, FitInput } from './pointBatch.js'

/** Largest difference of a loss from PyTorch in float64, of losses beyond 1 relative to them. */
const LOSS_TOLERANCE = 1e-4
/**
 * |g - reference| <= tolerance * |reference| for the gradient of each tensor: the highest frequency, 2^9 pi, costs
 * float32 its last digits.
 */
const GRADIENT_TOLERANCE = 2e-3
/** |p - reference| <= tolerance * (|reference| + lr sqrt(n)), lengths of a tensor of n entries. */
const PARAMETER_TOLERANCE = 1e-3

interface Step {
  pixels: ClipPixel[]
  losses: Record<string, number>
}
interface Fixture {
  width: number
  height: number
  frames: number
  batch: number
  hidden: number
  uvScale: number
  learningRate: number
  weights: NeuralSettings['weights']
  globalRigidityUntil: number
  bootstrapUntil: number
  globalRigidityStep: number
  reference: Step[]
  fixed: Step[]
  pretraining: Pick<Step, 'losses'>[]
}

const runtime = sharePrograms(createNodeRuntime({ device: 'cpu', threads: 2 }))
const fixture = readFixtureJson<Fixture>('neuralSteps')
const tensor = readFixtureTensors('neuralSteps')
const { width, height, batch, learningRate } = fixture

const shapesOf = (hidden: number) =>
  Object.fromEntries(
    networkNames.map((name) => [name, { ...publishedNetworks[name], width: hidden }]),
  ) as unknown as NetworkShapes
const settings: NeuralSettings = {
  ...publishedNeuralSettings,
  shapes: shapesOf(fixture.hidden),
  batch,
  learningRate,
  uvScale: fixture.uvScale,
  weights: fixture.weights,
  globalRigidityUntil: fixture.globalRigidityUntil,
  bootstrapUntil: fixture.bootstrapUntil,
  globalRigidityStep: fixture.globalRigidityStep,
}
const parameterNames = networkNames.flatMap((name) =>
  imlpParameters(settings.shapes[name]).map((p) => ({ ...p, name: `${name}.${p.name}` })),
)

function plane(name: string, t: number) {
  const { shape, data } = tensor(name)
  const size = sizeOf(shape.slice(1))
  return data.slice(t * size, (t + 1) * size)
}
const flowOf = (direction: string): Flow[] =>
  Array.from({ length: fixture.frames - 1 }, (_, t) => ({
    data: flowUnits(plane(direction, t)),
    valid: Uint8Array.from(plane(`${direction}.valid`, t)),
  }))
const input: FitInput = {
  frames: {
    width,
    height,
    pixels: Array.from({ length: fixture.frames }, (_, t) => Uint8Array.from(plane('frames', t))),
  },
  flow: { width, height, forward: flowOf('forward'), backward: flowOf('backward') },
  masks: Array.from({ length: fixture.frames }, (_, t) => ({ width, height, channels: 1, data: plane('masks', t) })),
}
const initial = () => ({ parameters: tensor('initial').data.slice(), ...adamInit(tensor('initial').data.length) })

describe('five steps of the neural fit', () => {
  it.each(['reference', 'fixed'] as const)(
    'have the losses, the gradient and the parameters of the PyTorch script (%s, a portrait clip)',
    async (behaviour) => {
      const fitter = new NeuralFitter({
        runtime,
        input,
        settings: { ...settings, behaviour },
        seed: 0,
        vectors: initial(),
      })
      for (const [k, step] of fixture[behaviour].entries()) {
        const losses = await fitter.fit(k, step.pixels)
        for (const name of [...neuralLossNames, 'total'] as const)
          compareLoss(name, k, losses[name]!, step.losses[name]!)
        // Adam's first mean is a tenth of the gradient.
        if (k === 0)
          compareTensors(
            (await fitter.vectors()).mean,
            tensor(`${behaviour}.gradient`).data.map((g) => 0.1 * g),
            (size) => GRADIENT_TOLERANCE * size,
          )
      }
      await compareState(fitter, behaviour)
      await fitter.dispose()
    },
  )
})

describe('five steps of the pretraining', () => {
  it('have the losses, the gradient and the parameters of the PyTorch script', async () => {
    const { graph, outputs } = buildPretrainingStep(settings)
    const vector = (data: Float32Array) => ({ shape: [data.length], data })
    const scalar = (x: number) => ({ shape: [], data: Float32Array.of(x) })
    let vectors: NeuralVectors = initial()
    for (const [k, step] of fixture.pretraining.entries()) {
      const rates = adamRates(learningRate, k + 1)
      const after = await evaluate(runtime, graph, outputs, {
        foreground: tensor(`pretraining.foreground.${k}`),
        background: tensor(`pretraining.background.${k}`),
        ...Object.fromEntries(neuralVectorNames.map((name) => [name, vector(vectors[name])])),
        stepSize: scalar(rates.stepSize),
        correction: scalar(rates.correction),
      })
      for (const [i, name] of ['foreground', 'background', 'total'].entries())
        compareLoss(name, k, after.losses![i]!, step.losses[name]!)
      vectors = { parameters: after.newParameters!, mean: after.newMean!, square: after.newSquare! }
      if (k === 0)
        compareTensors(
          vectors.mean,
          tensor('pretraining.gradient').data.map((g) => 0.1 * g),
          (size) => GRADIENT_TOLERANCE * size,
        )
    }
    const fitter = new NeuralFitter({ runtime, input, settings, seed: 0, vectors })
    await compareState(fitter, 'pretraining')
  })
})

async function compareState(fitter: NeuralFitter, name: string): Promise<void> {
  const { parameters, mean, square } = await fitter.vectors()
  compareTensors(
    parameters,
    tensor(`${name}.parameters`).data,
    (size, n) => PARAMETER_TOLERANCE * (size + learningRate * Math.sqrt(n)),
  )
  // What has no gradient has not moved from 0.
  compareTensors(mean, tensor(`${name}.mean`).data, (size) => GRADIENT_TOLERANCE * size)
  compareTensors(square, tensor(`${name}.square`).data, (size) => 2 * GRADIENT_TOLERANCE * size)
}

function compareLoss(name: string, k: number, actual: number, expected: number): void {
  expect(Math.abs(actual - expected), `${name} at step ${k}: ${actual} for ${expected}`).toBeLessThanOrEqual(
    LOSS_TOLERANCE * Math.max(1, Math.abs(expected)),
  )
}

function compareTensors(
  actual: Float32Array,
  expected: Float32Array,
  allowed: (size: number, n: number) => number,
): void {
  expect(actual.length).toBe(expected.length)
  let offset = 0
  for (const { name, shape } of parameterNames) {
    const n = sizeOf(shape)
    const theirs = expected.subarray(offset, offset + n)
    const ours = actual.subarray(offset, (offset += n))
    const difference = Math.hypot(...ours.map((x, i) => x - theirs[i]!))
    expect(difference, name).toBeLessThanOrEqual(allowed(Math.hypot(...theirs), n))
  }
}

describe('a fit', () => {
  const short: NeuralSettings = { ...settings, pretraining: 1, iterations: 5, resolution: 80 }
  const run = async (options: Partial<Parameters<typeof fitNeuralAtlas>[0]> = {}) => {
    const states: NeuralAtlasState[] = []
    const steps: NeuralAtlasProgress[] = []
    const atlas = await fitNeuralAtlas({
      ...input,
      settings: short,
      runtime,
      seed: 3,
      checkpointEvery: 3,
      onCheckpoint: (state) => {
        states.push(state)
      },
      onProgress: (step) => steps.push(step),
      ...options,
    })
    return { atlas, states, steps }
  }

  it('goes on from a checkpoint as if it had not stopped, bit for bit, in the pretraining, at its end and after', async () => {
    const { atlas, states, steps } = await run({ checkpointEvery: 1 })
    expect(states.map((state) => state.step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(steps.map(({ stage, done, total }) => `${stage} ${done}/${total}`)).toEqual([
      ...[1, 2, 3, 4].map((done) => `pretraining ${done}/4`),
      ...[1, 2, 3, 4, 5].map((done) => `fit ${done}/5`),
    ])
    for (const at of [2, 4, 6]) {
      const again = await run({ state: states[at - 1]! })
      expect(again.steps.map(({ losses }) => losses)).toEqual(steps.slice(at).map(({ losses }) => losses))
      expect(again.states.at(-1)).toEqual(states.at(-1))
      expect(again.atlas.toTensors()).toEqual(atlas.toTensors())
    }
  })

  it('draws by its seed, and takes any number of iterations', async () => {
    const [three, more] = [await run(), await run({ settings: { ...short, iterations: 7 } })]
    expect(more.steps).toHaveLength(11)
    expect((await run({ seed: 4 })).steps[0]!.losses).not.toEqual(three.steps[0]!.losses)
    const longer = await run({ settings: { ...short, iterations: 7 }, state: three.states.at(-1)! })
    expect(longer.states.at(-1)).toEqual(more.states.at(-1))
  })

  it('that is stopped leaves its state', async () => {
    const control = new AbortController()
    const states: NeuralAtlasState[] = []
    const stopped = fitNeuralAtlas({
      ...input,
      settings: short,
      runtime,
      seed: 3,
      signal: control.signal,
      onCheckpoint: (state) => {
        states.push(state)
      },
      onProgress: ({ stage, done }) => {
        if (stage === 'fit' && done === 2) control.abort(new Text2LiveError('INTERRUPTED', 'stopped'))
      },
    })
    await expect(stopped).rejects.toMatchObject({ code: 'INTERRUPTED' })
    expect(states.map((state) => state.step)).toEqual([6])
    expect((await run({ state: states[0]! })).states.at(-1)).toEqual((await run()).states.at(-1))
  })

  it('refuses a state of other networks, and masks or flow of another clip', async () => {
    const { states } = await run()
    await expect(run({ state: states[0]!, settings: { ...short, shapes: shapesOf(8) } })).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
    })
    await expect(run({ masks: input.masks.slice(1) })).rejects.toMatchObject({ code: 'SHAPE_MISMATCH' })
    const flow: ClipFlow = { ...input.flow, width: 7 }
    await expect(run({ flow })).rejects.toMatchObject({ code: 'SHAPE_MISMATCH' })
  })

  it('without any valid flow has no flow loss instead of the mean of nothing', async () => {
    const none = (flows: readonly Flow[]) =>
      flows.map((flow) => ({ ...flow, valid: new Uint8Array(flow.valid.length) }))
    const { steps } = await run({
      flow: { ...input.flow, forward: none(input.flow.forward), backward: none(input.flow.backward) },
    })
    expect(steps.at(-1)!.losses.flowForeground).toBe(0)
    expect(steps.at(-1)!.losses.total).toBeGreaterThan(0)
  })

  it('stops with the names of the losses when they are no numbers', async () => {
    await expect(run({ settings: { ...short, learningRate: 1e30 } })).rejects.toMatchObject({ code: 'LOSS_NOT_FINITE' })
  })
})
