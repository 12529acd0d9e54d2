import { answering, Caller, type CallMessage, type Calls, type Handlers } from './calls.js'

/** Messages between tabs of one version of this protocol. */
const version = 1

type GroupMessage =
  | { readonly calls: CallMessage }
  /** To all, from the tab that leads. */
  | { readonly told: unknown }
  /** Another tab leads now. */
  | { readonly leads: true }

/**
 * The tabs of one site, of which one leads: it alone works, and answers what the others ask. When it is closed the next
 * takes its place, and what was asked of it meanwhile is asked again.
 */
export class TabGroup<C extends Calls, Told> {
  readonly #name: string
  readonly #channel: BroadcastChannel
  readonly #listener: (told: Told) => void
  readonly #caller: Caller<C>
  #failed: Error | null = null
  /** Where this tab leads, what takes the calls. */
  #take: ((message: CallMessage) => void) | null = null

  /** @param listener hears what the tab that leads tells, also where it is this one */
  constructor(name: string, listener: (told: Told) => void) {
    this.#name = name
    this.#listener = listener
    this.#channel = new BroadcastChannel(`${name} ${version}`)
    this.#caller = new Caller((calls) => {
      if (this.#take === null) this.#post({ calls })
      else this.#take(calls)
    })
    this.#channel.addEventListener('message', ({ data }: MessageEvent<GroupMessage>) => {
      if ('told' in data) this.#listener(data.told as Told)
      else if ('leads' in data) this.#caller.repeat()
      else if ('call' in data.calls || 'abort' in data.calls) this.#take?.(data.calls)
      else this.#caller.take(data.calls)
    })
  }

  /** Asks the tab that leads; waits for one where there is none yet. */
  call<K extends keyof C & string>(call: K, argument: C[K]['argument']): Promise<C[K]['answer']> {
    return this.#failed === null ? this.#caller.call(call, argument) : Promise.reject(this.#failed)
  }

  /**
   * Waits until no other tab leads, and leads for as long as this thread lives.
   * @param begin makes what answers; what it rejects with, all calls of this tab reject with
   */
  async lead(begin: (tell: (told: Told) => void) => Promise<Handlers<C>>): Promise<void> {
    try {
      await this.#whileLeading(begin)
    } catch (error) {
      this.#failed = error instanceof Error ? error : new Error(String(error))
      this.#caller.fail(this.#failed)
    }
  }

  async #whileLeading(begin: (tell: (told: Told) => void) => Promise<Handlers<C>>): Promise<void> {
    await navigator.locks.request(this.#name, async () => {
      const handlers = await begin((told) => {
        this.#post({ told })
        this.#listener(told)
      })
      this.#take = answering(handlers, (calls) => {
        this.#caller.take(calls)
        this.#post({ calls })
      })
      this.#post({ leads: true })
      this.#caller.repeat()
      await new Promise<never>(() => undefined)
    })
  }

  #post(message: GroupMessage): void {
    this.#channel.postMessage(message)
  }
}
