import { type ChildProcess, fork } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import {
  type SafetensorsTensor,
  float32Tensor,
  readSafetensors,
  writeSafetensors,
} from '../../src/formats/safetensors.js'
import { toFloat32 } from '../../src/formats/toFloat32.js'
import { atomicWrite } from '../../src/media/node/atomicWrite.js'
import { generatorParameters, initialParameters } from '../../src/models/generator.js'
import { type LearnedStart, conditionedIndices, readTexts, startParameters } from '../../src/models/learnedStart.js'
import { type Phrases, noPhrases } from '../../src/models/phraseReading.js'
import { PairFolder } from '../starter/pairs.js'
import type { TaskReply, TaskRequest } from './taskProcess.js'
import { drawTask, taskPairs } from './tasks.js'

/** Of the generator that `fast` and `preview` train. */
const shape = { width: 64, skipWidth: 4, levels: 7 } as const
/** What the text's direction offsets: the head, and the norms of the decoder at every level. */
const conditioned = generatorParameters(shape)
  .map(({ name }) => name)
  .filter((name) => /^netG(\.1\.1\.7)*\.(4|7|8\.1)\.(weight|bias)$/.test(name))
const embeddingWidth = 256

export interface StartTraining {
  readonly pairs: string
  readonly checkpoint: string
  /** A finished start that the training begins at; without one it begins at random weights. */
  readonly from: LearnedStart | null
  readonly seed: number
  /** Tasks in all; those of one update are solved side by side. */
  readonly tasks: number
  readonly workers: number
  /** Steps of a task. */
  readonly steps: number
  /** How far an update goes towards what the tasks came to: first and last. */
  readonly rate: readonly [number, number]
  /** The same for what depends on the texts. */
  readonly conditionedRate: number
  readonly say: (line: string) => void
  readonly signal: AbortSignal
}

/**
 * Reptile (Nichol et al. 2018): from the present start, some steps of a task; the start goes a part of the way to where
 * they came. What the text's direction offsets is fitted to the rest of that way by least mean squares. Goes on from
 * its checkpoint, bit for bit.
 */
export async function trainStart(options: StartTraining): Promise<void> {
  const { pairs, checkpoint, from, seed, tasks, workers, steps, rate, conditionedRate, say, signal } = options
  const folder = new PairFolder(pairs, 'train')
  const suited = taskPairs(folder)
  const indices = conditionedIndices(shape, conditioned)
  let { k, start } = existsSync(checkpoint) || from === null ? readStart(checkpoint, seed) : { k: 0, start: from }
  const pool = await Promise.all(Array.from({ length: workers }, () => openProcess(pairs)))
  try {
    while (k < tasks && !signal.aborted) {
      const began = performance.now()
      const drawn = pool.map((_, i) => drawTask(k + i, seed, folder, suited))
      const replies = await Promise.all(pool.map((solve, i) => solve({ task: drawn[i]!, start, steps })))
      const solved = replies.filter((reply) => reply !== null)
      const share = k / tasks
      if (solved.length > 0)
        start = updated(
          start,
          solved,
          rate[0] * (1 - share) + rate[1] * share,
          conditionedRate * (1 - share) + 0.1 * share,
          indices,
        )
      k += workers
      await writeStart(checkpoint, start, k)
      say(
        `${k}/${tasks} ${((performance.now() - began) / 1000).toFixed(0)} s  ` +
          replies
            .map(
              (reply, i) =>
                `"${drawn[i]!.prompt}" ${reply === null ? '-' : reply.losses.map((x) => x.toFixed(2)).join(' -> ')}`,
            )
            .join('  '),
      )
    }
  } finally {
    for (const { end } of pool) end()
  }
}

function updated(
  start: LearnedStart,
  solved: readonly NonNullable<TaskReply>[],
  rate: number,
  conditionedRate: number,
  indices: readonly number[],
): LearnedStart {
  const parameters = start.parameters.slice()
  const weight = start.conditioned.weight.slice()
  for (const { parameters: reached, direction } of solved) {
    const reading = readTexts(start, direction)
    const from = startParameters(start, reading)
    reached.forEach((x, i) => {
      parameters[i] = parameters[i]! + (rate / solved.length) * (x - from[i]!)
    })
    // The mean of what the offsets come to is the start's own part; they learn what is left.
    indices.forEach((at, row) => {
      const left = (conditionedRate / solved.length) * (reached[at]! - from[at]!)
      for (let d = 0; d < embeddingWidth; d++) weight[row * embeddingWidth + d]! += left * reading.direction[d]!
    })
  }
  return { ...start, parameters, conditioned: { ...start.conditioned, weight } }
}

