/**
 * Long work on the page's own thread, a slice at a time: between two slices the page takes input and paints. A slice is
 * far under the 50 ms from which a person feels that the page holds.
 */
export class Slices {
  readonly #length: number
  #since = performance.now()

  /** @param length of a slice, milliseconds */
  constructor(length = 8) {
    this.#length = length
  }

  /** To be awaited between pieces of work of about a millisecond: at once, or after the page had its turn. */
  get spent(): boolean {
    return performance.now() - this.#since >= this.#length
  }

  /** Gives the page its turn and begins the next slice. */
  async next(): Promise<void> {
    await new Promise<void>((resolve) => setTimeout(resolve, 0))
    this.#since = performance.now()
  }
}
