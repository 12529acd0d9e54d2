/** Arrays of frames, the least recently used given up beyond `bytes`. */
export class FrameCache {
  readonly #entries = new Map<string, Float32Array>()
  #held = 0
  readonly #bytes: number

  constructor(bytes: number) {
    this.#bytes = bytes
  }

  async get(key: string, make: () => Promise<Float32Array>): Promise<Float32Array> {
    const known = this.#entries.get(key)
    if (known) {
      this.#entries.delete(key)
      this.#entries.set(key, known)
      return known
    }
    const made = await make()
    if (this.#entries.has(key)) return made
    this.#entries.set(key, made)
    this.#held += made.byteLength
    for (const [oldest, value] of this.#entries) {
      if (this.#held <= this.#bytes || oldest === key) break
      this.#entries.delete(oldest)
      this.#held -= value.byteLength
    }
    return made
  }

  clear(): void {
    this.#entries.clear()
    this.#held = 0
  }
}
