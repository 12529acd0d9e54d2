import type { BatchCounts, BatchEvent } from '../batch/batchEvents.js'
import type { AnyRunEvent } from '../session/runHost.js'
import { lineReporter, type LiveLine, type Output, type Reporter } from './lineReporter.js'
import { downloadProgress, duration, shellWord, stepLine } from './reporters.js'

/** Tells how a batch goes: the job at hand on a line that goes on, each job that ends, and how far the whole is. */
export function batchReporter(stdout: Output, list: string): Reporter<BatchEvent> {
  return lineReporter<BatchEvent>(stdout, {
    live: (event) => (event.type === 'job-event' ? liveLine(event.job, event.event) : null),
    describe: (event) => describeEvent(event, list),
  })
}

function liveLine(job: string, event: AnyRunEvent): LiveLine | null {
  if (event.type === 'model-download') return downloadProgress(event)
  if (event.type === 'step') {
    const layer = 'layer' in event ? `${event.layer} ` : ''
    return { line: `${job}: ${layer}${stepLine(event)}`, done: event.step, total: event.steps, of: job, lines: 5 }
  }
  if (event.type !== 'progress') return null
  const { stage, done, total, secondsLeft } = event
  const left = secondsLeft === null ? '' : `  ${duration(secondsLeft)} left`
  return { line: `${job}: ${stage} ${done}/${total}${left}`, done, total, of: `${job} ${stage}`, lines: 2 }
}

function describeEvent(event: BatchEvent, list: string): string | null {
  switch (event.type) {
    case 'batch-start':
      return `${countsLine(event)}; run folders in ${event.out}`
    case 'job-start':
      return `job ${event.place} of ${event.total}: ${event.job} (${event.kind} ${event.input})${event.resumed ? ', going on' : ''}`
    case 'job-done':
      return `${event.job}: done in ${duration(event.seconds)}`
    case 'job-failed':
      return `${event.job}: failed, ${event.code}: ${event.message}`
    case 'job-stopped':
      return `${event.job}: stopped; what was reached is kept`
    case 'job-held':
      return `${event.job}: ${event.holder} is at work on it; its turn comes again`
    case 'batch-progress':
      return `${countsLine(event)}${event.secondsLeft === null || event.left === 0 ? '' : `, about ${duration(event.secondsLeft)} left`}`
    case 'report':
      return `report: ${event.path}`
    case 'batch-stopped':
      return `stopped after ${duration(event.seconds)}: ${countsLine(event)}.\nTo go on: text2live batch ${shellWord(list)}, with the same options`
    case 'batch-done':
      return `done in ${duration(event.seconds)}: ${countsLine(event)}${event.failed === 0 ? '' : `.\nTo try the failed ones again: text2live batch retry ${shellWord(list)}`}`
    case 'job-event':
      return event.event.type === 'warning' ? `${event.job}: warning: ${event.event.message}` : null
  }
}

/** "12 jobs: 8 finished, 1 failed, 3 left" */
export const countsLine = ({ total, finished, failed, left }: BatchCounts): string =>
  `${total} ${total === 1 ? 'job' : 'jobs'}: ${finished} finished, ${failed} failed, ${left} left`
