import { existsSync, readFileSync } from 'node:fs'
import { adamInit, adamRates, adamUpdate } from '../../src/engine/adam.js'
import { gradients } from '../../src/engine/gradients.js'
import { Graph, type Value } from '../../src/engine/graph.js'
import { createNodeRuntime } from '../../src/engine/node/createNodeRuntime.js'
import { abs, add, matmul, mul, reduceMean, reshape, slice, square, sub } from '../../src/engine/ops.js'
import { TrainedProgram, nextState, stateInputs } from '../../src/engine/trainedProgram.js'
import { Text2LiveError } from '../../src/errors.js'
import { float32Tensor, readSafetensors, writeSafetensors } from '../../src/formats/safetensors.js'
import { toFloat32 } from '../../src/formats/toFloat32.js'
import { atomicWrite } from '../../src/media/node/atomicWrite.js'
import { generator, generatorParameters, joinGradients, splitParameters } from '../../src/models/generator.js'
import { type LearnedStart, readTexts } from '../../src/models/learnedStart.js'
import type { Phrases } from '../../src/models/phraseReading.js'
import { phraseTensors, phrasesIn } from './trainStart.js'

/** A photo, an edit of it that was made by other means, and the direction of the words for it. */
export interface Lesson {
  /** What the object is changed into: "red", "gold", "ice". */
  readonly look: string
  readonly size: number
  /** [3, size, size], [0, 1]. */
  readonly photo: Float32Array
  /**
   * The photo as the generator sees it: with the grain of what it is to be of, without what is around the object.
   * [3, size, size], [0, 1].
   */
  readonly seen: Float32Array
  /** [3, size, size], [0, 1]. */
  readonly target: Float32Array
  /** Where the edit is: [size, size], [0, 1]. */
  readonly object: Float32Array
  /** [D], of length 1: from what the photo shows to the prompt. */
  readonly direction: Float32Array
  /** Whether the direction is to be taken as it is, not as the start's phrases read it. */
  readonly literal: boolean
}

export interface Teaching {
  /** Lessons number `from` to `from + count`: the same each time. */
  readonly lessons: (from: number, count: number) => AsyncIterable<Lesson>
  readonly start: LearnedStart
  readonly checkpoint: string
  /** Lessons between two checkpoints. */
  readonly between: number
  readonly steps: number
  /** Of Adam: first, falling to a twentieth of it on half a cosine. */
  readonly learningRate: number
  readonly threads: number
  readonly say: (line: string) => void
  readonly signal: AbortSignal
}

/** The offsets' rate beside that of the weights: each is a sum over a whole direction. */
const CONDITIONED_RATE = 0.15
/** What the opacity counts beside the colours, and outside of the object beside inside. */
const [OPACITY, OUTSIDE] = [0.3, 0.1]

const stateNames = ['parameters', 'conditioned', 'mean', 'square', 'conditionedMean', 'conditionedSquare'] as const
type StateName = (typeof stateNames)[number]

function perState<T>(make: (name: StateName) => T): Record<StateName, T> {
  return Object.fromEntries(stateNames.map((name) => [name, make(name)])) as Record<StateName, T>
}

/**
 * Teaches a start by examples: the generator's picture at step 0 is to be the photo with its object in the prompt's
 * colour or material. One lesson a step, by Adam; goes on from its checkpoint, bit for bit, and reads texts by the
 * phrases that it holds.
 */
export async function teachStart(options: Teaching): Promise<void> {
  const { lessons, checkpoint, between, steps, learningRate, threads, say, signal } = options
  const saved = readTaught(checkpoint, options.start)
  const start = { ...options.start, conditioned: { ...options.start.conditioned, phrases: saved.phrases } }
  const shapes = stateShapes(start)
  const trained = new TrainedProgram<StateName>({
    runtime: createNodeRuntime({ device: 'cpu', threads }),
    held: 2 ** 32,
    state: perState((name) => ({ shape: shapes[name], data: saved.state[name] })),
  })
  let { t } = saved
  try {
    while (t < steps && !signal.aborted) {
      const began = performance.now()
      const [first, sums] = [t, [0, 0]]
      for await (const lesson of lessons(t, Math.min(between, steps - t))) {
        const program = await trained.program(`${lesson.size}`, () => teachingGraph(start, lesson.size))
        const rate = learningRate * (0.05 + 0.475 * (1 + Math.cos((Math.PI * t) / steps)))
        const losses = await trained.pass(async (pass) => {
          const outputs = await pass.run(program, feedsOf(lesson, start, rate, t + 1))
          pass.becomeState(outputs)
          return await pass.finite(
            outputs['losses']!,
            ['colour', 'opacity'],
            (found) => new Text2LiveError('LOSS_NOT_FINITE', `${found} in lesson ${t}.`),
          )
        })
        losses.forEach((x, i) => (sums[i]! += x))
        t++
      }
      await writeTaught(checkpoint, await trained.vectors(), shapes, start.conditioned.phrases, t)
      const [colour, opacity] = sums.map((x) => (x / (t - first)).toFixed(4))
      say(`${t}/${steps} ${((performance.now() - began) / 1000).toFixed(0)} s  colour ${colour}  opacity ${opacity}`)
    }
  } finally {
    await trained.dispose()
  }
}

function feedsOf(
  { photo, seen, target, object, direction, literal }: Lesson,
  start: LearnedStart,
  rate: number,
  t: number,
) {
  const { stepSize, correction } = adamRates(rate, t)
  return {
    photo,
    seen,
    target,
    object,
    direction: literal ? direction : readTexts(start, direction).direction,
    stepSize: Float32Array.of(stepSize),
    conditionedStepSize: Float32Array.of(stepSize * CONDITIONED_RATE),
    correction: Float32Array.of(correction),
  }
}

