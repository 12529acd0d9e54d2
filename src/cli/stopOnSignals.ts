import type { Terminal } from './terminal.js'

/** Exit status of a process that Ctrl-C ended. */
export const interruptedStatus = 130

/**
 * Runs `work` with a signal that Ctrl-C aborts, as does a reader of our output that went away (a pipe into head). A second Ctrl-C leaves at once;
 * checkpoints are whole, since they are renamed into place.
 * @param stopping what to tell at the first Ctrl-C
 */
export async function stopOnSignals<Result>(terminal: Terminal, stopping: string, onStop: () => void, work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const stop = new AbortController()
  const onSignal = (): void => {
    if (stop.signal.aborted) process.exit(interruptedStatus)
    stop.abort()
    onStop()
    terminal.stderr.write(`${stopping}; press Ctrl-C again to leave at once\n`)
  }
  const onPipe = (error: NodeJS.ErrnoException): void => {
    if (error.code === 'EPIPE') stop.abort()
    else throw error
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  process.stdout.on('error', onPipe)
  try {
    return await work(stop.signal)
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
    process.stdout.off('error', onPipe)
  }
}
