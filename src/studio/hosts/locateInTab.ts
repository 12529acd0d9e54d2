import { pictureBytes } from './pictureBytes.js'
import type { LocatedMap, LocateQuestion } from '../../session/runHost.js'
import { runInWebWorker } from '../../session/web/runWorker.js'
import type { Engine, Engines } from './engines.js'

/** Milliseconds that the engine is kept for the next words. */
const keptFor = 30_000

/**
 * Finds words in photos, in a worker of this tab beside the one that trains, one search at a time. It is kept for the
 * next words for a while, then ended.
 */
export class LocateInTab {
  readonly #engines: Engines
  #engine: Engine | null = null
  #timer: ReturnType<typeof setTimeout> | undefined
  #last: Promise<unknown> = Promise.resolve()

  constructor(engines: Engines) {
    this.#engines = engines
  }

  /** @throws PROMPT_*, INPUT_*, MODEL_NOT_CACHED, INTERRUPTED */
  locate(asked: LocateQuestion, signal: AbortSignal): Promise<LocatedMap> {
    const found = this.#last.then(() => this.#locate(asked, signal))
    this.#last = found.catch(() => undefined)
    return found
  }

  async #locate({ options, photo, over = [] }: LocateQuestion, signal: AbortSignal): Promise<LocatedMap> {
    clearTimeout(this.#timer)
    const engine = (this.#engine ??= await this.#engines.open('cpu', signal))
    try {
      const job = { kind: 'relevancy' as const, options, photo: pictureBytes(photo), over: [...over] }
      const run = runInWebWorker(engine.worker, job)
      const stop = (): void => run.stop()
      signal.addEventListener('abort', stop, { once: true })
      if (signal.aborted) stop()
      const { map, share, notes } = await Promise.race([run.result, engine.broken])
      return { map, share, notes }
    } catch (error) {
      engine.broken.catch(() => this.#end())
      throw error
    } finally {
      this.#timer = setTimeout(() => this.#end(), keptFor)
    }
  }

  #end(): void {
    this.#engine?.end()
    this.#engine = null
  }
}
