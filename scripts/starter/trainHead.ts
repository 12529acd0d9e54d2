import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { adamCorrections } from '../../src/engine/adam.js'
import { createNodeRuntime } from '../../src/engine/node/createNodeRuntime.js'
import { randomStream } from '../../src/engine/random.js'
import { TrainedProgram } from '../../src/engine/trainedProgram.js'
import { Text2LiveError } from '../../src/errors.js'
import {
  type SafetensorsTensor,
  float32Tensor,
  readSafetensors,
  writeSafetensors,
} from '../../src/formats/safetensors.js'
import { toFloat32 } from '../../src/formats/toFloat32.js'
import { atomicWrite } from '../../src/media/node/atomicWrite.js'
import type { StarterConfig } from '../../src/models/starterConfig.js'
import { type Pool, drawBatch } from './drawBatch.js'
import {
  type BatchSizes,
  type Feeds,
  LARGEST_SCALE,
  initialParameters,
  isLearned,
  optimizer,
  trainingGraph,
} from './headTraining.js'
import { FEATURES } from './trunkFeatures.js'
import { cellsOf } from './views.js'

export interface TrainSettings {
  readonly seed: number
  readonly steps: number
  readonly warmup: number
  readonly learningRate: number
  readonly sizes: BatchSizes
}

export interface TrainOptions {
  readonly config: StarterConfig
  readonly pool: Pool
  readonly settings: TrainSettings
  /** Folder of a finished model that the training begins at; without one it begins at random. */
  readonly from?: string | undefined
  /** Texts are embedded as by that model: what was learned of their directions stays valid. Off where absent. */
  readonly keepTexts?: boolean
  /** Safetensors file: what is learned, the optimizer's state, the step. Training goes on from it. */
  readonly checkpoint: string
  /** Steps between two checkpoints. */
  readonly every: number
  readonly threads: number
  readonly say: (line: string) => void
  readonly onStep?: (report: { readonly step: number; readonly contrastive: number }) => void
  /** Ends the training after the step at hand, with a checkpoint. */
  readonly signal?: AbortSignal
}

/** Plain views that the features' mean and deviation are taken over. */
const SAMPLED = 1500
const tokenNames = ['head.token.mean', 'head.token.std'] as const

/**
 * Trains the head and the text projection; a run that was stopped and goes on makes the same numbers as one that was
 * not.
 * @throws where texts are to be kept and there is no model whose they are, or the checkpoint is of another training
 */
export async function trainHead({
  config,
  pool,
  settings,
  checkpoint,
  from,
  keepTexts = false,
  every,
  threads,
  say,
  onStep,
  signal,
}: TrainOptions): Promise<void> {
  if (keepTexts && from === undefined) throw new Error('Expected --from <model> beside --keep-texts: whose texts?')
  const { sizes } = settings
  const runtime = createNodeRuntime({ device: 'cpu', threads })
  const known = from === undefined ? null : finishedModel(from)
  const parameters = initialParameters(config, settings.seed).map((parameter) => ({
    ...parameter,
    initial: known?.get(parameter.name) ?? parameter.initial,
  }))
  const origin = JSON.stringify({
    ...settings,
    counts: pool.counts,
    ...(known && { from: known.hash }),
    ...(keepTexts && { keepTexts }),
  })
  const shapes = new Map(
    parameters.flatMap(({ name, shape }) =>
      (isLearned(name, keepTexts) ? [name, `${name} mean`, `${name} square`] : [name]).map(
        (key) => [key, shape] as const,
      ),
    ),
  )

  let state: Map<string, Float32Array>
  let step = 0
  if (existsSync(checkpoint)) {
    const saved = readState(checkpoint)
    if (saved.origin !== origin)
      throw new Error(
        `${checkpoint} is of another training: expected ${origin}, found ${saved.origin}. Choose another name, or delete it.`,
      )
    state = saved.state
    step = saved.step
    say(`goes on after step ${step}`)
  } else {
    state = new Map([
      ...parameters.flatMap(
        ({ name, initial }) =>
          [
            [name, initial],
            [`${name} mean`, new Float32Array(initial.length)],
            [`${name} square`, new Float32Array(initial.length)],
          ] as const,
      ),
      ...(known ? tokenNames.map((name) => [name, known.get(name)!] as const) : tokenStatistics(pool, settings.seed)),
    ])
    mkdirSync(dirname(checkpoint), { recursive: true })
  }
  const rows = (names: Iterable<string>) =>
    Object.fromEntries(
      [...names].map((name) => [name, { shape: shapes.get(name) ?? [FEATURES], data: state.get(name)! }]),
    )
  const fixed = rows(tokenNames)
  const trained = new TrainedProgram({
    runtime,
    held: 0,
    state: rows(shapes.keys()),
    frozen: { tokenMean: fixed[tokenNames[0]]!, tokenStd: fixed[tokenNames[1]]! },
  })
  const program = await trained.program('step', () => trainingGraph(config, parameters, sizes, keepTexts))
  const save = async (): Promise<void> => {
    const learned = Object.entries(await trained.vectors()).map(
      ([name, data]) => [name, float32Tensor(shapes.get(name)!, data)] as const,
    )
    const tensors = new Map<string, SafetensorsTensor>([
      ...learned,
      ...tokenNames.map((name) => [name, float32Tensor([FEATURES], state.get(name)!)] as const),
    ])
    await atomicWrite(checkpoint, writeSafetensors(tensors, { origin, step: String(step) }))
  }

  const began = performance.now()
  const first = step
  const means = { contrastive: 0, rivalry: 0 }
  while (step < settings.steps && signal?.aborted !== true) {
    const t = step + 1
    const scalar = (x: number): Float32Array => Float32Array.of(x)
    const corrections = adamCorrections(optimizer.betas, t)
    const feeds: Omit<Feeds, 'tokenMean' | 'tokenStd'> = {
      ...drawBatch(pool, sizes, settings.seed, step),
      learningRate: scalar(learningRateAt(settings, step)),
      meanCorrection: scalar(corrections.mean),
      squareCorrection: scalar(corrections.square),
    }
    const said = await trained.pass(async (pass) => {
      const after = await pass.run(program, feeds)
      const value = async (name: string): Promise<number> =>
        (
          await pass.finite(
            after[name]!,
            [name],
            (found) => new Text2LiveError('LOSS_NOT_FINITE', `step ${t}: ${found}`),
          )
        )[0]!
      const report = {
        contrastive: await value('contrastive'),
        rivalry: await value('rivalry'),
        norm: await value('norm'),
        scale: await value('scale'),
      }
      pass.becomeState(after)
      return report
    })
    step = t
    for (const loss of ['contrastive', 'rivalry'] as const) means[loss] += said[loss]
    onStep?.({ step, contrastive: said.contrastive })
    if (step % 20 === 0) {
      const seconds = (performance.now() - began) / 1000 / (step - first)
      say(
        `step ${step} of ${settings.steps}: contrastive ${(means.contrastive / 20).toFixed(3)}, rivalry ${(means.rivalry / 20).toFixed(3)}, gradient ${said.norm.toFixed(2)}, ` +
          `scale ${said.scale.toFixed(1)}; ${seconds.toFixed(2)} s a step, ${((seconds * (settings.steps - step)) / 60).toFixed(1)} min to go`,
      )
      means.contrastive = means.rivalry = 0
    }
    if (step % every === 0) await save()
  }
  await save()
  await trained.dispose()
}

