import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Measure, evaluate, measureNames } from './evaluate.js'
import { exportModel } from './exportModel.js'
import { extractFeatures } from './extractFeatures.js'
import { FeatureStore } from './featureStore.js'
import { extractMasks } from './extractMasks.js'
import { MaskStore } from './objectMasks.js'
import { PairFolder } from './pairs.js'
import { openPool } from './openPool.js'
import { trainHead } from './trainHead.js'
import { readStarterConfig } from './trunkFeatures.js'
import { type ViewKind, planViews, viewKinds } from './views.js'

/** The views that a model is trained on; the card of the shipped one says which it was. */
const planned = {
  seed: 7,
  counts: {
    plainEvery: 3,
    scenes: 4_000,
    cleanScenes: 1_000,
    objects: 14_000,
    cleanObjects: 4_000,
    gathered: 9_000,
    cleanGathered: 3_000,
  },
}

/** A step of the training. */
const trained = { sizes: { views: 400, cellsPerView: 25, scenes: 40, regions: 4 } } as const

const {
  positionals: [command],
  values,
} = parseArgs({
  allowPositionals: true,
  options: {
    pairs: { type: 'string' },
    work: { type: 'string' },
    parts: { type: 'string' },
    out: { type: 'string' },
    name: { type: 'string', default: 'head' },
    clean: { type: 'boolean', default: false },
    kinds: { type: 'string', default: viewKinds.join() },
    workers: { type: 'string', default: String(availableParallelism()) },
    threads: { type: 'string', default: String(availableParallelism()) },
    steps: { type: 'string', default: '3000' },
    most: { type: 'string', default: '1e9' },
    from: { type: 'string' },
    'keep-texts': { type: 'boolean', default: false },
    between: { type: 'string' },
    share: { type: 'string', default: '0.65' },
    rate: { type: 'string', default: '1e-3' },
    outline: { type: 'string', default: 'models/outline' },
    config: { type: 'string', default: 'models/starter' },
    model: { type: 'string', default: 'models/starter' },
    videos: { type: 'string' },
    figures: { type: 'string' },
  },
})

function need(name: 'pairs' | 'work' | 'parts' | 'out'): string {
  const value = values[name]
  if (value === undefined) throw new Error(`Expected --${name} <folder>: see scripts/starter/README.md`)
  return value
}
function say(line: string): void {
  process.stderr.write(`${line}\n`)
}
const features = (): string => join(need('work'), 'features')
const maskFolder = (): string => join(need('work'), 'masks')
const checkpoint = (): string => join(need('work'), `${values.name}.safetensors`)
const threads = Number(values.threads)
/** Ctrl-C ends a training after the step at hand; the same command goes on with it. */
function untilInterrupt(): AbortSignal {
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  return stop.signal
}

switch (command) {
  case 'masks':
    await extractMasks({
      pairs: need('pairs'),
      outline: values.outline,
      store: maskFolder(),
      workers: Number(values.workers),
      say,
    })
    break
  case 'features':
    await extractFeatures({
      pairs: need('pairs'),
      parts: need('parts'),
      store: features(),
      masks: maskFolder(),
      config: values.config,
      plan: planned,
      workers: Number(values.workers),
      kinds: values.kinds.split(',') as ViewKind[],
      cleanOnly: values.clean,
      most: Number(values.most),
      say,
    })
    break
  case 'train': {
    const folder = new PairFolder(need('pairs'), 'train')
    const plan = planViews(folder.pairs, folder.cleanCount, {
      ...planned,
      masks: new MaskStore(maskFolder()).open(folder.pairs),
    })
    const config = readStarterConfig(values.config)
    const pool = await openPool({
      plan,
      store: new FeatureStore(features()),
      parts: need('parts'),
      texts: join(need('work'), 'texts'),
      config,
      cleanOnly: values.clean,
      threads,
      say,
    })
    const steps = Number(values.steps)
    await trainHead({
      config,
      pool,
      settings: { seed: 7, steps, warmup: Math.round(steps / 8), learningRate: Number(values.rate), ...trained },
      checkpoint: checkpoint(),
      from: values.from,
      keepTexts: values['keep-texts'],
      every: 50,
      threads,
      say,
      signal: untilInterrupt(),
    })
    break
  }
  case 'export':
    await exportModel({
      parts: need('parts'),
      checkpoint: checkpoint(),
      config: values.config,
      out: need('out'),
      between: values.between === undefined ? undefined : { model: values.between, share: Number(values.share) },
    })
    break
  case 'evaluate': {
    const measures =
      values.figures?.split(',') ?? measureNames.filter((name) => name !== 'frames' || values.videos !== undefined)
    const unknown = measures.find((name) => !(measureNames as string[]).includes(name))
    if (unknown !== undefined) throw new Error(`Expected --figures among ${measureNames.join()}, came ${unknown}`)
    const figures = await evaluate({
      model: values.model,
      pairs: need('pairs'),
      videos: values.videos,
      measures: measures as Measure[],
      threads,
      say,
    })
    process.stdout.write(`${JSON.stringify({ model: values.model, ...figures })}\n`)
    break
  }
  default:
    throw new Error(`Expected a command (masks, features, train, export, evaluate), came ${command ?? 'none'}`)
}
