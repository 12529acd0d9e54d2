import { join } from 'node:path'
import { Text2LiveError } from '../../errors.js'
import { atomicWrite } from '../../media/node/atomicWrite.js'
import { readEvents } from '../../run/eventLog.js'
import type { StepEvent } from '../../session/events.js'
import { runFiles } from '../../session/runFiles.js'
import type { StandingJob } from '../standingJobs.js'
import { type Card, cardOf, reportPieces } from './reportHtml.js'
import { beforeAfter } from './thumbnails.js'

/** The report of a batch: one HTML file, written again as jobs end. */
export interface Report {
  readonly path: string
  /** Shows how a job stands now; the file follows in a moment. */
  update(job: StandingJob): void
  /** The file is whole when this resolves. @throws DISK_FULL, OUTPUT_NOT_WRITABLE */
  close(): Promise<void>
}

const reportFile = 'report.html'

/** Of the time that passes between two writings, how much the writing may take: the file of a long list is large. */
const writingShare = 1 / 20

/** Cards are made one after another, beside the jobs. */
export function openReport(list: string, out: string, jobs: readonly StandingJob[]): Report {
  const path = join(out, reportFile)
  const cards = new Map<string, Card>(jobs.map((job) => [job.job.id, cardOf(job, { before: null, after: null }, [])]))
  let failure: Error | null = null
  let pending: Promise<void> = Promise.resolve()
  let wait = { until: 0 }
  const write = async (): Promise<void> => {
    const started = performance.now()
    await atomicWrite(path, encoded(reportPieces(list, cards.values())))
    const ended = performance.now()
    wait = { until: ended + (ended - started) / writingShare }
  }
  const show = (job: StandingJob): void => {
    pending = pending
      .then(async () => {
        cards.set(job.job.id, cardOf(job, await beforeAfter(job), stepsIn(job.path)))
        if (performance.now() > wait.until) await write()
      })
      .catch((error: unknown) => {
        failure ??= error as Error
      })
  }
  for (const job of jobs) if (job.standing.state !== 'waiting') show(job)
  return {
    path,
    update: show,
    async close() {
      await pending
      if (failure !== null) throw failure
      await write()
    },
  }
}

const encoder = new TextEncoder()

function* encoded(pieces: Iterable<string>): Generator<Uint8Array> {
  for (const piece of pieces) yield encoder.encode(piece)
}

/** None of a log that cannot be read, which its job tells. */
function stepsIn(path: string): StepEvent[] {
  try {
    return readEvents(join(path, runFiles.events)).filter((event): event is StepEvent => event.type === 'step')
  } catch (error) {
    if (error instanceof Text2LiveError) return []
    throw error
  }
}
