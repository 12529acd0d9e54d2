import { hostname } from 'node:os'
import { InvalidArgumentError, Option } from 'commander'
import type { BatchList } from '../batch/readBatchList.js'
import type { StandingJob } from '../batch/standingJobs.js'
import type { ErrorCode } from '../errors.js'
import type { JobStatus } from '../queue/queueClient.js'
import type { QueuedBatchEvent } from '../queue/queuedBatch.js'
import { eventLine } from '../session/events.js'
import { lineReporter, type LiveLine, type Output, type Reporter } from './lineReporter.js'
import { type QueueFlags, queueUrl, storePlace } from './queueFlags.js'
import { duration, jsonReporter, shellWord } from './reporters.js'
import { stopOnSignals } from './stopOnSignals.js'
import type { Terminal } from './terminal.js'

/** Flags of `batch` that only a queue takes. */
export interface QueuedFlags extends QueueFlags {
  readonly priority: number
  readonly delay: number
  readonly needMemory: number
}

export const submissionOptions = (): Option[] => [
  new Option('--priority <n>', 'with --queue: 1 is the most urgent').default(1000).argParser(priorityOf),
  new Option('--delay <time>', 'with --queue: how long the jobs wait before anybody takes them: 90s, 15m, 8h')
    .default(0, 'none')
    .argParser(delayOf),
  new Option('--need-memory <GiB>', 'with --queue: the memory that a worker must have').default(1).argParser(memoryOf),
]

/** How a job of the list stands in the queue. */
interface QueuedJob {
  readonly job: string
  readonly status: JobStatus
}

type Event =
  | QueuedBatchEvent
  | { readonly type: 'report'; readonly path: string }
  | { readonly type: 'batch-done'; readonly done: number; readonly failed: number; readonly left: number }

/**
 * Has a list worked on by the workers of a queue, follows it, and fetches the results into `out`. Ctrl-C leaves: the
 * workers go on, and the same command follows again. Returns the exit status.
 */
export async function followQueue(
  list: BatchList,
  out: string,
  flags: QueuedFlags,
  retry: boolean | readonly string[],
  json: boolean,
  terminal: Terminal,
): Promise<number> {
  const reporter = json ? jsonReporter(terminal.stdout) : queueReporter(terminal.stdout, list.path)
  const emit = (event: Event): void => reporter.report(event)
  const stoppable = {
    stopping: 'leaving; the workers go on with the jobs',
    onStop: () => reporter.end(),
    goOn: 'text2live batch',
  }
  let failures = 0
  try {
    const status = await stopOnSignals(terminal, stoppable, async (signal) => {
      const { standingJobs } = await import('../batch/standingJobs.js')
      const { openReport } = await import('../batch/report/openReport.js')
      const standing = await standingJobs(list, out)
      const batch = await openBatch(flags, emit)
      try {
        // What is here needs no queue.
        const open = standing.filter((each) => each.standing.state !== 'finished').map(({ job }) => job)
        const jobs = await batch.upload(open, out, termsOf(flags), signal)
        if (retry !== false)
          await batch.retry(jobs.filter(({ payload }) => retry === true || retry.includes(payload.out)))
        const { done, failed, left } = await batch.run(jobs, out, signal)
        failures = failed.length
        const now = (await standingJobs(list, out)).map((each) => withFailure(each, failed))
        const report = openReport(list.path, out, now)
        await report.close()
        emit({ type: 'report', path: report.path })
        emit({ type: 'batch-done', done: done + standing.length - open.length, failed: failures, left })
        return { finished: left === 0, folder: list.path }
      } finally {
        await batch.close()
      }
    })
    return status !== 0 ? status : failures > 0 ? 1 : 0
  } finally {
    reporter.end()
  }
}

function withFailure(
  each: StandingJob,
  failed: readonly { readonly job: string; readonly code: ErrorCode; readonly message: string }[],
): StandingJob {
  const error = failed.find(({ job }) => job === each.job.out)
  if (error === undefined || each.standing.state === 'finished') return each
  return {
    ...each,
    standing: { ...each.standing, state: 'failed', error: { code: error.code, message: error.message } },
  }
}

async function openBatch(flags: QueuedFlags, emit: (event: QueuedBatchEvent) => void) {
  const { QueuedBatch } = await import('../queue/queuedBatch.js')
  return await QueuedBatch.open({ queue: queueUrl(flags), queueName: flags.queueName, store: storePlace(flags) }, emit)
}

const termsOf = ({ priority, delay, needMemory }: QueuedFlags) => ({ priority, delay, memory: needMemory })

