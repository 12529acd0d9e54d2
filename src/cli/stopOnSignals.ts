import { Text2LiveError, type ExitStatus } from '../errors.js'
import { shellWord } from './reporters.js'
import type { OutputLoss, Terminal } from './terminal.js'

/** Exit status of a process that a signal ended, as shells count it: 128 and the number of the signal. */
const signals = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const
const brokenPipe = 141

/**
 * Milliseconds in which a second signal is the same one: npm hands on the Ctrl-C that its child got from the terminal
 * too, and a shell the hang-up of a window.
 */
const sameSignal = { SIGHUP: 2000, SIGINT: 100, SIGTERM: 100 } as const

interface Stoppable {
  /** What to tell at the first signal. */
  readonly stopping: string
  readonly onStop: () => void
  /** The command that continues what was stopped. */
  readonly goOn: string
}

/**
 * Runs `work` with a signal that Ctrl-C, SIGTERM and SIGHUP abort, and a stdout that nothing more can be written to (a
 * pipe into head, a full disk). A second signal leaves at once; checkpoints are whole, since they are renamed into
 * place.
 * @returns the exit status: 0 where the work was finished all the same
 */
export async function stopOnSignals(
  terminal: Terminal,
  { stopping, onStop, goOn }: Stoppable,
  work: (signal: AbortSignal) => Promise<{ readonly finished: boolean; readonly folder: string | null }>,
): Promise<number> {
  const stop = new AbortController()
  let stopped: { readonly status: ExitStatus; readonly at: number } | null = null
  const stopWith = (status: ExitStatus, why: string): void => {
    stopped = { status, at: performance.now() }
    stop.abort()
    onStop()
    terminal.stderr.write(
      `${why}${stopping}; press Ctrl-C ${status === signals.SIGINT ? 'again ' : ''}to leave at once\n`,
    )
  }
  const onSignal = (name: keyof typeof signals): void => {
    if (stopped === null) stopWith(signals[name], '')
    else if (performance.now() - stopped.at > sameSignal[name]) process.exit(signals[name])
  }
  const onLoss = (): void => {
    const loss = lost?.reason as OutputLoss
    if (stopped !== null) return
    if (loss === 'reader left') stopWith(brokenPipe, 'nobody reads the output any more: ')
    else stopWith(1, 'the output cannot be written: ')
  }
  const lost = terminal.outputLost
  const names = Object.keys(signals) as (keyof typeof signals)[]
  for (const name of names) process.on(name, onSignal)
  lost?.addEventListener('abort', onLoss, { once: true })
  if (lost?.aborted === true) onLoss()
  const status = (): ExitStatus => stopped?.status ?? signals.SIGINT
  try {
    const { finished, folder } = await work(stop.signal)
    if (finished || !stop.signal.aborted) return 0
    // What the reporter says of it went to a stdout that is not there.
    if (lost?.aborted === true && folder !== null)
      terminal.stderr.write(`stopped; what was reached is kept.\nTo go on: ${goOn} ${shellWord(folder)}\n`)
    return status()
  } catch (error) {
    if (error instanceof Text2LiveError && error.code === 'INTERRUPTED')
      throw new Text2LiveError('INTERRUPTED', error.message, { cause: error, exitStatus: status() })
    throw error
  } finally {
    for (const name of names) process.off(name, onSignal)
    lost?.removeEventListener('abort', onLoss)
  }
}
