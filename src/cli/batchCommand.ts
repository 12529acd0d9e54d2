import { Command, Option } from 'commander'
import { basename, extname, join } from 'node:path'
import { BatchListError } from '../batch/list/batchListError.js'
import type { BatchList } from '../batch/readBatchList.js'
import type { StandingJob } from '../batch/standingJobs.js'
import { Text2LiveError } from '../errors.js'
import { imageTable } from '../options/imageTable.js'
import { nearestName } from '../options/nearestName.js'
import { assertWritablePath } from '../options/parseOption.js'
import { videoTable } from '../options/videoTable.js'
import { eventLine } from '../session/events.js'
import { batchReporter, countsLine } from './batchReporter.js'
import { addOptionFlags, givenTableFlags } from './optionFlags.js'
import {
  cancelInQueue,
  failureText,
  followQueue,
  jobLine,
  type QueuedFlags,
  submissionOptions,
  tellQueue,
} from './queuedBatch.js'
import { givenQueue, queueOptions } from './queueFlags.js'
import { duration, jsonReporter } from './reporters.js'
import { stopOnSignals } from './stopOnSignals.js'
import type { SetStatus, Terminal } from './terminal.js'

interface Flags extends QueuedFlags {
  readonly out?: string
  readonly json?: true
}

interface RunFlags extends Flags {
  readonly jobs: number
  readonly retry?: true
  readonly dryRun?: true
}

/** What the list, or the command itself, says instead. */
const ofTheList: ReadonlySet<string> = new Set(['photo', 'clip', 'out', 'force', 'json'])
const photoNames = Object.keys(imageTable.rows).filter((name) => !ofTheList.has(name))
const clipNames = Object.keys(videoTable.rows).filter(
  (name) => !ofTheList.has(name) && !Object.hasOwn(imageTable.rows, name),
)

/** `text2live batch <list>` and what is done with a batch */
export function batchCommand(terminal: Terminal, setStatus: SetStatus): Command {
  const command = withCommon(new Command('batch'))
    .description('make many edits from a list')
    .usage('<list> [options]')
    .argument('[list]', 'the list: CSV, JSON lines (.jsonl) or YAML, one row an edit; docs/batch.md')
    .addOption(new Option('--jobs <n>', 'edits that are made at once').default(1).argParser(countOf))
    .option('--retry', 'take up what failed, too')
    .option('--dry-run', 'say what would be made, and about how long it takes')
  // What all rows have in common; the options of both kinds.
  addOptionFlags(command, photoNames)
  addOptionFlags(command, clipNames, videoTable)
  command
    .addHelpText(
      'after',
      `
Examples:
  $ text2live batch jobs.csv
      each row an edit, in its own folder in runs/jobs; run it again after Ctrl-C or a crash, and it goes on
  $ text2live batch jobs.csv --preset preview --dry-run
      what would be made, and about how long it takes
  $ text2live batch status jobs.csv
      how each edit stands; from any terminal
  $ text2live batch cancel jobs.csv
      ends the batch after the step at hand
  $ text2live batch retry jobs.csv
      takes up what failed
  $ text2live batch jobs.csv --queue redis://10.0.0.5 --store /mnt/edits
      worked on by all machines that run "text2live worker" with that queue and store; the results come back here

A list:
  input,prompt,region,seed
  photos/teapot.jpg,golden teapot,teapot,7
  clips/*.mp4,golden swan,swan,`,
    )
    .action(async (path: string | undefined, parsed: RunFlags & Record<string, unknown>) => {
      const list = await read(path ?? missing(), parsed, terminal)
      setStatus(
        await (parsed.dryRun === true
          ? tellPlan(list, parsed, terminal)
          : follow(list, parsed, parsed.retry === true, terminal)),
      )
    })
  for (const each of [statusCommand, cancelCommand, retryCommand]) command.addCommand(each(terminal, setStatus))
  return command
}

function withCommon(command: Command): Command {
  command
    .helpOption('-h, --help', 'show this text')
    .option('-o, --out <path>', 'folder of all run folders (default: runs/<list>)')
    .option('--json', 'print events as NDJSON on stdout and nothing else')
  for (const option of [...queueOptions(), ...submissionOptions()])
    command.addOption(option.helpGroup('Many machines:'))
  return command
}

