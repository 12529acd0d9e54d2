import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventSchema, photoEvents } from '../../src/session/eventTable.js'
import type * as Text2Live from '../../src/index.js'
import { toyPhoto } from '../support/toyPhoto.js'

// The built package: a run is in a process of its own, which needs compiled files.
const { editImage, outputFiles } = (await import(
  new URL('../../dist/index.js', import.meta.url).href
)) as typeof Text2Live

type RunEvent = Text2Live.RunEvent
const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
let home: string
let options: Text2Live.EditOptions
const at = (...names: string[]): string => join(home, ...names)

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'text2live-real-'))
  writeFileSync(at('bowl.png'), await toyPhoto())
  // The whole method at toy size: one crop size, so that one graph is compiled, and a narrow generator.
  options = {
    photo: at('bowl.png'),
    prompt: 'golden bowl',
    source: 'bowl',
    region: 'bowl',
    preset: 'fast',
    size: 192,
    steps: 3,
    views: 1,
    generatorWidth: 8,
    scaleMin: 1,
    scaleMax: 1,
    cropsMinCover: 1,
    seed: 5,
    device: 'cpu',
    threads: 1,
    previewEvery: 2,
  }
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

async function eventsOf(run: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const events: RunEvent[] = []
  for await (const event of run) events.push(event)
  return events
}

const flags = (): string[] =>
  Object.entries(options)
    .filter(([name]) => name !== 'photo' && name !== 'prompt')
    .flatMap(([name, value]) => [`--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`, String(value)])

interface Ended {
  readonly status: number | null
  readonly out: string
  readonly err: string
}

/** Runs the command; the first time that its output matches `interruptAt`, Ctrl-C is pressed. */
function command(args: readonly string[], interruptAt: RegExp | null = null): Promise<Ended> {
  const child = spawn(process.execPath, [main, ...args], { cwd: home })
  let [out, err] = ['', '']
  let waiting = interruptAt
  child.stdout.on('data', (data: Buffer) => {
    out += data.toString()
    if (waiting?.test(out) !== true) return
    waiting = null
    child.kill('SIGINT')
  })
  child.stderr.on('data', (data: Buffer) => {
    err += data.toString()
  })
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, out, err })))
}

/** What is computed, not measured: the chart of losses too, since it is drawn from them. */
const pictures = Object.values(outputFiles)

const checkpointOf = (folder: string): string => readFileSync(at(folder, 'checkpoint.safetensors')).toString('base64')

test('a run is in a process that ends with it: many runs in one process leave its memory as it was', async () => {
  const before = process.memoryUsage.rss()
  for (let run = 0; run < 3; run++) {
    const edit = editImage({ ...options, steps: 1 })
    const [step] = (await eventsOf(edit)).filter((event) => event.type === 'step')
    // A Node process with ONNX Runtime has at least as much.
    expect(step!.memory!).toBeGreaterThan(60e6)
    await edit.result
    await expect.poll(() => process.getActiveResourcesInfo()).not.toContain('ProcessWrap')
  }
  expect(process.memoryUsage.rss() - before).toBeLessThan(250e6)
})

test.runIf(process.platform === 'linux')(
  'after kill -9 of the command its process keeps the step at hand, and ends',
  async () => {
    const child = spawn(
      process.execPath,
      [main, 'image', at('bowl.png'), 'golden bowl', ...flags(), '--steps', '500', '--json', '--out', at('killed')],
      { cwd: home },
    )
    const worker = await new Promise<string>((resolve, reject) => {
      child.stdout.on('data', (data: Buffer) => {
        if (data.toString().includes('"type":"step"'))
          resolve(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim())
      })
      child.on('exit', () => reject(new Error('ended before the first step')))
    })
    expect(worker).toMatch(/^\d+$/)
    expect(existsSync(at('killed', 'checkpoint.safetensors'))).toBe(false)
    child.kill('SIGKILL')
    for (let tries = 0; existsSync(`/proc/${worker}`) && tries < 300; tries++) await sleep(100)
    expect(existsSync(`/proc/${worker}`)).toBe(false)
    const kept = readdirSync(at('killed')).filter((name) => name !== 'previews')
    expect(kept.sort()).toEqual(['checkpoint.safetensors', 'config.yaml', 'events.ndjson', 'photo.png'])
    const { finished } = await editImage({ resume: at('killed'), steps: 2 }).result
    expect(finished).toBe(true)
  },
  240_000,
)

