import { afterEach, expect, test } from 'vitest'
import { EventFeed, type FeedLimits } from './eventFeed.js'

const feeds: EventFeed[] = []
afterEach(() => {
  for (const feed of feeds.splice(0)) feed.close()
})

function feedWith(limits: Partial<FeedLimits> = {}): EventFeed {
  const feed = new EventFeed(() => ({ type: 'runs', data: 'whole', whole: true }), limits)
  feeds.push(feed)
  return feed
}

function never(): void {
  throw new Error('dropped')
}

/** The messages that wait in a stream, as [id, data]. */
async function waiting(stream: ReadableStream<Uint8Array>, count: number): Promise<(readonly [string, unknown])[]> {
  const reader = stream.getReader()
  let text = ''
  const messages = () => [...text.matchAll(/id: (.*)\nevent: .*\ndata: (.*)\n\n/g)]
  while (messages().length < count) text += new TextDecoder().decode((await reader.read()).value)
  await reader.cancel()
  return messages().map(([, id, data]) => [id!, JSON.parse(data!) as unknown] as const)
}

const event = (data: unknown) => ({ type: 'event', data, whole: false })

test('a new reader is told the whole state, then what comes', async () => {
  const feed = feedWith()
  feed.publish(event(1))
  const stream = feed.open(undefined, never)
  feed.publish(event(2))
  expect((await waiting(stream, 2)).map(([, data]) => data)).toEqual(['whole', 2])
})

test('who comes back is told what he missed, and no earlier whole state', async () => {
  const feed = feedWith()
  const last = (await waiting(feed.open(undefined, never), 1))[0]![0]
  feed.publish({ type: 'runs', data: 'old', whole: true })
  feed.publish(event(1))
  feed.publish({ type: 'runs', data: 'new', whole: true })
  feed.publish(event(2))
  expect((await waiting(feed.open(last, never), 3)).map(([, data]) => data)).toEqual([1, 'new', 2])
})

test('what is kept is bounded, and whoever is further behind is told the whole state', async () => {
  const feed = feedWith({ kept: 10_000 })
  const ids: string[] = []
  for (let i = 0; i < 100; i++) {
    feed.publish(event('x'.repeat(500)))
    ids.push((await waiting(feed.open(undefined, never), 1))[0]![0])
  }
  const after = async (id: string) => (await waiting(feed.open(id, never), 1))[0]![1]
  expect(await after(ids[50]!)).toBe('whole')
  expect(await after(ids[90]!)).toBe('x'.repeat(500))
})

test('a reader that does not read is dropped when too much waits for it; the others are not', () => {
  const feed = feedWith({ backlog: 10_000 })
  let dropped = 0
  feed.open(undefined, () => dropped++)
  for (let i = 0; i < 100; i++) feed.publish(event('x'.repeat(500)))
  expect([dropped, feed.readers]).toEqual([1, 0])
})

test('so many readers and no more; one that goes makes room', async () => {
  const feed = feedWith({ readers: 2 })
  const [first] = [feed.open(undefined, never), feed.open(undefined, never)]
  expect(() => feed.open(undefined, never)).toThrow(expect.objectContaining({ code: 'SERVER_BUSY' }))
  await first.cancel()
  feed.open(undefined, never)
  expect(feed.readers).toBe(2)
})

test('signs of life come while nothing happens', async () => {
  const feed = feedWith({ heartbeat: 10 })
  const reader = feed.open(undefined, never).getReader()
  let text = ''
  while (!text.endsWith('\n\n:\n\n')) text += new TextDecoder().decode((await reader.read()).value)
  await reader.cancel()
})

test('when it ends, so do all streams', async () => {
  const feed = feedWith()
  const reader = feed.open(undefined, never).getReader()
  feed.close()
  for (let done = false; !done;) ({ done } = await reader.read())
  expect(() => feed.open(undefined, never)).toThrow(expect.objectContaining({ code: 'SERVER_BUSY' }))
})
