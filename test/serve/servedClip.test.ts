import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterEach, beforeAll, expect, test } from 'vitest'
import type { Text2LiveError } from '../../src/errors.js'
import { readClip } from '../../src/media/node/readClip.js'
import { writeClip } from '../../src/media/node/writeClip.js'
import { entrySchema, updateSchema } from '../../src/serve/apiSchemas.js'
import type { HostUpdate, NamedFile, NewClipRun, RunEntry } from '../../src/session/runHost.js'
import { paintedFile, videoFiles, videoOutputFiles } from '../../src/session/video/videoFiles.js'
import { ServedHost } from '../../src/studio/hosts/servedHost.js'
import { toySize, writeToyClip, writeToyMask } from '../run/toyVideo.mjs'
import { bearer, startToyStudio, token, until } from './toyStudio.js'

// A clip over HTTP, by the page's client against the real server, with a trainer that needs no models.

const { width, height } = toySize
const frames = 6
let clip: NamedFile
let mask: NamedFile
const ends: (() => unknown)[] = []

beforeAll(async () => {
  const home = await mkdtemp(join(tmpdir(), 'text2live-served-clip-'))
  await writeToyClip(join(home, 'frames'), frames)
  const { frames: pictures, timing } = await readClip(join(home, 'frames'))
  const path = join(home, 'square.mp4')
  await writeClip(path, { format: 'mp4', width, height, timing, frames: pictures.pixels })
  await writeToyMask(join(home, 'mask.png'), 1)
  clip = { name: 'square.mp4', bytes: new Uint8Array(await readFile(path)) }
  mask = { name: '00001.png', bytes: new Uint8Array(await readFile(join(home, 'mask.png'))) }
  await rm(home, { recursive: true })
}, 60_000)

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

const asked = (more: Partial<NewClipRun['options']> = {}): NewClipRun => ({
  kind: 'clip',
  options: {
    prompt: 'golden square',
    source: 'square',
    preset: 'preview',
    size: 0,
    steps: 3,
    previewEvery: 1,
    seed: 3,
    device: 'cpu',
    ...more,
  },
  clip,
  object: [mask],
  mask: null,
})

async function watched(delay = 0) {
  const studio = await startToyStudio({ delay })
  const host = new ServedHost({ base: studio.base, token })
  const updates: HostUpdate[] = []
  ends.push(async () => {
    await studio.close()
    expect(studio.faults).toEqual([])
  })
  ends.push(host.watch((update) => updates.push(update)))
  const run = (name: string): RunEntry | undefined =>
    updates.findLast((update) => update.type === 'runs')?.runs.find((entry) => entry.name === name)
  return { studio, host, updates, run }
}

const codeOf = async (work: Promise<unknown>): Promise<string | null> =>
  await work.then(
    () => null,
    (error: unknown) => (error as Text2LiveError).code,
  )

async function framesIn(file: Blob | null, name: string): Promise<Awaited<ReturnType<typeof readClip>>> {
  const folder = await mkdtemp(join(tmpdir(), 'text2live-served-clip-'))
  ends.push(() => rm(folder, { recursive: true }))
  const path = join(folder, name)
  await writeFile(path, Buffer.from(await file!.arrayBuffer()))
  return await readClip(path)
}

test('a clip is submitted, followed through its stages, fetched, painted on, taken as a zip and brought again', async () => {
  const { studio, host, updates, run } = await watched()
  const name = await host.submit(asked())
  expect(name).toBe('square-1')
  await until(() => run(name)?.state === 'finished', 'the clip is edited', 60)
  expect(run(name)).toMatchObject({
    kind: 'clip',
    title: 'golden square',
    step: 3,
    error: null,
    thumbnail: 'previews/foreground-step-000002.png',
    settings: { clip: 'clip.mp4', object: 'object/00001.png', steps: 3 },
  })
  entrySchema.parse(await (await fetch(`${studio.base}/runs/${name}`, { headers: bearer })).json())
  for (const update of updates) updateSchema.parse(JSON.parse(JSON.stringify(update)))
  const events = updates.flatMap((update) => (update.type === 'event' && update.run === name ? [update.event] : []))
  expect(events.flatMap((event) => (event.type === 'stage-done' ? [event.stage] : []))).toEqual([
    'flow',
    'masks',
    'atlas',
    'training',
    'rendering',
    'metrics',
  ])
  const edited = await framesIn(await host.file(name, videoOutputFiles.edited), 'edited.mp4')
  expect(edited.frames).toMatchObject({ width, height })
  expect(edited.frames.pixels).toHaveLength(frames)
  const layer = await framesIn(await host.file(name, videoOutputFiles.editLayer), 'edit-layer.webm')
  expect(layer.alphas).toHaveLength(frames)
  const files = await host.files(name)
  expect(files).toEqual(
    expect.arrayContaining([
      'config.yaml',
      'clip.mp4',
      'object/00001.png',
      'edit-layer/00005.png',
      'atlas.safetensors',
    ]),
  )
  for (const file of files) expect((await host.file(name, file))!.size, file).toBeGreaterThan(0)
  expect(await host.file(name, 'masks/../../secret.txt')).toBeNull()

  const { width: across, height: down } = await sharp(
    Buffer.from(await (await host.file(name, videoOutputFiles.foregroundAtlas))!.arrayBuffer()),
  ).metadata()
  const paint = async (side: { width: number; height: number }): Promise<Uint8Array> =>
    new Uint8Array(
      await sharp({ create: { ...side, channels: 4, background: '#00ff00' } })
        .png()
        .toBuffer(),
    )
  expect(await codeOf(host.paint(name, 'foreground', await paint({ width: 7, height: 7 })))).toBe('LAYER_UNSUPPORTED')
  await host.paint(name, 'foreground', await paint({ width: across, height: down }))
  const painted = `${videoFiles.painted}/${videoOutputFiles.edited}`
  await until(
    () =>
      updates.some(
        (update) =>
          update.type === 'event' && update.event.type === 'output' && update.event.path?.endsWith(painted) === true,
      ),
    'the painted clip is written',
    60,
  )
  await until(() => run(name)?.state === 'finished', 'the run is as it was')
  // In the middle of the square there is nothing but paint.
  const at = 3 * (32 * width + 44)
  const [green, before] = [
    (await framesIn(await host.file(name, painted), 'painted.mp4')).frames.pixels[2]!,
    edited.frames.pixels[2]!,
  ]
  expect([...green.subarray(at, at + 3)].map((value) => value > 127)).toEqual([false, true, false])
  expect([...before.subarray(at, at + 3)].map((value) => value > 127)).not.toEqual([false, true, false])

  const zip = await host.zip(name)
  const brought = await host.bring(new File([zip], 'square-1.zip'))
  await until(() => run(brought)?.state === 'finished', 'it is there, finished as it was')
  expect(await host.files(brought)).toEqual(await host.files(name))
  expect(await host.file(brought, paintedFile('foreground'))).not.toBeNull()
}, 120_000)