function statusCommand(terminal: Terminal, setStatus: SetStatus): Command {
  return withCommon(new Command('status'))
    .description('say how each edit of a list stands')
    .argument('<list>', 'the list')
    .addHelpText('after', '\nExample:\n  $ text2live batch status jobs.csv')
    .action(async (path: string, _own: Flags, command: Command) => {
      const flags = allFlags(command)
      const list = await read(path, flags, terminal)
      if (givenQueue(flags) !== undefined) {
        setStatus(await tellQueue(list, outOf(path, flags), flags, flags.json === true, terminal))
        return
      }
      const jobs = await standing(list, flags, terminal)
      for (const job of jobs) terminal.stdout.write(flags.json === true ? eventLine(jobEntry(job)) : standingLine(job))
      const counts = countsOf(jobs)
      terminal.stdout.write(flags.json === true ? eventLine({ type: 'batch', ...counts }) : `${countsLine(counts)}\n`)
      setStatus(0)
    })
}

function cancelCommand(terminal: Terminal, setStatus: SetStatus): Command {
  return withCommon(new Command('cancel'))
    .description('end a batch at work after the step at hand, or some of its edits')
    .argument('<list>', 'the list')
    .argument('[edits...]', 'the edits that are to end, by their folders; they stay so until they are retried')
    .addHelpText('after', '\nExample:\n  $ text2live batch cancel jobs.csv teapot-ice')
    .action(async (path: string, names: string[], _own: Flags, command: Command) => {
      const flags = allFlags(command)
      if (givenQueue(flags) !== undefined) {
        const list = await read(path, flags, terminal)
        assertNamed(list, names)
        setStatus(await cancelInQueue(list, names, outOf(path, flags), flags, flags.json === true, terminal))
        return
      }
      if (names.length > 0) assertNamed(await read(path, flags, terminal), names)
      const { cancelBatch } = await import('../batch/cancelBatch.js')
      await cancelBatch(outOf(path, flags), names.length === 0 ? null : names)
      const what = names.length === 0 ? 'the batch' : names.join(', ')
      terminal.stdout.write(
        flags.json === true
          ? eventLine({ type: 'cancelled', jobs: names })
          : `cancelled: ${what} ends after the step at hand\n`,
      )
      setStatus(0)
    })
}

function retryCommand(terminal: Terminal, setStatus: SetStatus): Command {
  return withCommon(new Command('retry'))
    .description('take up the edits of a list that failed, and what is left')
    .argument('<list>', 'the list')
    .argument('[edits...]', 'those that are taken up, by their folders (default: all that failed)')
    .addOption(new Option('--jobs <n>', 'edits that are made at once').default(1).argParser(countOf))
    .addHelpText('after', '\nExample:\n  $ text2live batch retry jobs.csv')
    .action(async (path: string, names: string[], _own: RunFlags, command: Command) => {
      const flags = allFlags(command)
      const list = await read(path, flags, terminal)
      assertNamed(list, names)
      setStatus(await follow(list, flags, names.length === 0 ? true : names, terminal))
    })
}

/** @throws OPTION_INVALID for a name that no edit has */
function assertNamed({ path, jobs }: BatchList, names: readonly string[]): void {
  const ids = jobs.map(({ id }) => id)
  const other = names.find((name) => !ids.includes(name))
  if (other === undefined) return
  throw new Text2LiveError(
    'OPTION_INVALID',
    `"${path}" has no edit "${other}". The nearest is "${nearestName(other.slice(0, 100), ids)}"; text2live batch status names all.`,
  )
}

/** What is said behind the word is parsed by `batch`, which has the same flags and those of all rows. */
const allFlags = (command: Command): RunFlags & Record<string, unknown> => command.optsWithGlobals()

/** Reads the list; what is wrong in it is told, each on a line of its own. */
async function read(path: string, parsed: Flags & Record<string, unknown>, terminal: Terminal): Promise<BatchList> {
  if (parsed.out !== undefined) assertWritablePath(parsed.out, '--out')
  const defaults = { ...givenTableFlags(parsed, imageTable), ...givenTableFlags(parsed, videoTable) }
  const { readBatchList } = await import('../batch/readBatchList.js')
  const own = Object.fromEntries(Object.entries(defaults).filter(([name]) => !ofTheList.has(name)))
  return await tellingFaults(parsed.json === true, terminal, () => readBatchList(path, own))
}

async function tellingFaults<T>(json: boolean, terminal: Terminal, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof BatchListError) tellFaults(error, json, terminal)
    throw error
  }
}

