import { interrupted } from '../engine/stoppable.js'

export { interrupted }

/** A signal that aborts with `signal`, and with an INTERRUPTED error as its reason. */
export function interruptedBy(signal: AbortSignal): AbortSignal {
  const stop = new AbortController()
  const abort = (): void => stop.abort(interrupted())
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort, { once: true })
  return stop.signal
}
