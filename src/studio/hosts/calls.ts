import { Text2LiveError, type ErrorCode } from '../../errors.js'

/** What can be asked over a wire: each call's argument and answer; plain data, blobs and bytes. */
export type Calls = Readonly<Record<string, { readonly argument: unknown; readonly answer: unknown }>>

/** Does the calls. */
export type Handlers<C extends Calls> = {
  readonly [K in keyof C]: (argument: C[K]['argument'], signal: AbortSignal) => Promise<C[K]['answer']>
}

interface Failure {
  readonly code: ErrorCode | null
  readonly message: string
}

/** One way or the other; `id` is one call's alone, also among all tabs. */
export type CallMessage =
  | { readonly id: string; readonly call: string; readonly argument: unknown }
  | { readonly id: string; readonly abort: true }
  | { readonly id: string; readonly answer: unknown }
  | { readonly id: string; readonly failure: Failure }

type Post = (message: CallMessage) => void

/** Several tabs ask the same worker. Not of `randomUUID`, which a page that came over plain HTTP does not have. */
const randomId = (): string => crypto.getRandomValues(new Uint32Array(4)).join('-')

/** The side that asks. */
export class Caller<C extends Calls> {
  readonly #post: Post
  readonly #pending = new Map<
    string,
    {
      readonly asked: CallMessage
      readonly resolve: (answer: unknown) => void
      readonly reject: (error: Error) => void
    }
  >()

  constructor(post: Post) {
    this.#post = post
  }

  /** Rejects with what the other side throws, with its code. */
  call<K extends keyof C & string>(call: K, argument: C[K]['argument'], signal?: AbortSignal): Promise<C[K]['answer']> {
    const id = randomId()
    return new Promise((resolve, reject) => {
      const asked = { id, call, argument }
      this.#pending.set(id, { asked, resolve, reject })
      this.#post(asked)
      const abort = (): void => this.#post({ id, abort: true })
      if (signal?.aborted === true) abort()
      else signal?.addEventListener('abort', abort, { once: true })
    })
  }

  /** Asks again what has no answer yet: whoever was to answer is gone, and another has taken his place. */
  repeat(): void {
    for (const { asked } of this.#pending.values()) this.#post(asked)
  }

  /** Takes a message of the other side. */
  take(message: CallMessage): void {
    const waiting = this.#pending.get(message.id)
    if (waiting === undefined || 'call' in message || 'abort' in message) return
    this.#pending.delete(message.id)
    if ('answer' in message) waiting.resolve(message.answer)
    else waiting.reject(revived(message.failure))
  }

  /** Nobody will answer any more. */
  fail(error: Error): void {
    for (const { reject } of this.#pending.values()) reject(error)
    this.#pending.clear()
  }
}

/** The side that answers. Returns what takes a message of the other side; a call that is asked again is done once. */
export function answering<C extends Calls>(handlers: Handlers<C>, post: Post): (message: CallMessage) => void {
  const atWork = new Map<string, AbortController>()
  const work = async (id: string, call: string, argument: unknown, signal: AbortSignal): Promise<void> => {
    try {
      post({ id, answer: await handlers[call]!(argument, signal) })
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      post({ id, failure: { code: error instanceof Text2LiveError ? error.code : null, message } })
    } finally {
      atWork.delete(id)
    }
  }
  return (message) => {
    if ('abort' in message) atWork.get(message.id)?.abort()
    if (!('call' in message) || atWork.has(message.id)) return
    const stop = new AbortController()
    atWork.set(message.id, stop)
    void work(message.id, message.call, message.argument, stop.signal)
  }
}

const revived = ({ code, message }: Failure): Error =>
  code === null ? new Error(message) : new Text2LiveError(code, message)
