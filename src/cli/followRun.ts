import type { EditResult } from '../run/editResult.js'
import type { Emit } from '../session/trainRun.js'
import { jsonReporter, textReporter } from './reporters.js'
import { stopOnSignals } from './stopOnSignals.js'
import type { Terminal } from './terminal.js'

/**
 * Runs `work` in the foreground: reports its events, stops it at Ctrl-C (see `stopOnSignals`) after the step at hand,
 * and gives the exit status.
 */
export async function followRun(
  work: (signal: AbortSignal, emit: Emit) => Promise<EditResult>,
  json: boolean,
  terminal: Terminal,
): Promise<number> {
  const reporter = json ? jsonReporter(terminal.stdout) : textReporter(terminal.stdout)
  try {
    const stoppable = {
      stopping: 'stopping after this step and writing its pictures',
      onStop: () => reporter.end(),
      goOn: 'text2live image --resume',
    }
    return await stopOnSignals(
      terminal,
      stoppable,
      async (signal) => await work(signal, (event) => reporter.report(event)),
    )
  } finally {
    reporter.end()
  }
}
