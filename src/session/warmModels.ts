import type { Runtime } from '../engine/runtime.js'
import { Text2LiveError } from '../errors.js'
import type { GuidanceModel } from '../models/guidance.js'
import type { LearnedStart } from '../models/learnedStart.js'
import type { OutlineModel } from '../models/outline.js'

/** Bytes of guidance models that are kept: the starter model, or a CLIP ViT-B/32, and not one of a gigabyte. */
const defaultBound = 512 * 2 ** 20

/** What is kept under a name, until it fails. */
class Kept<T> {
  readonly #values = new Map<string, Promise<T>>()

  /** What is kept, or what `open` gives; of work that fails nothing is kept. */
  async get(key: string, open: () => Promise<T>): Promise<T> {
    const known = this.#values.get(key)
    if (known !== undefined) {
      // The latest used is the last to go.
      this.#values.delete(key)
      this.#values.set(key, known)
      return await known
    }
    const opening = open()
    this.#values.set(key, opening)
    try {
      return await opening
    } catch (error) {
      if (this.#values.get(key) === opening) this.#values.delete(key)
      throw error
    }
  }

  /** The longest unused first. */
  get keys(): readonly string[] {
    return [...this.#values.keys()]
  }

  drop(key: string): void {
    this.#values.delete(key)
  }

  clear(): void {
    this.#values.clear()
  }
}

/**
 * The engine and the models that one job leaves to the next on the same machine, so that they are opened once. Weights
 * belong to the engine that they were opened for.
 */
export class WarmModels {
  readonly #bound: number
  readonly #runtimes = new Kept<Runtime>()
  readonly #guidance = new Kept<GuidanceModel>()
  readonly #sizes = new Map<string, number>()
  readonly #outline = new Kept<OutlineModel>()
  readonly #start = new Kept<LearnedStart>()
  readonly #numbers = new WeakMap<Runtime, number>()
  #engines = 0

  /** @param bound bytes of guidance models kept at most; those longest unused go first */
  constructor(bound = defaultBound) {
    this.#bound = bound
  }

  /**
   * The engine that is held, or what `open` gives.
   * @param key device and threads
   */
  async runtime(key: string, open: () => Promise<Runtime>): Promise<Runtime> {
    const runtime = await this.#runtimes.get(key, open)
    if (!this.#numbers.has(runtime)) this.#numbers.set(runtime, this.#engines++)
    return runtime
  }

  /**
   * The guidance model that is held, or what `open` gives.
   * @param key all that decides what `open` gives, besides the engine
   */
  async guidance(runtime: Runtime, key: string, open: () => Promise<GuidanceModel>): Promise<GuidanceModel> {
    const own = `${this.#numbers.get(runtime) ?? 'other'} ${key}`
    const model = await this.#guidance.get(own, open)
    this.#sizes.set(
      own,
      [...model.weights.values()].reduce((sum, { data }) => sum + data.byteLength, 0),
    )
    this.#keepBound()
    return model
  }

  /** The outline network that is held, or what `open` gives. */
  outline(open: () => Promise<OutlineModel>): Promise<OutlineModel> {
    return this.#outline.get('', open)
  }

  /** The learned first weights that are held, or what `open` gives. */
  start(open: () => Promise<LearnedStart>): Promise<LearnedStart> {
    return this.#start.get('', open)
  }

  /** Lets everything go; what is in use stays with whoever uses it. */
  release(): void {
    for (const kept of [this.#runtimes, this.#guidance, this.#outline, this.#start]) kept.clear()
    this.#sizes.clear()
  }

  /** After a failure of the machine itself a job begins on a new engine. */
  releaseAfter(error: unknown): void {
    const isPersons =
      error instanceof Text2LiveError &&
      (error.code === 'INTERRUPTED' || (error.exitStatus === 2 && error.code !== 'DEVICE_UNAVAILABLE'))
    if (!isPersons) this.release()
  }

  #keepBound(): void {
    let bytes = [...this.#sizes.values()].reduce((sum, size) => sum + size, 0)
    for (const key of this.#guidance.keys) {
      if (bytes <= this.#bound) return
      bytes -= this.#sizes.get(key) ?? 0
      this.#sizes.delete(key)
      this.#guidance.drop(key)
    }
  }
}
