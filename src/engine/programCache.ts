import type { Program } from './runtime.js'

/** Compiled graphs by key, the least recently used ones released when room is needed. */
export class ProgramCache {
  readonly #programs = new Map<string, Program>()
  /** Bytes of the largest program so far: what the next one is expected to hold. */
  #largest = 0

  /**
   * @param budget bytes that the programs may hold together (`Program.heldBytes`); the one asked for last is held
   * whatever it takes
   */
  readonly #budget: number

  constructor(budget: number) {
    this.#budget = budget
  }

  /** The program of `key`, compiled if it is not held; room is made first, so that no two large ones meet. */
  async get(key: string, compile: () => Promise<Program>): Promise<Program> {
    const known = this.#programs.get(key)
    if (known) {
      this.#programs.delete(key)
      this.#programs.set(key, known)
      return known
    }
    await this.#shrink(this.#budget - this.#largest, 0)
    const program = await compile()
    this.#programs.set(key, program)
    this.#largest = Math.max(this.#largest, program.heldBytes)
    await this.#shrink(this.#budget, 1)
    return program
  }

  async clear(): Promise<void> {
    await this.#shrink(0, 0)
  }

  async #shrink(bytes: number, least: number): Promise<void> {
    for (const [key, program] of this.#programs) {
      const held = [...this.#programs.values()].reduce((sum, { heldBytes }) => sum + heldBytes, 0)
      if (held <= bytes || this.#programs.size <= least) return
      this.#programs.delete(key)
      await program.release()
    }
  }
}