function tellFaults({ path, faults }: BatchListError, json: boolean, { stdout, stderr }: Terminal): void {
  for (const fault of faults) {
    if (json) stdout.write(eventLine({ type: 'fault', path, ...fault }))
    else stderr.write(`${path}:${fault.line}:${fault.column}: ${failureText(fault)}\n`)
  }
}

async function standing(list: BatchList, flags: Flags, terminal: Terminal): Promise<StandingJob[]> {
  const { standingJobs } = await import('../batch/standingJobs.js')
  return await tellingFaults(flags.json === true, terminal, () => standingJobs(list, outOf(list.path, flags)))
}

async function follow(
  list: BatchList,
  flags: RunFlags,
  retry: boolean | readonly string[],
  terminal: Terminal,
): Promise<number> {
  if (givenQueue(flags) !== undefined)
    return await tellingFaults(flags.json === true, terminal, () =>
      followQueue(list, outOf(list.path, flags), flags, retry, flags.json === true, terminal),
    )
  const { runBatch } = await import('../batch/runBatch.js')
  const json = flags.json === true
  const reporter = json ? jsonReporter(terminal.stdout) : batchReporter(terminal.stdout, list.path)
  const options = { out: outOf(list.path, flags), jobs: flags.jobs, retry }
  let ending = { failed: 0, left: 0 }
  const stoppable = {
    stopping: 'stopping after the step at hand',
    onStop: () => reporter.end(),
    goOn: 'text2live batch',
  }
  try {
    const status = await stopOnSignals(terminal, stoppable, async (signal) => {
      ending = await tellingFaults(json, terminal, () =>
        runBatch(list, options, signal, (event) => reporter.report(event)),
      )
      return { finished: ending.left === 0, folder: list.path }
    })
    // What another terminal cancelled is left too.
    return status !== 0 ? status : ending.left > 0 ? 130 : ending.failed > 0 ? 1 : 0
  } finally {
    reporter.end()
  }
}

async function tellPlan(list: BatchList, flags: RunFlags, terminal: Terminal): Promise<number> {
  const jobs = await standing(list, flags, terminal)
  const left = jobs.filter(
    ({ standing: { state } }) => state !== 'finished' && (state !== 'failed' || flags.retry === true),
  )
  const { estimateBatch } = await import('../batch/estimateBatch.js')
  const { seconds, basis } = await estimateBatch(left, outOf(list.path, flags), flags.jobs)
  if (flags.json === true) {
    for (const job of left) terminal.stdout.write(eventLine(jobEntry(job)))
    terminal.stdout.write(eventLine({ type: 'plan', ...countsOf(jobs), toMake: left.length, seconds, basis }))
    return 0
  }
  for (const job of left) terminal.stdout.write(standingLine(job))
  const time =
    left.length === 0
      ? 'nothing to do'
      : seconds === null
        ? 'nobody knows how long it takes'
        : `about ${duration(seconds)}`
  terminal.stdout.write(`${countsLine(countsOf(jobs))}; ${left.length} to make: ${time}\n`)
  for (const each of basis) terminal.stdout.write(`estimated from ${each}\n`)
  return 0
}

function countsOf(jobs: readonly StandingJob[]) {
  const [finished = 0, failed = 0] = ['finished', 'failed'].map(
    (state) => jobs.filter(({ standing }) => standing.state === state).length,
  )
  return { total: jobs.length, finished, failed, left: jobs.length - finished - failed }
}

const jobEntry = ({ job, path, standing }: StandingJob): object => ({
  type: 'job',
  job: job.id,
  kind: job.kind,
  input: job.input,
  folder: path,
  line: job.line,
  ...standing,
})

function standingLine({ job, standing: { state, step, error, holder } }: StandingJob): string {
  const told = [
    ...(step > 0 ? [`step ${step}`] : []),
    ...(holder === null ? [] : [holder]),
    ...(error === null ? [] : [failureText(error)]),
  ]
  return `${jobLine(state, job.id, `${job.kind} ${job.input}`, ...told)}\n`
}

/** One folder a list, where nobody says another. */
const outOf = (list: string, { out }: Flags): string => out ?? join('runs', basename(list, extname(list)))

function countOf(value: string): number {
  const count = Number(value)
  if (Number.isInteger(count) && count >= 1 && count <= 64) return count
  throw new Text2LiveError('OPTION_INVALID', `--jobs takes a whole number from 1 to 64; got ${JSON.stringify(value)}.`)
}

function missing(): never {
  throw new Text2LiveError(
    'OPTION_INVALID',
    'A list is needed and none was named. For example: text2live batch jobs.csv',
  )
}
