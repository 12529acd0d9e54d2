import { Text2LiveError } from '../errors.js'

/**
 * The hand on a run while it lasts: it can be held, let go on, and given more or fewer steps. Stopping is the
 * `signal`'s.
 */
export class RunControl {
  #steps: number | null = null
  #held: { readonly until: Promise<void>; readonly go: () => void } | null = null
  readonly #listeners = new Set<() => void>()

  /** Holds the run after the step at hand, until `go`. Its memory stays taken; a checkpoint is written first. */
  pause(): void {
    if (this.#held !== null) return
    let go = (): void => undefined
    const until = new Promise<void>((resolve) => {
      go = resolve
    })
    this.#held = { until, go }
    this.#changed()
  }

  go(): void {
    this.#held?.go()
    this.#held = null
    this.#changed()
  }

  /**
   * Lets the run end at another step than planned; where it is past that already, after the step at hand.
   * @throws OPTION_INVALID
   */
  continueTo(steps: number): void {
    assertSteps(steps)
    this.#steps = steps
    this.#changed()
  }

  /** Calls back whenever something is asked: for who passes it on to a run elsewhere. @returns ends it */
  follow(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #changed(): void {
    for (const listener of this.#listeners) listener()
  }

  /** The steps asked for last; null as planned. */
  get steps(): number | null {
    return this.#steps
  }

  get held(): boolean {
    return this.#held !== null
  }

  /** Resolves when the run may go on: at once, at `go`, or when `signal` aborts. */
  async ready(signal: AbortSignal): Promise<void> {
    while (this.#held !== null && !signal.aborted) {
      const { until } = this.#held
      await new Promise<void>((resolve) => {
        const done = (): void => {
          signal.removeEventListener('abort', done)
          resolve()
        }
        signal.addEventListener('abort', done)
        void until.then(done)
      })
    }
  }
}

/** @throws OPTION_INVALID */
export function assertSteps(steps: number): void {
  if (!Number.isInteger(steps) || steps < 1)
    throw new Text2LiveError('OPTION_INVALID', `Expected a whole number of steps from 1, got ${steps}.`)
}
