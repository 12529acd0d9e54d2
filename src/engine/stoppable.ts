import { Text2LiveError } from '../errors.js'
import type { Program, Runtime } from './runtime.js'

/** What work ends with that is stopped before anything is trained. */
export const interrupted = (): Text2LiveError =>
  new Text2LiveError('INTERRUPTED', 'Stopped before training began. Nothing was written.')

/**
 * Lets whatever waits for this thread have its turn, among it the message that stops the work: WebAssembly holds a
 * worker's thread from one graph to the next.
 * @throws INTERRUPTED once `signal` aborts
 */
export async function breathe(signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return
  await new Promise((resolve) => setTimeout(resolve))
  if (signal.aborted) throw interrupted()
}

/**
 * The same engine for work of many graphs that can be given up: once `signal` aborts, no further graph is compiled or
 * run; the one at hand ends. Without a signal the runtime itself.
 */
export function stoppable(runtime: Runtime, signal: AbortSignal | undefined): Runtime {
  if (signal === undefined) return runtime
  return {
    ...runtime,
    async compile(...asked) {
      await breathe(signal)
      const program = await runtime.compile(...asked)
      const run: Program['run'] = async (feeds) => {
        await breathe(signal)
        return await program.run(feeds)
      }
      return { ...program, run }
    },
  }
}