/** Says how each job of a list stands in a queue. */
export async function tellQueue(
  list: BatchList,
  out: string,
  flags: QueuedFlags,
  json: boolean,
  terminal: Terminal,
): Promise<number> {
  const batch = await openBatch(flags, noteTo(terminal))
  try {
    const jobs = await batch.describe(list.jobs, out, termsOf(flags))
    const statuses = await batch.status(jobs)
    for (const [i, job] of jobs.entries()) {
      const entry = { job: job.payload.out, status: statuses[i]! }
      terminal.stdout.write(
        json ? eventLine({ type: 'job', job: entry.job, ...entry.status }) : `${queuedLine(entry)}\n`,
      )
    }
    return 0
  } finally {
    await batch.close()
  }
}

/** Cancels the jobs of a list, or those named, which it has. */
export async function cancelInQueue(
  list: BatchList,
  names: readonly string[],
  out: string,
  flags: QueuedFlags,
  json: boolean,
  terminal: Terminal,
): Promise<number> {
  const batch = await openBatch(flags, noteTo(terminal))
  try {
    const asked = names.length === 0 ? list.jobs : list.jobs.filter(({ id }) => names.includes(id))
    const jobs = await batch.describe(asked, out, termsOf(flags))
    const count = await batch.cancel(jobs)
    terminal.stdout.write(
      json
        ? eventLine({ type: 'cancelled', jobs: count })
        : `cancelled: ${count} of ${jobs.length}; what is worked on ends after the step at hand\n`,
    )
    return 0
  } finally {
    await batch.close()
  }
}

const noteTo =
  (terminal: Terminal) =>
  (event: QueuedBatchEvent): void => {
    if (event.type === 'note') terminal.stderr.write(`note: ${event.message}\n`)
  }

function queueReporter(stdout: Output, list: string): Reporter<Event> {
  return lineReporter<Event>(stdout, { live: liveLine, describe: (event) => describe(event, list) })
}

function liveLine(event: Event): LiveLine | null {
  if (event.type === 'uploaded') {
    const { done, total } = event
    return { line: `inputs ${done}/${total}`, done, total, of: 'inputs', lines: 5 }
  }
  if (event.type !== 'status' || event.status.state !== 'working' || event.status.progress === null) return null
  const { step, steps, stage, worker, secondsLeft } = event.status.progress
  const left = secondsLeft === undefined ? '' : `  ${duration(secondsLeft)} left`
  const line = `${event.job} on ${worker === hostname() ? 'this machine' : worker}: ${stage ?? 'step'} ${step}/${steps}${left}`
  return { line, done: step, total: steps, of: `${event.job} ${stage ?? ''}`, lines: 5 }
}

function describe(event: Event, list: string): string | null {
  switch (event.type) {
    case 'note':
      return `note: ${event.message}`
    case 'uploaded':
      return null
    case 'submitted':
      return `${event.jobs} jobs in the queue, ${event.added} of them new`
    case 'status':
      return event.status.state === 'failed' ? queuedLine(event) : null
    case 'fetched':
      return `${event.job}: done, in ${event.folder}`
    case 'report':
      return `report: ${event.path}`
    case 'batch-done': {
      const counts = `${event.done} finished, ${event.failed} failed, ${event.left} left`
      if (event.left > 0)
        return `${counts}.\nTo follow again: text2live batch ${shellWord(list)}, with the same options`
      return event.failed === 0
        ? counts
        : `${counts}.\nTo try the failed ones again: text2live batch retry ${shellWord(list)}, with the same options`
    }
  }
}

/** A job in a list of jobs: how it stands, what it is called, what else is told of it. */
export const jobLine = (state: string, ...told: readonly string[]): string => [state.padEnd(8), ...told].join('  ')

/** A failure in one line. */
export const failureText = ({ code, message }: { readonly code: string; readonly message: string }): string =>
  `${code}: ${message.replace(/\s*\n\s*/g, ' ')}`

function queuedLine({ job, status }: QueuedJob): string {
  const { state } = status
  if (state === 'failed') return jobLine(state, job, failureText(status.failure))
  if (state !== 'working' || status.progress === null) return jobLine(state, job)
  const { step, steps, worker } = status.progress
  return jobLine(state, job, `step ${step} of ${steps} on ${worker}`)
}

function priorityOf(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= 2_097_151) return value
  throw new InvalidArgumentError('Expected a whole number from 1 to 2097151.')
}

/** Milliseconds. */
function delayOf(text: string): number {
  const [, count, unit] = /^(\d+(?:\.\d+)?)(s|m|h|d)$/.exec(text) ?? []
  const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }
  if (count !== undefined && unit !== undefined) return Math.round(Number(count) * units[unit]! * 1000)
  throw new InvalidArgumentError('Expected a time such as 90s, 15m, 8h or 2d.')
}

function memoryOf(text: string): number {
  const value = Number(text)
  if (Number.isFinite(value) && value > 0 && value <= 65_536) return value
  throw new InvalidArgumentError('Expected a number of GiB above 0.')
}
