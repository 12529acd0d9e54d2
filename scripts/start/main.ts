import { existsSync, mkdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createNodeRuntime } from '../../src/engine/node/createNodeRuntime.js'
import { loadGuidance } from '../../src/models/loadGuidance.js'
import { MaskStore, objectLabel } from '../starter/objectMasks.js'
import { PairFolder } from '../starter/pairs.js'
import { everyPlainView, planViews } from '../starter/views.js'
import { type LearnedStart, loadStart } from '../../src/models/learnedStart.js'
import { folderSource } from '../../src/models/node/folderSource.js'
import { lookForms, phraseDirections } from './lookPhrases.js'
import { exportStart } from './exportStart.js'
import { measureStart } from './measureStart.js'
import { type LessonSource, paintedLessons } from './paintedLessons.js'
import { type Lesson, teachStart } from './teachStart.js'
import { randomStart, trainStart, widened } from './trainStart.js'

const {
  positionals: [command],
  values,
} = parseArgs({
  allowPositionals: true,
  options: {
    pairs: { type: 'string' },
    work: { type: 'string' },
    from: { type: 'string' },
    out: { type: 'string' },
    masks: { type: 'string' },
    name: { type: 'string', default: 'start' },
    seed: { type: 'string', default: '7' },
    tasks: { type: 'string', default: '240' },
    steps: { type: 'string', default: '12' },
    workers: { type: 'string', default: String(Math.max(1, availableParallelism())) },
    rate: { type: 'string', default: '0.4,0.05' },
    lessons: { type: 'string' },
    'lesson-rate': { type: 'string', default: '0.0015' },
    'conditioned-rate': { type: 'string', default: '0.5' },
  },
})
function need(name: 'pairs' | 'work' | 'out' | 'masks'): string {
  const value = values[name]
  if (value === undefined) throw new Error(`Expected --${name} <folder>: see scripts/start/README.md`)
  return value
}
/** Phrases are said of every so many-th thing that lessons show. */
const EVERY_THING = 37
const seed = Number(values.seed)
const threads = Number(values.workers)
const say = (line: string): void => void process.stderr.write(`${line}\n`)
/** Ctrl-C ends after what is at hand; the same command goes on. */
function untilInterrupt(): AbortSignal {
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  return stop.signal
}
/** What the pairs, their masks and the seed make lessons of. */
async function openLessons(): Promise<LessonSource> {
  const folder = new PairFolder(need('pairs'), 'train')
  const store = new MaskStore(need('masks'))
  if (!store.has(0))
    throw new Error(`Expected --masks to be the folder that "starter masks" wrote: ${values.masks} holds none`)
  const plan = planViews(folder.pairs, folder.cleanCount, {
    seed,
    counts: everyPlainView,
    masks: store.open(folder.pairs),
  })
  const runtime = createNodeRuntime({ device: 'cpu', threads })
  const guidance = await loadGuidance(await folderSource('models/starter'), runtime, { positions: 'fixed' })
  return { folder, plan, guidance }
}
/** A start that reads texts by the phrases of the lessons: its own where they are the same, or else new ones. */
async function withPhrases(start: LearnedStart, { folder, plan, guidance }: LessonSource): Promise<LearnedStart> {
  const forms = lookForms()
  if (forms.join('\n') === start.conditioned.phrases.texts.join('\n')) return start
  const labels = folder.pairs.flatMap((pair, i) => (plan.masks.has(i) ? (objectLabel(pair) ?? []) : []))
  const things = [...new Set(labels)].filter((_, i) => i % EVERY_THING === 0)
  say(`phrases, each of ${things.length} things`)
  const phrases = await phraseDirections(guidance, forms, things)
  return { ...start, conditioned: { ...start.conditioned, phrases } }
}
/** Lessons on the photos that are taught, with other draws: the number of the first lies beyond all that are taught. */
async function* untaught(source: LessonSource, count: number): AsyncGenerator<Lesson> {
  const [far, chunk] = [10_000_000, 200]
  for (let i = 0; i < count; i += chunk) yield* paintedLessons(source, far + i, Math.min(chunk, count - i))
}
const given = values.from === undefined ? null : widened(await loadStart(await folderSource(values.from)))
/** The checkpoint of what is trained, in a folder that is there then. */
function checkpointAt(): string {
  mkdirSync(need('work'), { recursive: true })
  return join(need('work'), `${values.name}.safetensors`)
}

switch (command) {
  case 'train': {
    const [first = 0.4, last = 0.05] = values.rate.split(',').map(Number)
    await trainStart({
      pairs: need('pairs'),
      checkpoint: checkpointAt(),
      from: given,
      seed,
      tasks: Number(values.tasks),
      steps: Number(values.steps),
      workers: threads,
      rate: [first, last],
      conditionedRate: Number(values['conditioned-rate']),
      say,
      signal: untilInterrupt(),
    })
    break
  }
  case 'teach': {
    const source = await openLessons()
    const [checkpoint, first] = [checkpointAt(), given ?? randomStart(seed)]
    await teachStart({
      lessons: (from, count) => paintedLessons(source, from, count),
      start: existsSync(checkpoint) ? first : await withPhrases(first, source),
      checkpoint,
      between: 200,
      steps: Number(values.lessons ?? 12_000),
      learningRate: Number(values['lesson-rate']),
      threads,
      say,
      signal: untilInterrupt(),
    })
    break
  }
  case 'measure': {
    if (given === null) throw new Error('Expected --from <folder>: a start to measure')
    const lessons = untaught(await openLessons(), Number(values.lessons ?? 600))
    const errors = await measureStart(given, lessons, createNodeRuntime({ device: 'cpu', threads }))
    const mean = (of: 'left' | 'level'): number => errors.reduce((sum, error) => sum + error[of], 0) / errors.length
    const all = errors.reduce((sum, { lessons: count }) => sum + count, 0)
    say('look        lessons   left  of it brightness')
    for (const { look, lessons: count, left, level } of [
      ...errors,
      { look: 'mean', lessons: all, left: mean('left'), level: mean('level') },
    ])
      say(`${look.padEnd(12)} ${String(count).padStart(6)}  ${left.toFixed(3)}  ${level.toFixed(3)}`)
    break
  }
  case 'export':
    await exportStart(checkpointAt(), seed, need('out'))
    break
  default:
    throw new Error(`Expected a command (train, teach, measure, export), came ${command ?? 'none'}`)
}
