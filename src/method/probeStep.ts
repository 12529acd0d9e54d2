import { gradients } from '../engine/gradients.js'
import { Graph } from '../engine/graph.js'
import { add, gelu, matmul, reduceMean, reshape, square } from '../engine/ops.js'
import type { Runtime } from '../engine/runtime.js'
import { timeConvolution } from '../engine/timeConvolution.js'
import { type Rows, TrainedProgram, nextState, stateInputs } from '../engine/trainedProgram.js'
import { Text2LiveError } from '../errors.js'
import { generator, initialParameters, joinGradients, parameterCount, splitParameters } from '../models/generator.js'
import { madgrad, madgradLambda } from './madgrad.js'
import type { StepGraph } from './stepGraph.js'

/** The first level of the generator of preset `fast`, where most of a step's arithmetic is. */
const shape = { width: 64, skipWidth: 4, levels: 1 } as const
const [width, height] = [128, 96]
/** What an image tower does most: tokens [n, d] times a layer's weights [d, 4 d] and back. */
const d = 384
const n = (4 * width * height) / d

/**
 * A training step in small, to find out how fast a device trains: generator, products of an image tower, backward pass
 * and MADGRAD; its state stays on the device as a run's does. About 5 GFLOP.
 */
export class ProbeStep {
  readonly #trained: TrainedProgram<'parameters' | 'initial' | 'gradientSum' | 'squareSum'>
  #k = 0

  constructor(runtime: Runtime) {
    const parameters = initialParameters(shape, 1)
    const vector = (data: Float32Array = new Float32Array(parameters.length)): Rows => ({ shape: [data.length], data })
    this.#trained = new TrainedProgram({
      runtime,
      held: 0,
      state: {
        parameters: vector(parameters),
        initial: vector(parameters),
        gradientSum: vector(),
        squareSum: vector(),
      },
      frozen: { up: constant([d, 4 * d], 0.01), down: constant([4 * d, d], 0.01) },
    })
  }

  /** One step. @returns its loss. @throws DEVICE_UNAVAILABLE, LOSS_NOT_FINITE */
  async run(): Promise<number> {
    const program = await this.#trained.program('step', probeGraph)
    return await this.#trained.pass(async (pass) => {
      const after = await pass.run(program, { picture, lambda: Float32Array.of(madgradLambda(1e-3, this.#k++)) })
      const [loss] = await pass.finite(
        after['loss']!,
        ['the loss of a step in small'],
        (found) => new Text2LiveError('LOSS_NOT_FINITE', found),
      )
      pass.becomeState(after)
      return loss!
    })
  }

  async dispose(): Promise<void> {
    await this.#trained.dispose()
  }
}

function probeGraph(): StepGraph {
  const graph = new Graph()
  const count = parameterCount(shape)
  const { parameters, ...state } = stateInputs(graph, {
    parameters: [count],
    initial: [count],
    gradientSum: [count],
    squareSum: [count],
  })
  const parts = splitParameters(parameters, shape)
  const layer = generator(graph.input('picture', [1, 3, height, width]), parts, shape) // [1, 4, H, W]
  const tokens = reshape(layer, [n, d])
  const judged = matmul(gelu(matmul(tokens, graph.input('up', [d, 4 * d]))), graph.input('down', [4 * d, d])) // [n, d]
  const loss = add(reduceMean(square(judged)), reduceMean(square(layer)))
  const update = madgrad(
    parameters,
    joinGradients(gradients(loss, [...parts.values()])),
    state,
    graph.input('lambda', []),
    { weightDecay: 0, momentum: 0.9 },
  )
  return { graph, outputs: { ...nextState({ ...update }), loss } }
}

const picture = new Float32Array(3 * width * height).map((_, i) => (i % 251) / 250)

function constant(shape: readonly number[], value: number): Rows {
  return { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value) }
}

/**
 * A convolution that takes longer is that of a graphics card made of software: its step, which would take minutes, is
 * reckoned instead.
 */
const slowConvolution = 100
/** Arithmetic of the step in small over that of the convolution. */
const stepOverConvolution = 33
/**
 * Steps that are timed, after one that compiles what a device compiles late; the second is left out where the first
 * took long.
 */
const timed = { steps: 2, milliseconds: 200 } as const

/**
 * Milliseconds that a training step in small takes on a device: by it devices are ranked. First a convolution is tried
 * whose result is known.
 * @throws DEVICE_UNAVAILABLE, and DEVICE_FAILED where it computes something else than it should
 */
export async function timeTraining(runtime: Runtime): Promise<number> {
  const convolution = await timeConvolution(runtime)
  return convolution > slowConvolution ? convolution * stepOverConvolution : await timeStep(runtime)
}

async function timeStep(runtime: Runtime): Promise<number> {
  const step = new ProbeStep(runtime)
  try {
    await step.run()
    let least = Infinity
    for (let run = 0; run < timed.steps && (run === 0 || least < timed.milliseconds); run++) {
      const start = performance.now()
      await step.run()
      least = Math.min(least, performance.now() - start)
    }
    return least
  } finally {
    await step.dispose()
  }
}
