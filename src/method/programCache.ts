import type { Program } from '../engine/runtime.js'

/** Compiled graphs by key, the least recently used one released when room is needed. */
export class ProgramCache {
  private readonly programs = new Map<string, Program>()

  /** @param capacity programs held at once; each keeps the memory of its largest run */
  constructor(private readonly capacity: number) {}

  /** The program of `key`, compiled if it is not held; room is made first, so that no two large ones meet. */
  async get(key: string, compile: () => Promise<Program>): Promise<Program> {
    const known = this.programs.get(key)
    this.programs.delete(key)
    if (!known) await this.shrink(this.capacity - 1)
    const program = known ?? await compile()
    this.programs.set(key, program)
    return program
  }

  async clear(): Promise<void> {
    await this.shrink(0)
  }

  private async shrink(size: number): Promise<void> {
    for (const [key, program] of this.programs) {
      if (this.programs.size <= size) return
      this.programs.delete(key)
      await program.release()
    }
  }
}