test('a clip is held, let go and given more steps; one that is stopped goes on; another takes its atlas; what a clip does not do is refused by code', async () => {
  const { host, updates, run } = await watched(200)
  const name = await host.submit(asked({ steps: 40 }))
  const step = (): boolean => updates.some((update) => update.type === 'event' && update.event.type === 'step')
  await until(step, 'it trains', 60)
  expect(run(name)).toMatchObject({ state: 'running', stage: 'training' })
  await host.ask(name, { do: 'pause' })
  await until(() => run(name)?.state === 'paused', 'it is held')
  await host.ask(name, { do: 'steps', steps: 50 })
  await until(() => run(name)?.settings.steps === 50, 'it has more to do')
  await host.ask(name, { do: 'go' })
  await until(() => run(name)?.state === 'running', 'it goes on')
  expect(await codeOf(host.paint(name, 'foreground', mask.bytes))).toBe('OPTION_INVALID')
  await host.ask(name, { do: 'rename', title: 'the square' })
  await host.ask(name, { do: 'stop' })
  await until(() => run(name)?.state === 'stopped', 'it is stopped')
  expect(run(name)!.step).toBeGreaterThan(0)
  const other = await host.submit(asked({ atlas: name }))
  await until(() => run(other)?.state === 'finished', 'the other is edited on its atlas', 60)
  const stages = updates.flatMap((update) =>
    update.type === 'event' && update.run === other && update.event.type === 'stage-start' ? [update.event.stage] : [],
  )
  expect(stages).not.toContain('atlas')
  await host.ask(name, { do: 'go' })
  await until(() => run(name)?.state === 'running' && run(name)!.step > 3, 'it goes on', 60)
  await host.ask(name, { do: 'delete' })
  await until(() => run(name) === undefined, 'it is deleted')
  expect(await codeOf(host.submit(asked({ prompt: null })))).toBe('PROMPT_EMPTY')
  expect(await codeOf(host.submit(asked({ atlas: '../elsewhere' })))).toBe('RUN_NOT_FOUND')
  expect(await codeOf(host.submit({ ...asked(), clip: { name: 'x.mp4', bytes: new Uint8Array(100) } }))).toMatch(
    /^CLIP_/,
  )
  expect(await codeOf(host.submit({ ...asked(), object: [{ name: '00099.jpg', bytes: new Uint8Array(9) }] }))).toMatch(
    /^(INPUT|MASK)_/,
  )
}, 120_000)

test('a clip stands on others of the server: on their atlas, with copies of their edits, which its zip takes along', async () => {
  const { host, run } = await watched()
  const lower = await host.submit(asked())
  await until(() => run(lower)?.state === 'finished', 'the lower one is edited', 60)
  const upper = await host.submit({ ...asked({ prompt: 'snow', seed: 4 }), over: [lower] })
  await until(() => run(upper)?.state === 'finished', 'the upper one is edited', 60)
  expect(run(upper)).toMatchObject({ over: [lower], error: null, settings: { over: ['below-1'], atlas: lower } })
  const bytesOf = async (name: string, file: string): Promise<Buffer> =>
    Buffer.from(await (await host.file(name, file))!.arrayBuffer())
  const copy = await bytesOf(upper, 'below-1/foreground.png')
  expect(copy.equals(await bytesOf(lower, videoOutputFiles.foregroundEdit))).toBe(true)
  expect((await bytesOf(upper, videoFiles.atlas)).equals(await bytesOf(lower, videoFiles.atlas))).toBe(true)

  const brought = await host.bring(new File([await host.zip(upper)], 'square-2.zip'))
  await until(() => run(brought)?.state === 'finished', 'it is there, finished as it was')
  expect(run(brought)!.over).toEqual([lower])
  expect(await host.files(brought)).toEqual(await host.files(upper))
  await host.ask(brought, { do: 'steps', steps: 4 })
  await until(() => run(brought)?.state === 'finished' && run(brought)!.step === 4, 'it goes on over its copies', 60)

  const shorter = { ...asked({ frames: 5 }), over: [lower] }
  expect(await codeOf(host.submit(shorter))).toBe('ATLAS_MISMATCH')
  expect(await codeOf(host.submit({ ...asked({ atlas: 'fast' }), over: [lower] }))).toBe('OPTION_INVALID')
  expect(await codeOf(host.submit({ ...asked(), over: ['../elsewhere'] }))).toBe('RUN_NOT_FOUND')
}, 120_000)