/** What a finished model has learned, by its parameters' names; the temperature, which no model keeps, at its limit. */
function finishedModel(folder: string): { get(name: string): Float32Array | undefined; readonly hash: string } {
  const bytes = ['image.safetensors', 'text.safetensors'].map(
    (name) => new Uint8Array(readFileSync(join(folder, name))),
  )
  const tensors = new Map(bytes.flatMap((each) => [...readSafetensors(each, folder).tensors]))
  return {
    get: (name) => {
      if (name === 'log_scale') return Float32Array.of(Math.log(LARGEST_SCALE))
      const tensor = tensors.get(name)
      if (!tensor) throw new Error(`${folder} has no ${name}`)
      return toFloat32(tensor)
    },
    hash: createHash('sha256').update(bytes[0]!).update(bytes[1]!).digest('hex'),
  }
}

function readState(path: string): {
  readonly state: Map<string, Float32Array>
  readonly step: number
  readonly origin: string
} {
  const { tensors, metadata } = readSafetensors(new Uint8Array(readFileSync(path)), path)
  return {
    state: new Map([...tensors].map(([name, tensor]) => [name, toFloat32(tensor)])),
    step: Number(metadata.step),
    origin: metadata.origin ?? '',
  }
}

/** Linear warm-up, then half a cosine to zero. */
function learningRateAt({ steps, warmup, learningRate }: TrainSettings, step: number): number {
  if (step < warmup) return (learningRate * (step + 1)) / warmup
  return (learningRate / 2) * (1 + Math.cos((Math.PI * (step - warmup)) / (steps - warmup)))
}

/** Mean and standard deviation of each feature over cells of plain views. */
function tokenStatistics({ store, counts }: Pool, seed: number): (readonly [string, Float32Array])[] {
  const random = randomStream(seed, 'token statistics')
  const cells = cellsOf('plain')
  const half = new Uint16Array(cells * FEATURES)
  const sum = new Float64Array(FEATURES)
  const squares = new Float64Array(FEATURES)
  const views = Math.min(SAMPLED, counts.plain)
  for (let k = 0; k < views; k++) {
    store.read('plain', random.integer(0, counts.plain), half)
    const values = toFloat32({ dtype: 'F16', shape: [half.length], bytes: new Uint8Array(half.buffer) })
    for (let at = 0; at < values.length; at += FEATURES) {
      for (let f = 0; f < FEATURES; f++) {
        const x = values[at + f]!
        sum[f]! += x
        squares[f]! += x * x
      }
    }
  }
  const n = views * cells
  const mean = Float32Array.from(sum, (x) => x / n)
  const std = Float32Array.from(squares, (x, i) => Math.sqrt(Math.max(x / n - mean[i]! ** 2, 1e-6)))
  return [
    [tokenNames[0], mean],
    [tokenNames[1], std],
  ]
}
