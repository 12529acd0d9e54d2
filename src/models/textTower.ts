/** The weights of a text tower: read when texts are first encoded, and let go when nobody needs them any more. */
export class TextTower<Weights> {
  #holders = 0
  #weights: Promise<Weights> | null = null

  readonly #read: () => Promise<Weights>

  constructor(read: () => Promise<Weights>) {
    this.#read = read
  }

  /** Keeps what is read while `work` lasts. */
  async hold<T>(work: () => Promise<T>): Promise<T> {
    this.#holders++
    try {
      return await work()
    } finally {
      this.#holders--
      if (this.#holders === 0) this.#weights = null
    }
  }

  /** Does `work` with the weights. */
  async use<T>(work: (weights: Weights) => Promise<T>): Promise<T> {
    return await this.hold(async () => await work(await (this.#weights ??= this.#read())))
  }
}