function teachingGraph(start: LearnedStart, size: number) {
  const graph = new Graph()
  const feeds = {
    photo: graph.input('photo', [1, 3, size, size]),
    seen: graph.input('seen', [1, 3, size, size]),
    target: graph.input('target', [1, 3, size, size]),
    object: graph.input('object', [1, 1, size, size]),
    direction: graph.input('direction', [start.conditioned.embeddingWidth, 1]),
    stepSize: graph.input('stepSize', []),
    conditionedStepSize: graph.input('conditionedStepSize', []),
    correction: graph.input('correction', []),
  }
  const state = stateInputs(graph, stateShapes(start))
  const parameters = offsetParameters(start, state.parameters, matmul(state.conditioned, feeds.direction))
  const layer = generator(feeds.seen, parameters, start.shape)
  const alpha = slice(layer, { axes: [1], starts: [3], ends: [4] })
  // A run holds the layer to the object, so what it would do outside counts little: there the opacity is to be low.
  const composite = compositeOf(layer, feeds.photo, feeds.object)
  const difference = reduceMean(abs(sub(composite, feeds.target)))
  const inside = reduceMean(mul(feeds.object, square(sub(alpha, 1))))
  const outside = reduceMean(mul(sub(1, feeds.object), square(alpha)))
  const opacity = add(inside, mul(outside, OUTSIDE))
  const total = add(difference, mul(opacity, OPACITY))
  const names = generatorParameters(start.shape).map(({ name }) => name)
  const wrt = [...names.map((name) => parameters.get(name)!), state.conditioned]
  const found = gradients(total, wrt)
  const flat = joinGradients(found.slice(0, -1))
  const base = adamUpdate(
    state.parameters,
    flat,
    { mean: state.mean, square: state.square },
    { stepSize: feeds.stepSize, correction: feeds.correction },
  )
  const offsets = adamUpdate(
    state.conditioned,
    found.at(-1)!,
    { mean: state.conditionedMean, square: state.conditionedSquare },
    { stepSize: feeds.conditionedStepSize, correction: feeds.correction },
  )
  return {
    graph,
    outputs: {
      losses: joinGradients([difference, opacity]),
      ...nextState({
        parameters: base.parameters,
        mean: base.mean,
        square: base.square,
        conditioned: offsets.parameters,
        conditionedMean: offsets.mean,
        conditionedSquare: offsets.square,
      }),
    },
  }
}

/** A layer [1, 4, H, W], held to the object [1, 1, H, W], over the photo [1, 3, H, W]. */
export function compositeOf(layer: Value, photo: Value, object: Value): Value {
  const colour = slice(layer, { axes: [1], starts: [0], ends: [3] })
  const alpha = slice(layer, { axes: [1], starts: [3], ends: [4] })
  return add(photo, mul(mul(object, alpha), sub(colour, photo)))
}

/** The generator's parameters with their offsets [C, 1] added, by name. */
function offsetParameters(
  { shape, conditioned: { names } }: LearnedStart,
  flat: Value,
  offsets: Value,
): Map<string, Value> {
  const wanted = new Set(names)
  const parameters = splitParameters(flat, shape)
  let from = 0
  for (const { name, shape: dims } of generatorParameters(shape)) {
    if (!wanted.has(name)) continue
    const size = dims.reduce((product, n) => product * n, 1)
    const part = slice(offsets, { axes: [0], starts: [from], ends: [(from += size)] })
    parameters.set(name, add(parameters.get(name)!, reshape(part, dims)))
  }
  return parameters
}

function stateShapes({ parameters, conditioned: { weight, embeddingWidth } }: LearnedStart) {
  const [flat, rows] = [[parameters.length], [weight.length / embeddingWidth, embeddingWidth]]
  return {
    parameters: flat,
    mean: flat,
    square: flat,
    conditioned: rows,
    conditionedMean: rows,
    conditionedSquare: rows,
  } satisfies Record<StateName, readonly number[]>
}

export function readTaught(
  checkpoint: string,
  start: LearnedStart,
): { t: number; state: Record<StateName, Float32Array>; phrases: Phrases } {
  if (!existsSync(checkpoint)) {
    const [base, offsets] = [adamInit(start.parameters.length), adamInit(start.conditioned.weight.length)]
    return {
      t: 0,
      phrases: start.conditioned.phrases,
      state: {
        parameters: start.parameters,
        conditioned: start.conditioned.weight,
        mean: base.mean,
        square: base.square,
        conditionedMean: offsets.mean,
        conditionedSquare: offsets.square,
      },
    }
  }
  const { tensors, metadata } = readSafetensors(new Uint8Array(readFileSync(checkpoint)), checkpoint)
  return {
    t: Number(metadata['k']),
    phrases: phrasesIn(tensors, metadata),
    state: perState((name) => toFloat32(tensors.get(name)!).slice()),
  }
}

async function writeTaught(
  checkpoint: string,
  state: Record<StateName, Float32Array>,
  shapes: Record<StateName, readonly number[]>,
  phrases: Phrases,
  t: number,
): Promise<void> {
  const tensors = new Map([
    ...stateNames.map((name) => [name, float32Tensor(shapes[name], state[name])] as const),
    ...phraseTensors(phrases),
  ])
  await atomicWrite(checkpoint, writeSafetensors(tensors, { k: String(t), phrases: JSON.stringify(phrases.texts) }))
}
