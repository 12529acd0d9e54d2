import { randomBytes } from 'node:crypto'
import { Text2LiveError } from '../errors.js'

/** What the stream tells: its kind, and plain data. */
export interface FeedMessage {
  readonly type: string
  readonly data: unknown
  /** It tells the whole state, so an earlier one need not be kept. */
  readonly whole: boolean
}

/** A message as it was sent. */
interface Sent {
  readonly number: number
  readonly bytes: Uint8Array
  readonly whole: boolean
}

interface Reader {
  readonly controller: ReadableStreamDefaultController<Uint8Array>
  readonly drop: () => void
}

export interface FeedLimits {
  /** Readers at once. */
  readonly readers: number
  /** Bytes kept to be told again after a break. */
  readonly kept: number
  /** Bytes that wait for a reader that does not read; one that is further behind is dropped, and may come again. */
  readonly backlog: number
  /** Milliseconds between signs of life. */
  readonly heartbeat: number
}

const defaults: FeedLimits = { readers: 32, kept: 2 ** 20, backlog: 2 ** 23, heartbeat: 15_000 }

/**
 * One stream of server-sent events for any number of readers. Each message has an id: who comes back with the last one
 * he saw is told what he missed, or, where that is no longer kept or was another server's, the whole state.
 */
export class EventFeed {
  readonly #limits: FeedLimits
  readonly #current: () => FeedMessage
  /** Ids of one server say nothing to another. */
  readonly #epoch = randomBytes(6).toString('base64url')
  readonly #readers = new Set<Reader>()
  readonly #timer: NodeJS.Timeout
  #kept: Sent[] = []
  #keptBytes = 0
  #number = 0
  /** The number of the latest message that was let go. */
  #lost = 0
  #closed = false

  /** @param current the whole state, for whoever comes */
  constructor(current: () => FeedMessage, limits: Partial<FeedLimits> = {}) {
    this.#current = current
    this.#limits = { ...defaults, ...limits }
    this.#timer = setInterval(() => this.#send(heartbeat), this.#limits.heartbeat)
    this.#timer.unref()
  }

  get readers(): number {
    return this.#readers.size
  }

  publish(message: FeedMessage): void {
    if (this.#closed) return
    const number = ++this.#number
    const bytes = this.#encode(message, number)
    if (message.whole) this.#forget(({ whole }) => whole)
    this.#kept.push({ number, bytes, whole: message.whole })
    this.#keptBytes += bytes.length
    while (this.#keptBytes > this.#limits.kept && this.#kept.length > 1) {
      const [oldest] = this.#kept
      this.#lost = oldest!.number
      this.#forget((sent) => sent === oldest)
    }
    this.#send(bytes)
  }

  /**
   * The stream for one reader.
   * @param lastId what he saw last: the value of `Last-Event-ID`
   * @param drop ends his connection, also where he takes nothing from it
   * @throws SERVER_BUSY
   */
  open(lastId: string | undefined, drop: () => void): ReadableStream<Uint8Array> {
    if (this.#closed) throw new Text2LiveError('SERVER_BUSY', 'The server is closing. Start it again.')
    if (this.#readers.size >= this.#limits.readers)
      throw new Text2LiveError(
        'SERVER_BUSY',
        `At most ${this.#limits.readers} streams of events are open at once, and all are taken. Close a page, and try again.`,
      )
    let reader: Reader | null = null
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          controller.enqueue(encoder.encode('retry: 1000\n\n'))
          for (const bytes of this.#missed(lastId)) controller.enqueue(bytes)
          reader = { controller, drop }
          this.#readers.add(reader)
        },
        cancel: () => {
          if (reader !== null) this.#readers.delete(reader)
        },
      },
      { highWaterMark: this.#limits.backlog, size: ({ length }) => length },
    )
  }

  /** Ends every stream; nothing is told any more. */
  close(): void {
    this.#closed = true
    clearInterval(this.#timer)
    for (const { controller } of this.#readers) controller.close()
    this.#readers.clear()
  }

  #missed(lastId: string | undefined): Uint8Array[] {
    const [, epoch, text] = /^(.+)-(\d+)$/.exec(lastId ?? '') ?? []
    const last = Number(text)
    if (epoch === this.#epoch && last >= this.#lost && last <= this.#number)
      return this.#kept.filter(({ number }) => number > last).map(({ bytes }) => bytes)
    return [this.#encode(this.#current(), this.#number)]
  }

  #encode({ type, data }: FeedMessage, number: number): Uint8Array {
    return encoder.encode(`id: ${this.#epoch}-${number}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`)
  }

  #forget(which: (sent: Sent) => boolean): void {
    this.#kept = this.#kept.filter((sent) => {
      if (which(sent)) this.#keptBytes -= sent.bytes.length
      return !which(sent)
    })
  }

  #send(bytes: Uint8Array): void {
    for (const reader of this.#readers) {
      if ((reader.controller.desiredSize ?? 0) > 0) reader.controller.enqueue(bytes)
      else {
        this.#readers.delete(reader)
        reader.drop()
      }
    }
  }
}

const encoder = new TextEncoder()
/** A comment, which readers leave out. */
const heartbeat = encoder.encode(':\n\n')