/** Random weights, and no offsets. */
export function randomStart(seed: number): LearnedStart {
  const count = conditionedIndices(shape, conditioned).length
  return {
    shape,
    parameters: initialParameters(shape, seed),
    conditioned: {
      guidance: 'starter',
      embeddingWidth,
      names: conditioned,
      weight: new Float32Array(count * embeddingWidth),
      phrases: noPhrases,
    },
  }
}

export function readStart(checkpoint: string, seed: number): { k: number; start: LearnedStart } {
  if (!existsSync(checkpoint)) return { k: 0, start: randomStart(seed) }
  const { tensors, metadata } = readSafetensors(new Uint8Array(readFileSync(checkpoint)), checkpoint)
  const data = (name: string) => toFloat32(tensors.get(name)!).slice()
  return {
    k: Number(metadata['k']),
    start: {
      shape,
      parameters: data('parameters'),
      conditioned: {
        guidance: 'starter',
        embeddingWidth,
        names: conditioned,
        weight: data('conditioned'),
        phrases: phrasesIn(tensors, metadata),
      },
    },
  }
}

/** The same start with room for offsets of everything in `conditioned`: those that it lacks are zero. */
export function widened(start: LearnedStart): LearnedStart {
  const { names, weight, embeddingWidth } = start.conditioned
  const known = conditionedIndices(start.shape, names)
  const rows = new Map(known.map((at, row) => [at, weight.subarray(row * embeddingWidth, (row + 1) * embeddingWidth)]))
  const wide = conditionedIndices(shape, conditioned)
  const all = new Float32Array(wide.length * embeddingWidth)
  wide.forEach((at, row) => all.set(rows.get(at) ?? [], row * embeddingWidth))
  return { ...start, conditioned: { ...start.conditioned, names: conditioned, weight: all } }
}

async function writeStart(
  checkpoint: string,
  { parameters, conditioned: { weight, phrases } }: LearnedStart,
  k: number,
): Promise<void> {
  const tensors = new Map([
    ['parameters', float32Tensor([parameters.length], parameters)],
    ['conditioned', float32Tensor([weight.length / embeddingWidth, embeddingWidth], weight)],
    ...phraseTensors(phrases),
  ])
  await atomicWrite(checkpoint, writeSafetensors(tensors, { k: String(k), phrases: JSON.stringify(phrases.texts) }))
}

/** Phrases as checkpoints keep them: their directions as a tensor, their texts beside the numbers. */
export function phraseTensors({ texts, directions }: Phrases): [string, SafetensorsTensor][] {
  if (texts.length === 0) return []
  return [['phrases', float32Tensor([texts.length, directions.length / texts.length], directions)]]
}

/** None in a checkpoint from before there were phrases. */
export function phrasesIn(
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  metadata: Readonly<Record<string, string>>,
): Phrases {
  const directions = tensors.get('phrases')
  if (!directions) return noPhrases
  return { texts: JSON.parse(metadata['phrases']!) as string[], directions: toFloat32(directions).slice() }
}

type Solve = ((request: TaskRequest) => Promise<TaskReply>) & { readonly end: () => void }

async function openProcess(pairs: string): Promise<Solve> {
  const child: ChildProcess = fork(fileURLToPath(new URL('./taskProcess.js', import.meta.url)), [pairs], {
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const next = () =>
    new Promise<{ reply?: TaskReply; error?: string }>((resolve, reject) => {
      child.once('message', resolve)
      child.once('exit', (code) => reject(new Error(`A process of the training ended with ${code}.`)))
    })
  await next()
  const solve = async (request: TaskRequest): Promise<TaskReply> => {
    const answer = next()
    child.send(request)
    const { reply, error } = await answer
    child.removeAllListeners('exit')
    if (error !== undefined) throw new Error(error)
    return reply ?? null
  }
  return Object.assign(solve, { end: () => void child.kill() })
}