test('several seeds without a folder come back whole', async () => {
  const { files, folder, variations, contactSheet } = await editImage({ ...options, steps: 1, seeds: 2 }).result
  expect([folder, variations?.map(({ settings }) => settings.seed)]).toEqual([null, [5, 6]])
  expect(files).toBe(variations?.[0]?.files)
  expect(Object.keys(files)).toEqual(Object.keys(outputFiles))
  expect(Buffer.from(files.edit).equals(variations![1]!.files.edit)).toBe(false)
  expect(await sharp(files.edit).metadata()).toMatchObject({ width: 72, height: 64 })
  expect((await sharp(contactSheet).metadata()).format).toBe('png')
})

test('options that are no plain data are refused by code', async () => {
  const prompt = (() => 'golden bowl') as unknown as string
  await expect(editImage({ ...options, prompt }).result).rejects.toMatchObject({ code: 'OPTION_INVALID' })
})

test('the library trains in a process of its own and gives its results as buffers', async () => {
  const run = editImage({ ...options, out: at('whole') })
  const events = await eventsOf(run)
  const { files, step, finished } = await run.result
  expect({ step, finished }).toEqual({ step: 3, finished: true })
  expect(
    events
      .filter(({ type }) => type === 'step')
      .map((event) => 'losses' in event && Object.values(event.losses).every(Number.isFinite)),
  ).toEqual([true, true, true])
  expect(events.filter(({ type }) => type === 'preview')).toHaveLength(1)
  for (const name of ['composite', 'edit', 'alpha'] as const)
    expect(await sharp(files[name]).metadata(), name).toMatchObject({ width: 72, height: 64 })
})

test('leaving the loop stops within a step, and the resumed run is bit-identical to one that was never stopped', async () => {
  const run = editImage({ ...options, out: at('stopped') })
  for await (const event of run) if (event.type === 'step') break
  const { finished, step } = await run.result
  expect(finished).toBe(false)
  expect(step).toBeLessThanOrEqual(2)
  expect((await editImage({ resume: at('stopped') }).result).finished).toBe(true)
  expect(checkpointOf('stopped')).toBe(checkpointOf('whole'))
  for (const name of pictures)
    expect(readFileSync(at('stopped', name)).equals(readFileSync(at('whole', name))), name).toBe(true)
})

test.each([
  [660, 60],
  [60, 660],
])('a photo of %i x %i, beyond 10:1, trains', async (width, height) => {
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 37 + (i >> 7) * 11) % 256)
  const photo = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer()
  const { finished, files } = await editImage({
    ...options,
    photo,
    steps: 1,
    relevancy: 'model',
    regionBound: 0,
    sparsityMap: 0,
  }).result
  expect(finished).toBe(true)
  expect(await sharp(files.composite).metadata()).toMatchObject({ width, height })
})

test('a photo of one colour is refused before anything is written', async () => {
  const photo = await sharp({ create: { width: 970, height: 90, channels: 3, background: '#000' } })
    .png()
    .toBuffer()
  await expect(editImage({ ...options, photo, out: at('blank') }).result).rejects.toMatchObject({
    code: 'INPUT_BLANK',
    exitStatus: 2,
  })
  expect(existsSync(at('blank'))).toBe(false)
})

test('a text that is too long is refused before a folder is made', async () => {
  const long = `golden bowl ${'of very shiny gold '.repeat(200)}`
  await expect(editImage({ ...options, prompt: long, out: at('long') }).result).rejects.toMatchObject({
    code: 'PROMPT_TOO_LONG',
    exitStatus: 2,
  })
  expect(() => readFileSync(at('long', 'config.yaml'))).toThrow('ENOENT')
})

test('Ctrl-C ends with 130, writes the outputs and says how to go on; --resume goes on', async () => {
  const stopped = await command(['image', 'bowl.png', 'golden bowl', ...flags(), '--steps', '500'], /^step 1\//m)
  expect(stopped.status, stopped.err).toBe(130)
  expect(stopped.out).toContain('To go on: text2live image --resume runs/bowl-1\n')
  expect(await sharp(at('runs', 'bowl-1', 'composite.png')).metadata()).toMatchObject({ width: 72 })
  const resumed = await command(['image', '--resume', 'runs/bowl-1', '--steps', '4', '--json'])
  expect(resumed.status, resumed.err).toBe(0)
  const events = resumed.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as RunEvent)
  expect(events.at(-1)?.type).toBe('done')
  const kept = readFileSync(at('runs', 'bowl-1', 'events.ndjson'), 'utf8')
    .trim()
    .split('\n')
  for (const event of [...events, ...kept.map((line) => JSON.parse(line) as RunEvent)])
    expect(eventSchema(photoEvents).safeParse(event).error, JSON.stringify(event)).toBeUndefined()
  const again = await command(['image', '--resume', 'runs/bowl-1'])
  expect(again).toMatchObject({ status: 0, out: expect.stringContaining('had finished already') as string })
  expect((await command(['render', 'runs/bowl-1'])).status).toBe(0)
})
