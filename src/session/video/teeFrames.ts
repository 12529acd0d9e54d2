/** Frames that wait for the slowest reader. */
const waiting = 2

/**
 * Hands each item of `source` to `count` readers, which go at their own speed up to two items apart. When a reader
 * fails or stops early the others end with an error too; so does every reader when the source fails or the signal
 * aborts.
 */
export function teeFrames<Item>(
  source: AsyncIterable<Item>,
  count: number,
  signal: AbortSignal,
): AsyncIterable<Item>[] {
  const queues = Array.from({ length: count }, (): Item[] => [])
  let ended = false
  let failure = null as { readonly error: unknown } | null
  let wake: (() => void)[] = []
  const changed = (): void => {
    const sleepers = wake
    wake = []
    for (const sleeper of sleepers) sleeper()
  }
  const change = (): Promise<void> =>
    new Promise((resolve) => {
      wake.push(resolve)
    })
  const fail = (error: unknown): void => {
    failure ??= { error }
    changed()
  }
  signal.addEventListener('abort', () => fail(signal.reason), { once: true })
  let pump = null as Promise<void> | null
  const start = async (): Promise<void> => {
    try {
      for await (const item of source) {
        for (const queue of queues) queue.push(item)
        changed()
        while (failure === null && queues.some((queue) => queue.length >= waiting)) await change()
        if (failure !== null) break
      }
      ended = true
      changed()
    } catch (error) {
      fail(error)
    }
  }

  async function* read(queue: Item[]): AsyncGenerator<Item, void, undefined> {
    pump ??= start()
    let finished = false
    try {
      for (;;) {
        if (failure !== null) throw failure.error
        const item = queue.shift()
        if (item !== undefined) {
          changed()
          yield item
        } else if (ended) {
          finished = true
          return
        } else await change()
      }
    } finally {
      if (!finished) fail(new Error('another reader of the frames stopped'))
    }
  }
  return queues.map((queue) => read(queue))
}
