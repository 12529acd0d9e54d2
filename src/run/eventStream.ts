/**
 * Runs `work` and hands out its events in order, however slowly they are read. Leaving the iteration early aborts the
 * signal that `work` gets.
 * @param outer aborts it too
 */
export function eventStream<Event, Result>(
  outer: AbortSignal | null,
  work: (signal: AbortSignal, emit: (event: Event) => void) => Promise<Result>,
): AsyncIterable<Event> & { readonly result: Promise<Result> } {
  const stop = new AbortController()
  const signal = outer === null ? stop.signal : AbortSignal.any([outer, stop.signal])
  const queue: Event[] = []
  let wake = (): void => undefined
  let ended = false
  const result = work(signal, (event) => {
    queue.push(event)
    wake()
  })
  const end = (): void => {
    ended = true
    wake()
  }
  const settled = result.then(end, end)

  async function* events(): AsyncGenerator<Event, void, undefined> {
    try {
      for (;;) {
        const event = queue.shift()
        if (event !== undefined) yield event
        else if (ended) break
        else
          await new Promise<void>((resolve) => {
            wake = resolve
          })
      }
      await result
    } finally {
      stop.abort()
      await settled
    }
  }

  const iterator = events()
  return { result, [Symbol.asyncIterator]: () => iterator }
}
