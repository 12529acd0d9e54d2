import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { toyPhoto } from '../support/toyPhoto.js'

const [main, toy] = ['../../dist/cli/main.js', './toyCommand.mjs'].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
) as [string, string]
let home: string
let runs = 0

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'text2live-streams-'))
  writeFileSync(join(home, 'bowl.png'), await toyPhoto())
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

/** A toy run of 2000 steps, which is stopped long before its end, and how it ended. */
function start(stdout: 'pipe' | number, options: object = {}, delay = 15) {
  const out = join(home, `run-${runs++}`)
  const given = {
    photo: join(home, 'bowl.png'),
    prompt: 'golden bowl',
    source: 'bowl',
    seed: 5,
    device: 'cpu',
    steps: 2000,
    size: 192,
    previewEvery: 0,
    out,
    ...options,
  }
  const child = spawn(process.execPath, [toy, JSON.stringify(given), String(delay)], {
    cwd: home,
    stdio: ['ignore', stdout, 'pipe'],
  })
  return { out, child, ended: endOf(child) }
}

async function endOf(
  child: ChildProcess,
): Promise<{ status: number | null; signal: string | null; out: string; err: string }> {
  let [out, err] = ['', '']
  child.stdout?.on('data', (data: Buffer) => {
    out += data.toString()
  })
  child.stderr?.on('data', (data: Buffer) => {
    err += data.toString()
  })
  const [status, signal] = await new Promise<[number | null, string | null]>((resolve) =>
    child.on('close', (code, name) => resolve([code, name])),
  )
  return { status, signal, out, err }
}

/** The folder of a run that stopped in good order: its pictures are there and nobody holds it. */
function expectWhole(folder: string): void {
  expect(readdirSync(folder).filter((name) => name.includes('.lock') || name.endsWith('.tmp'))).toEqual([])
  for (const name of ['composite.png', 'layers.psd', 'checkpoint.safetensors'])
    expect(existsSync(join(folder, name)), name).toBe(true)
}

/** Once the process has said it; at its end where it never does. */
const told = (child: ChildProcess, stream: Readable, words: RegExp): Promise<void> =>
  new Promise((resolve) => {
    child.on('close', () => resolve())
    stream.on('data', (data: Buffer) => {
      if (words.test(data.toString())) resolve()
    })
  })

const stepsBegan = (child: ChildProcess): Promise<void> => told(child, child.stdout!, /\bstep\b/)

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('%s stops in good order with status %i', async (name, expected) => {
  const { child, ended, out: folder } = start('pipe')
  await stepsBegan(child)
  child.kill(name)
  const { status, signal, out, err } = await ended
  expect({ status, signal }).toEqual({ status: expected, signal: null })
  expect(err).toMatch(/^stopping after this step and writing its pictures; press Ctrl-C (again )?to leave at once\n$/)
  expect(out).toContain(`To go on: text2live image --resume ${folder}`)
  expectWhole(folder)
})

test('a second signal leaves at once, without waiting for the step', async () => {
  const { child, ended, out } = start('pipe', {}, 100_000)
  await told(child, child.stdout!, /run folder/)
  // The first step, which lasts longer than this test, has begun by then; before it, one signal ends the run.
  await sleep(500)
  child.kill('SIGINT')
  await told(child, child.stderr!, /stopping/)
  // Sooner it counts as the same press, which npm hands on once more.
  await sleep(300)
  child.kill('SIGTERM')
  expect(await ended).toMatchObject({ status: 143, signal: null })
  expect(existsSync(join(out, 'composite.png'))).toBe(false)
})

test('a reader that leaves, as head does, stops the run in good order with status 141 and says so', async () => {
  const { child, ended, out } = start('pipe')
  await stepsBegan(child)
  child.stdout!.destroy()
  const { status, signal, err } = await ended
  expect({ status, signal }).toEqual({ status: 141, signal: null })
  expect(err).toBe(
    'nobody reads the output any more: stopping after this step and writing its pictures; press Ctrl-C to leave at once\n' +
      `stopped; what was reached is kept.\nTo go on: text2live image --resume ${out}\n`,
  )
  expectWhole(out)
})

test.skipIf(!existsSync('/dev/full'))(
  'a stdout that takes nothing stops the run in good order with a code, also where stderr takes nothing',
  async () => {
    const full = openSync('/dev/full', 'w')
    try {
      for (const json of [false, true]) {
        const { ended, out } = start(full, { json })
        const { status, signal, err } = await ended
        expect({ status, signal }).toEqual({ status: 1, signal: null })
        expect(err).toMatch(/error DISK_FULL: Standard output cannot be written: no space is left on its disk\./)
        expect(err).not.toMatch(/\n\s+at /)
        if (existsSync(out)) expectWhole(out)
      }
      const help = spawn(process.execPath, [main, '--help'], { stdio: ['ignore', full, full] })
      expect(await endOf(help)).toMatchObject({ status: 1, signal: null })
    } finally {
      closeSync(full)
    }
  },
)

test('with --json stdout holds events only, also when it is stopped', async () => {
  const { child, ended, out: folder } = start('pipe', { json: true })
  await stepsBegan(child)
  child.kill('SIGTERM')
  const { status, out } = await ended
  expect(status).toBe(143)
  const events = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string })
  expect(events.at(-1)).toMatchObject({ type: 'interrupted' })
  expect(readFileSync(join(folder, 'events.ndjson'), 'utf8')).toContain('"interrupted"')
})

test('a photo comes through a pipe', async () => {
  const send = async (bytes: Uint8Array, ...args: string[]) => {
    const child = spawn(process.execPath, [main, ...args], { cwd: home, stdio: ['pipe', 'pipe', 'pipe'] })
    // A command that has seen enough does not read on.
    child.stdin.on('error', () => undefined)
    child.stdin.end(bytes)
    return await endOf(child)
  }
  const { status, out } = await send(
    readFileSync(join(home, 'bowl.png')),
    'relevancy',
    '-',
    'bowl',
    '--size',
    '192',
    '--relevancy',
    'model',
  )
  expect({ status, out }).toEqual({
    status: 0,
    out: expect.stringMatching(/^wrote photo-relevancy\.png: "bowl" on \d+ % of the photo\n$/) as string,
  })
  expect(await send(new Uint8Array(0), 'image', '-', 'gold')).toMatchObject({
    status: 2,
    err: expect.stringMatching(/^error INPUT_EMPTY: /) as string,
  })
  expect(await send(new Uint8Array(1e6), 'image', '-', 'gold')).toMatchObject({
    status: 2,
    err: expect.stringMatching(/^error INPUT_NOT_IMAGE: .* from standard input/) as string,
  })
})
