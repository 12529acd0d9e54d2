import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Text2LiveError } from '../../errors.js'
import { checkStructure } from './checkStructure.js'
import { readClip } from './readClip.js'

const fixtures = new URL('../../../test/fixtures/clips/', import.meta.url).pathname
const files = ['variable.mp4', 'turned90.mp4', 'ntsc.mov', 'odd.webm', 'untagged.mkv', 'short.gif'] as const
const whole = Object.fromEntries(
  await Promise.all(files.map(async (file) => [file, await readFile(join(fixtures, file))] as const)),
)
let folder = ''
let saved = 0
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'text2live-structure-'))
})
afterAll(async () => {
  await rm(folder, { recursive: true })
})

type Patch = readonly [at: number, bytes: readonly number[]]

/** The fixture with bytes written over its own, as a file; places are taken modulo its size. */
async function damagedFile(file: (typeof files)[number], patches: readonly Patch[]): Promise<string> {
  const bytes = Uint8Array.from(whole[file]!)
  for (const [at, patch] of patches) for (const [i, byte] of patch.entries()) bytes[(at + i) % bytes.length] = byte
  const path = join(folder, `${saved++}${extname(file)}`)
  await writeFile(path, bytes)
  return path
}

const ones = [255, 255, 255, 255]
/** Numbers that send mediabunny into a loop without end. */
const endless = [
  ['variable.mp4', [3913, ones]], // Frames that one offset holds for, in `ctts`.
  ['odd.webm', [2490, [127, 255, 255, 255]]], // Size of a cluster.
] as const satisfies readonly (readonly [(typeof files)[number], Patch])[]

describe('damaged numbers in a clip', () => {
  it.each(endless)('%s: a structure without end is a coded error in bounded time', async (file, patch) => {
    const start = performance.now()
    const path = await damagedFile(file, [patch])
    await expect(checkStructure(path, { limit: 1 })).rejects.toMatchObject({
      code: 'CLIP_TRUNCATED',
      message: expect.stringContaining('is damaged') as string,
    })
    expect(performance.now() - start).toBeLessThan(60_000)
  })

  it('reading stops when told to, in a structure without end too', async () => {
    const path = await damagedFile('odd.webm', [endless[1][1]])
    await expect(readClip(path, { signal: AbortSignal.timeout(300) })).rejects.toMatchObject({ code: 'INTERRUPTED' })
    await expect(readClip(path, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'INTERRUPTED' })
  })

  it('any bytes at any places: frames, or a coded error', async () => {
    const byte = fc.oneof(fc.constantFrom(0, 1, 127, 128, 255), fc.nat(255))
    const patch = fc.tuple(
      fc.nat(1 << 16),
      fc.oneof(fc.tuple(byte), fc.tuple(byte, byte, byte, byte), fc.constant(ones)),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...files),
        fc.array(patch, { minLength: 1, maxLength: 4 }),
        async (file, patches) => {
          const path = await damagedFile(file, patches)
          try {
            if (file !== 'short.gif') await checkStructure(path, { limit: 1 })
            const {
              frames: { width, height, pixels },
              timing: { timestamps },
            } = await readClip(path)
            expect(pixels.length).toBeGreaterThan(0)
            expect(pixels.every((frame) => frame.length === 3 * width * height && frame.length > 0)).toBe(true)
            expect(timestamps.every((time, t) => t === 0 || time >= timestamps[t - 1]!)).toBe(true)
          } catch (error) {
            expect(error).toBeInstanceOf(Text2LiveError)
            expect((error as Text2LiveError).code).toMatch(/^CLIP_|^INPUT_/)
          }
        },
      ),
      { numRuns: 25, seed: 40, endOnFailure: true },
    )
  })
})

it('a whole clip passes, its sound too', async () => {
  await checkStructure(join(fixtures, 'variable.mp4'))
  await checkStructure(join(fixtures, 'variable.mp4'), { frames: 2, sound: true })
})
