import type { EditResult, Emit } from '../run/trainRun.js'
import type { RunEnvironment } from '../run/trainerContract.js'
import { jsonReporter, textReporter } from './reporters.js'
import type { Terminal } from './terminal.js'

/** Exit status of a process that Ctrl-C ended. */
const interruptedStatus = 130

/**
 * Runs `work` in the foreground: reports its events, stops it at Ctrl-C after the step at hand (a second Ctrl-C leaves at once;
 * the last checkpoint is whole, since it is renamed into place), and gives the exit status.
 */
export async function followRun(
  work: (environment: RunEnvironment, emit: Emit) => Promise<EditResult>, json: boolean, terminal: Terminal,
): Promise<number> {
  const reporter = json ? jsonReporter(terminal.stdout) : textReporter(terminal.stdout)
  const stop = new AbortController()
  const onSignal = (): void => {
    if (stop.signal.aborted) process.exit(interruptedStatus)
    stop.abort()
    reporter.end()
    terminal.stderr.write('stopping after this step and writing its pictures; press Ctrl-C again to leave at once\n')
  }
  // The reader of our output went away (a pipe into head): stop as for Ctrl-C, there is nobody to tell.
  const onPipe = (error: NodeJS.ErrnoException): void => {
    if (error.code === 'EPIPE') stop.abort()
    else throw error
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  process.stdout.on('error', onPipe)
  try {
    const { openInWorker } = await import('../run/openInWorker.js')
    const environment: RunEnvironment = { open: openInWorker, signal: stop.signal, defaultFolder: true }
    const result = await work(environment, (event) => reporter.report(event))
    return stop.signal.aborted && !result.finished ? interruptedStatus : 0
  } finally {
    reporter.end()
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
    process.stdout.off('error', onPipe)
  }
}
