import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { lookIn } from '../../src/run/runFolder.js'
import { loadCheckpoint } from '../../src/session/checkpoint.js'
import { photoCheckpoint } from '../../src/session/trainRun.js'
import { imageJobOf, type ImageOptions } from '../../src/run/imageJob.js'
import { runImageJob } from '../../src/run/runImageJob.js'
import { readEvents } from '../../src/run/eventLog.js'
import { toyTrainer } from './toyTrainer.mjs'

let home: string
let options: ImageOptions
const mounted: string[] = []

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'text2live-disk-'))
  const noise = Uint8Array.from({ length: 40 * 40 * 3 }, (_, i) => (i * 7919 + (i >> 3) * 104729) % 251)
  const photo = await sharp(noise, { raw: { width: 40, height: 40, channels: 3 } })
    .png()
    .toBuffer()
  options = { photo, prompt: 'gold', source: 'noise', size: 192, steps: 4, seed: 3, device: 'cpu', previewEvery: 0 }
})
afterEach(() => {
  for (const path of mounted.splice(0)) execFileSync('umount', [path])
  rmSync(home, { recursive: true, force: true })
})

/** A file system of its own, or null where this process may not mount one. */
function disk(name: string, mountOptions: string): string | null {
  const path = join(home, name)
  mkdirSync(path)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', mountOptions, 'tmpfs', path], { stdio: 'ignore' })
  } catch {
    return null
  }
  mounted.push(path)
  return path
}

const train = (given: ImageOptions, onStep: (step: number) => void = () => undefined) =>
  runImageJob(
    imageJobOf(given, false),
    { open: toyTrainer({ onStep }), signal: new AbortController().signal },
    () => undefined,
  )
const codeOf = async (work: Promise<unknown>): Promise<string> =>
  await work.then(
    () => 'no error',
    (error: unknown) => (error as { code: string }).code,
  )

test('a full disk stops the run with a code; what is there stays whole, and the run goes on when there is room', async (context) => {
  const path = disk('small', 'size=400k')
  if (path === null) return context.skip('this process may not mount a file system')
  const out = join(path, 'run')
  const ballast = join(path, 'ballast')
  // Room for three lines of the log after the ballast is in; the log is the first to meet the full disk.
  const fill = (step: number): void => {
    if (step !== 2) return
    for (let size = 1 << 18; size >= 512; size /= 2) {
      try {
        writeFileSync(ballast, new Uint8Array(size), { flag: 'a' })
      } catch {
        /* full: try a smaller piece */
      }
    }
  }
  const long = { ...options, steps: 400, out }
  expect(await codeOf(train(long, fill))).toBe('DISK_FULL')
  expect(readFileSync(join(out, 'events.ndjson'), 'utf8')).toMatch(/\n$/)
  const said = readEvents(join(out, 'events.ndjson')).filter(({ type }) => type === 'step')
  expect(said.map((event) => 'step' in event && event.step)).toEqual(said.map((_, i) => i + 1))
  expect(readdirSync(out).filter((name) => name.endsWith('.tmp') || name === '.lock')).toEqual([])
  expect(await loadCheckpoint(lookIn(out), photoCheckpoint)).toBeNull()
  rmSync(ballast)
  expect((await train({ resume: out, steps: 5 })).finished).toBe(true)
})

test('a disk too small for the run folder leaves none', async (context) => {
  const path = disk('tiny', 'size=4k')
  if (path === null) return context.skip('this process may not mount a file system')
  expect(await codeOf(train({ ...options, out: join(path, 'run') }))).toBe('DISK_FULL')
  expect(readdirSync(path)).toEqual([])
})

test('a read-only place is refused with a code', async (context) => {
  const path = disk('sealed', 'ro')
  if (path === null) return context.skip('this process may not mount a file system')
  expect(await codeOf(train({ ...options, out: join(path, 'run') }))).toBe('OUTPUT_NOT_WRITABLE')
})

test('a folder under a file, and a name that is too long, are refused with a code', async () => {
  writeFileSync(join(home, 'file'), '')
  expect(await codeOf(train({ ...options, out: join(home, 'file', 'run') }))).toBe('OUTPUT_NOT_WRITABLE')
  expect(await codeOf(train({ ...options, out: join(home, 'x'.repeat(300)) }))).toBe('OUTPUT_NOT_WRITABLE')
  expect(existsSync(join(home, 'file', 'run'))).toBe(false)
})
