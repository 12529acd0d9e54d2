import { describe, expect, it } from 'vitest'
import { Graph } from './graph.js'
import { createNodeRuntime } from './node/createNodeRuntime.js'
import { mul } from './ops.js'
import { ProgramCache } from './programCache.js'
import { type Program, heldBytes } from './runtime.js'

const runtime = createNodeRuntime({ device: 'cpu', threads: 1 })

/** Compiles x -> factor x; `log` records when it is compiled and released. It is taken to hold `bytes`. */
async function times(factor: number, log: string[], bytes = 100): Promise<Program> {
  log.push(`compile ${factor}`)
  const graph = new Graph()
  const program = await runtime.compile(graph, { y: mul(graph.input('x', [1]), factor) })
  return {
    ...program,
    heldBytes: bytes,
    release: async () => {
      log.push(`release ${factor}`)
      await program.release()
    },
  }
}

async function apply(program: Program, x: number): Promise<number> {
  const { y } = await program.run({ x: new runtime.Tensor('float32', Float32Array.of(x), [1]) })
  return (y!.data as Float32Array)[0]!
}

describe('ProgramCache', () => {
  it('compiles a key once while it is held', async () => {
    const log: string[] = []
    const cache = new ProgramCache(200)
    const first = await cache.get('two', () => times(2, log))
    const second = await cache.get('three', () => times(3, log))
    expect(await cache.get('two', () => times(99, log))).toBe(first)
    expect(log).toEqual(['compile 2', 'compile 3'])
    expect([await apply(first, 5), await apply(second, 5)]).toEqual([10, 15])
    await cache.clear()
  })

  it('releases the least recently used one, before the next is compiled', async () => {
    const log: string[] = []
    const cache = new ProgramCache(200)
    for (const factor of [2, 3, 2, 4]) await cache.get(String(factor), () => times(factor, log))
    expect(log).toEqual(['compile 2', 'compile 3', 'release 3', 'compile 4'])
    expect(await apply(await cache.get('2', () => times(2, log)), 7), 'what is held still runs').toBe(14)
    expect(await apply(await cache.get('3', () => times(3, log)), 7), 'what was released is compiled again').toBe(21)
    expect(log.slice(4)).toEqual(['release 4', 'compile 3'])
    await cache.clear()
  })

  it.each([0, 100, 150])('holds one at a time with room for %d bytes', async (budget) => {
    const log: string[] = []
    const cache = new ProgramCache(budget)
    for (const factor of [2, 2, 3, 2]) await cache.get(String(factor), () => times(factor, log))
    expect(log).toEqual(['compile 2', 'release 2', 'compile 3', 'release 3', 'compile 2'])
    await cache.clear()
  })

  it('holds as many as their bytes allow, however many those are', async () => {
    const log: string[] = []
    const cache = new ProgramCache(1000)
    for (let factor = 1; factor <= 10; factor++) await cache.get(String(factor), () => times(factor, log))
    expect(log.filter((line) => line.startsWith('release'))).toEqual([])
    await cache.get('large', () => times(11, log, 350))
    expect(log.filter((line) => line.startsWith('release'))).toEqual([
      'release 1',
      'release 2',
      'release 3',
      'release 4',
    ])
    await cache.get('12', () => times(12, log))
    expect(
      log.filter((line) => line.startsWith('release')),
      'room for another large one',
    ).toHaveLength(7)
    await cache.clear()
  })

  it('knows what a compiled graph holds by its constants and its nodes', async () => {
    const compiled = async (constants: number, nodes: number) => {
      const graph = new Graph()
      let y = mul(
        graph.input('x', [constants]),
        graph.constant(
          Float32Array.from({ length: constants }, (_, i) => i),
          [constants],
        ),
      )
      for (let i = 1; i < nodes; i++) y = mul(y, i + 1)
      const program = await runtime.compile(graph, { y })
      await program.release()
      return program.heldBytes
    }
    expect(heldBytes({ bytes: new Uint8Array(1000), nodeCount: 10 })).toBe(43_960)
    expect((await compiled(100_000, 1)) - (await compiled(10, 1))).toBeGreaterThan(3 * 399_000)
    expect((await compiled(10, 100)) - (await compiled(10, 1))).toBeGreaterThan(99 * 4096)
  })

  it('clear releases all, once', async () => {
    const log: string[] = []
    const cache = new ProgramCache(300)
    for (const factor of [2, 3]) await cache.get(String(factor), () => times(factor, log))
    await cache.clear()
    await cache.clear()
    expect(log.slice(2)).toEqual(['release 2', 'release 3'])
    await cache.get('2', () => times(2, log))
    expect(log.at(-1)).toBe('compile 2')
    await cache.clear()
  })

  it('a graph that does not compile is not held, and the next attempt compiles', async () => {
    const log: string[] = []
    const cache = new ProgramCache(200)
    await expect(cache.get('2', () => Promise.reject(new Error('no memory')))).rejects.toThrow('no memory')
    expect(await apply(await cache.get('2', () => times(2, log)), 1)).toBe(2)
    await cache.clear()
    expect(log).toEqual(['compile 2', 'release 2'])
  })
})
