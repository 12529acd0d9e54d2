import { Text2LiveError } from '../errors.js'
import type { PictureSource } from '../media/imageCodec.js'

/** What a control says, as plain data: to the run where that is in another thread, process or worker. */
export interface Steering {
  readonly held: boolean
  /** The steps asked for last; null as planned. */
  readonly steps: number | null
  /** A preview is asked for, once. */
  readonly preview?: boolean
  /** Another mask is asked for, once. */
  readonly mask?: { readonly picture: PictureSource | null } | null
}

/** What is asked of a run that is elsewhere. */
export type RunAsk = 'stop' | Steering

/**
 * Passes on what is asked of a run to where it is: what its control says, now and whenever that changes, and that it is
 * to stop, when `signal` aborts.
 * @returns ends it
 */
export function passOn(ask: (asked: RunAsk) => void, signal: AbortSignal, control?: RunControl): () => void {
  const stop = (): void => ask('stop')
  const steer = (): void => {
    if (control !== undefined) ask(control.say())
  }
  const unfollow = control?.follow(steer)
  signal.addEventListener('abort', stop, { once: true })
  steer()
  if (signal.aborted) stop()
  return () => {
    unfollow?.()
    signal.removeEventListener('abort', stop)
  }
}

/** The hand on a run, where it is worked on. */
export interface SteeredRun {
  readonly stop: AbortController
  readonly control: RunControl
}

/** Does what was asked of a run that is here. */
export function heed(asked: RunAsk, { stop, control }: SteeredRun): void {
  if (asked === 'stop') stop.abort()
  else control.take(asked)
}

/**
 * The hand on a run while it lasts: it can be held, let go on, given more or fewer steps and another mask, and
 * asked for a preview. Stopping is the `signal`'s. The run of a clip keeps its mask; its steps are those of each layer.
 */
export class RunControl {
  #steps: number | null = null
  #held = false
  #preview = false
  #mask: { readonly picture: PictureSource | null } | null = null
  readonly #listeners = new Set<() => void>()

  /** Holds the run after the step at hand, until `go`. Its memory stays taken; a checkpoint is written first. */
  pause(): void {
    this.#held = true
    this.#changed()
  }

  /** Lets a held run go on. */
  go(): void {
    this.#held = false
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

  /** All that it says now, for a run elsewhere; what is asked once is not said again. */
  say(): Steering {
    return { held: this.#held, steps: this.#steps, preview: this.takePreview(), mask: this.takeMask() }
  }

  /** Takes over what a control elsewhere says, in another thread or process. */
  take({ held, steps, preview = false, mask = null }: Steering): void {
    if (mask !== null) this.setMask(mask.picture)
    if (preview) this.preview()
    if (steps !== null && steps !== this.#steps) this.continueTo(steps)
    if (held !== this.#held) {
      if (held) this.pause()
      else this.go()
    }
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
    return this.#held
  }

  /** Asks for a preview after the step at hand; of a run that is held at once. */
  preview(): void {
    this.#preview = true
    this.#changed()
  }

  /** Whether a preview was asked for, which whoever takes it makes. */
  takePreview(): boolean {
    const asked = this.#preview
    this.#preview = false
    return asked
  }

  /**
   * Changes where the edit may go from the next step on; the run keeps the new mask. One that does not fit the photo is
   * told as a warning, and the run goes on with the mask that it has.
   * @param mask null for none
   */
  setMask(mask: PictureSource | null): void {
    this.#mask = { picture: mask }
    this.#changed()
  }

  /** The mask that was asked for, which whoever takes it sets; null where none was. */
  takeMask(): { readonly picture: PictureSource | null } | null {
    const asked = this.#mask
    this.#mask = null
    return asked
  }

  /** Resolves when something is asked, at once where it has been, and when `signal` aborts. */
  async asked(signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#preview || this.#mask !== null) return
    await new Promise<void>((resolve) => {
      const done = (): void => {
        signal.removeEventListener('abort', done)
        unfollow()
        resolve()
      }
      const unfollow = this.follow(done)
      signal.addEventListener('abort', done)
    })
  }
}

/** @throws OPTION_INVALID */
export function assertSteps(steps: number): void {
  if (!Number.isInteger(steps) || steps < 1)
    throw new Text2LiveError('OPTION_INVALID', `Expected a whole number of steps from 1, got ${steps}.`)
}
