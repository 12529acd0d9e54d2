import { describe, expect, it } from 'vitest'
import { Graph } from '../engine/graph.js'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import { mul } from '../engine/ops.js'
import type { Program } from '../engine/runtime.js'
import { ProgramCache } from './programCache.js'

const runtime = createNodeRuntime({ device: 'cpu', threads: 1 })

/** Compiles x -> factor x; `log` records when it is compiled and released. */
async function times(factor: number, log: string[]): Promise<Program> {
  log.push(`compile ${factor}`)
  const graph = new Graph()
  const program = await runtime.compile(graph, { y: mul(graph.input('x', [1]), factor) })
  return { ...program, release: async () => { log.push(`release ${factor}`); await program.release() } }
}

async function apply(program: Program, x: number): Promise<number> {
  const { y } = await program.run({ x: new runtime.Tensor('float32', Float32Array.of(x), [1]) })
  return (y!.data as Float32Array)[0]!
}

describe('ProgramCache', () => {
  it('compiles a key once while it is held', async () => {
    const log: string[] = []
    const cache = new ProgramCache(2)
    const first = await cache.get('two', () => times(2, log))
    const second = await cache.get('three', () => times(3, log))
    expect(await cache.get('two', () => times(99, log))).toBe(first)
    expect(log).toEqual(['compile 2', 'compile 3'])
    expect([await apply(first, 5), await apply(second, 5)]).toEqual([10, 15])
    await cache.clear()
  })

  it('releases the least recently used one, before the next is compiled', async () => {
    const log: string[] = []
    const cache = new ProgramCache(2)
    for (const factor of [2, 3, 2, 4]) await cache.get(String(factor), () => times(factor, log))
    expect(log).toEqual(['compile 2', 'compile 3', 'release 3', 'compile 4'])
    expect(await apply(await cache.get('2', () => times(2, log)), 7), 'what is held still runs').toBe(14)
    expect(await apply(await cache.get('3', () => times(3, log)), 7), 'what was released is compiled again').toBe(21)
    expect(log.slice(4)).toEqual(['release 4', 'compile 3'])
    await cache.clear()
  })

  it('holds one at a time at capacity 1', async () => {
    const log: string[] = []
    const cache = new ProgramCache(1)
    for (const factor of [2, 2, 3, 2]) await cache.get(String(factor), () => times(factor, log))
    expect(log).toEqual(['compile 2', 'release 2', 'compile 3', 'release 3', 'compile 2'])
    await cache.clear()
  })

  it('clear releases all, once', async () => {
    const log: string[] = []
    const cache = new ProgramCache(3)
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
    const cache = new ProgramCache(2)
    await expect(cache.get('2', () => Promise.reject(new Error('no memory')))).rejects.toThrow('no memory')
    expect(await apply(await cache.get('2', () => times(2, log)), 1)).toBe(2)
    await cache.clear()
    expect(log).toEqual(['compile 2', 'release 2'])
  })
})
