import { spawn } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { readSafetensors, writeSafetensors } from '../../src/formats/safetensors.js'
import { readClip } from '../../src/media/node/readClip.js'
import { writePsdLayers } from '../../src/media/writePsdLayers.js'
import { pixelImage } from '../../src/media/quantise.js'
import type { GivenVideoOptions } from '../../src/options/videoOptions.js'
import { readLog } from '../../src/run/eventLog.js'
import { clipEvents, eventSchema } from '../../src/session/eventTable.js'
import { metricsSchema } from '../../src/session/video/metricsStage.js'
import type { VideoEvent } from '../../src/session/videoEvents.js'
import { videoJobOf } from '../../src/run/video/videoJob.js'
import { computed, heldAt, job, moment, run } from './toyVideoRuns.js'
import { toySize, writeToyClip, writeToyMask } from './toyVideo.mjs'

const frames = 6
/** Made once: the clip, its mask, and an atlas fitted to it. */
let home: string
/** Of one test. */
let work: string
const at = (...names: string[]): string => join(work, ...names)
const clip = () => join(home, 'clip')
const mask = () => join(home, 'mask', '00000.png')

const fit = (out: string): GivenVideoOptions => ({
  clip: clip(),
  object: mask(),
  size: 0,
  seed: 3,
  device: 'cpu',
  threads: 1,
  out,
})
const basics = (): GivenVideoOptions => ({
  ...fit(at('run')),
  prompt: 'golden square',
  source: 'square',
  steps: 4,
  previewEvery: 2,
  atlas: join(home, 'atlas'),
})

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'text2live-clip-'))
  mkdirSync(join(home, 'mask'))
  await writeToyClip(clip(), frames)
  await writeToyMask(mask())
  await run(fit(join(home, 'atlas')), 'atlas')
}, 600_000)
afterAll(() => rmSync(home, { recursive: true, force: true }))
beforeEach(() => {
  work = mkdtempSync(join(home, 'work-'))
})

async function failureOf(doing: Promise<unknown>): Promise<string> {
  try {
    await doing
  } catch (error) {
    return `${(error as { code: string }).code}: ${(error as Error).message.replaceAll(home, '~')}`
  }
  return 'no error'
}

test('a run leaves every file that it promises, and tells each stage', async () => {
  const { events, result } = await run(basics())
  expect(readdirSync(at('run')).sort()).toEqual([
    'atlas.safetensors',
    'background-atlas.png',
    'checkpoints',
    'clip',
    'config.yaml',
    'edit-layer',
    'edit-layer.mov',
    'edit-layer.webm',
    'edited.mp4',
    'events.ndjson',
    'foreground-atlas.png',
    'foreground-atlas.psd',
    'foreground-edit.png',
    'losses.svg',
    'metrics.json',
    'object',
    'previews',
    'side-by-side.mp4',
  ])
  expect(readdirSync(at('run', 'checkpoints')).sort()).toEqual([
    'edit-foreground.safetensors',
    'training-foreground.safetensors',
  ])
  for (const name of ['edited.mp4', 'edit-layer.webm', 'edit-layer.mov']) {
    const { frames: written, timing } = await readClip(at('run', name))
    expect([name, written.width, written.height, written.pixels.length, timing.timestamps[5]!.toFixed(2)]).toEqual([
      name,
      96,
      64,
      frames,
      '0.21',
    ])
  }
  expect((await readClip(at('run', 'side-by-side.mp4'))).frames.width).toBe(192)
  expect(readdirSync(at('run', 'edit-layer'))).toEqual(readdirSync(clip()))
  expect((await sharp(at('run', 'edit-layer', '00003.png')).metadata()).channels).toBe(4)
  expect(events.flatMap((event) => (event.type === 'stage-done' ? [event.stage] : []))).toEqual([
    'clip',
    'atlas',
    'training',
    'rendering',
    'flow',
    'metrics',
  ])
  expect(events.at(-1)).toMatchObject({ type: 'done', folder: at('run') })
  for (const event of readLog(at('run', 'events.ndjson')))
    expect(eventSchema(clipEvents).safeParse(event).error, JSON.stringify(event)).toBeUndefined()
  const metrics = JSON.parse(readFileSync(at('run', 'metrics.json'), 'utf8')) as object
  expect(Object.keys(metrics).filter((name) => !Object.hasOwn(metricsSchema.shape, name))).toEqual([])
  expect(metricsSchema.safeParse(metrics).error).toBeUndefined()
  expect(result).toMatchObject({
    finished: true,
    metrics: { alpha_inside: expect.any(Number) as number, opacity_iou: expect.any(Number) as number },
  })
})

test('reading the clip is told while it lasts: of a new run, one that goes on, one that is rendered again, and of an atlas', async () => {
  const stopped = await run({ ...basics(), steps: 2 }, 'edit', {}, (event) => event.type === 'step')
  expect(stopped.events[0]).toEqual({ type: 'stage-start', stage: 'clip' })
  const told = [
    stopped,
    await run({ resume: at('run') }),
    await job({ kind: 'render', run: at('run') }),
    await job({ kind: 'atlas-inspect', atlas: join(home, 'atlas'), options: {}, out: at('look'), force: false }),
  ].map(({ events }) =>
    events.flatMap((event) => (event.type === 'progress' && event.stage === 'clip' ? [[event.done, event.total]] : [])),
  )
  for (const progress of told) {
    expect(progress[0]).toEqual([0, frames])
    expect(progress.at(-1)).toEqual([frames, frames])
    expect(progress.map(([done]) => done)).toEqual(progress.map(([done]) => done).sort((a, b) => a! - b!))
  }
})

test('the edit stays on the object, and the frames around it as they were', async () => {
  await run(basics())
  const [before, after] = [await readClip(clip()), await readClip(at('run', 'edited.mp4'))]
  const change = (t: number, x: number, y: number): number =>
    [0, 1, 2].reduce((sum, c) => {
      const i = 3 * (y * toySize.width + x) + c
      return sum + Math.abs(before.frames.pixels[t]![i]! - after.frames.pixels[t]![i]!)
    }, 0)
  expect(change(5, 4, 4)).toBeLessThan(20)
  expect(change(5, 50, 30)).toBeGreaterThan(30)
})

test.each([
  ['masks', (event: VideoEvent) => event.type === 'stage-start' && event.stage === 'masks'],
  ['atlas', (event: VideoEvent) => event.type === 'checkpoint' && event.stage === 'atlas' && event.step === 2],
] as const)(
  'a fit that is stopped in the stage %s keeps what it has and goes on bit for bit',
  async (stage, moment) => {
    const stopped = await run(fit(at('run')), 'atlas', {}, moment)
    expect(stopped.result.finished).toBe(false)
    expect(stopped.events.at(-1)).toMatchObject({ type: 'interrupted', stage, folder: at('run') })
    expect((await run({ resume: at('run') }, 'atlas')).result.finished).toBe(true)
    expect(await computed(at('run'))).toEqual(await computed(join(home, 'atlas')))
  },
)

test('a fit that an earlier version began is made from its beginning, and says so', async () => {
  await run(fit(at('run')), 'atlas', {}, (event) => event.type === 'checkpoint' && event.stage === 'atlas')
  const path = at('run', 'checkpoints', 'atlas.safetensors')
  const { tensors, metadata } = readSafetensors(readFileSync(path))
  const earlier = new Map([...tensors].filter(([name]) => name !== 'schedule'))
  expect(earlier.size).toBe(tensors.size - 1)
  writeFileSync(path, writeSafetensors(earlier, metadata))
  const { events } = await run({ resume: at('run') }, 'atlas')
  expect(events.flatMap((event) => (event.type === 'warning' ? [event.message] : []))).toEqual([
    expect.stringMatching(/^the atlas is fitted from its beginning: its checkpoint is of an earlier version/),
  ])
  expect(await computed(at('run'))).toEqual(await computed(join(home, 'atlas')))
})

test('a fit that is stopped in its flow keeps the part that it has and goes on bit for bit', async () => {
  // The flow is kept in parts of eight pairs of frames.
  await writeToyClip(at('long'), 10)
  const long = (out: string): GivenVideoOptions => ({ ...fit(at(out)), clip: at('long') })
  const flowIsDone = (event: VideoEvent): boolean => event.type === 'stage-start' && event.stage === 'masks'
  await run(long('whole'), 'atlas', {}, flowIsDone)
  const stopped = await run(long('run'), 'atlas', {}, (event) => event.type === 'checkpoint')
  expect(stopped.events.at(-1)).toMatchObject({ type: 'interrupted', stage: 'flow', folder: at('run') })
  const parts = (out: string): string[] => readdirSync(at(out, 'checkpoints'))
  const [first] = parts('run')
  expect(parts('run')).toEqual([first])
  const { mtimeMs } = statSync(at('run', 'checkpoints', first!))
  await run({ resume: at('run') }, 'atlas', {}, flowIsDone)
  expect(statSync(at('run', 'checkpoints', first!)).mtimeMs).toBe(mtimeMs)
  expect(parts('run')).toHaveLength(2)
  for (const name of parts('whole'))
    expect(
      readFileSync(at('run', 'checkpoints', name)).equals(readFileSync(at('whole', 'checkpoints', name))),
      name,
    ).toBe(true)
})

test('a fit that is held at its checkpoints goes on bit for bit', async () => {
  const events = await heldAt(['checkpoint flow', 'checkpoint atlas'], fit(at('run')), 'atlas')
  expect(events.filter(({ type }) => type === 'paused').map(moment)).toEqual(['paused flow', 'paused atlas'])
  expect(await computed(at('run'))).toEqual(await computed(join(home, 'atlas')))
})

test('a run that is stopped keeps what it has and goes on bit for bit, in training, rendering and measuring', async () => {
  await run({ ...basics(), layer: 'both', out: at('whole') })
  const moments: Readonly<Record<string, (event: VideoEvent) => boolean>> = {
    training: (event) => event.type === 'step' && event.layer === 'background' && event.step === 3,
    rendering: (event) => event.type === 'progress' && event.stage === 'rendering',
    metrics: (event) => event.type === 'progress' && event.stage === 'metrics',
  }
  for (const [stage, moment] of Object.entries(moments)) {
    const stopped = await run({ ...basics(), layer: 'both', out: at(stage) }, 'edit', {}, moment)
    expect(stopped.events.at(-1)).toMatchObject({ type: 'interrupted', stage })
    expect(readdirSync(at(stage)).filter((name) => name.startsWith('.'))).toEqual([])
    expect((await run({ resume: at(stage) })).result.finished).toBe(true)
    expect(await computed(at(stage)), stage).toEqual(await computed(at('whole')))
  }
})

test('kill -9 at any moment leaves a folder that resumes to the same files', async () => {
  await run({ ...basics(), out: at('whole') })
  const wholes = { edit: await computed(at('whole')), atlas: await computed(join(home, 'atlas')) }
  const moments = [
    ['atlas', 'checkpoint flow'],
    ['atlas', 'stage-start masks'],
    ['atlas', 'checkpoint masks'],
    ['atlas', 'checkpoint atlas 2'],
    ['edit', 'run-start'],
    ['edit', 'stage-start atlas'],
    ['edit', 'step foreground 2'],
    ['edit', 'checkpoint training'],
    ['edit', 'progress rendering'],
    ['edit', 'output'],
    ['edit', 'stage-done rendering'],
    ['edit', 'progress metrics'],
  ] as const
  for (const [goal, moment] of moments) {
    const out = at(`killed-${moment.replaceAll(' ', '-')}`)
    const options = goal === 'atlas' ? fit(out) : { ...basics(), out }
    const child = spawn(process.execPath, [
      fileURLToPath(new URL('./toyVideoRun.mjs', import.meta.url)),
      JSON.stringify(videoJobOf(options, goal)),
      '15',
    ])
    let told = ''
    const signal = await new Promise((resolve) => {
      child.stdout.on('data', (data: Buffer) => {
        told += data.toString()
        if (told.includes(moment)) child.kill('SIGKILL')
      })
      child.on('exit', (_, by) => resolve(by))
    })
    expect(signal, told).toBe('SIGKILL')
    expect((await run({ resume: out }, goal)).result.finished, moment).toBe(true)
    expect(await computed(out), moment).toEqual(wholes[goal])
    expect(
      (readdirSync(out, { recursive: true }) as string[]).filter((name) => /(^|[/\\])\./.test(name)),
      moment,
    ).toEqual([])
    expect(
      readdirSync(work).filter((name) => name.startsWith('.')),
      moment,
    ).toEqual([])
  }
}, 600_000)

test('resuming a finished run says so and changes nothing; more steps are trained as if asked for at once', async () => {
  await run({ ...basics(), out: at('six'), steps: 6, bootstrapSteps: 4 })
  await run({ ...basics(), bootstrapSteps: 4 })
  const before = await computed(at('run'))
  expect((await run({ resume: at('run') })).events).toEqual([
    { type: 'done', seconds: 0, folder: at('run'), already: true },
  ])
  expect(await computed(at('run'))).toEqual(before)
  const { previews: _, ...whole } = await computed(at('six'))
  const { types } = await run({ resume: at('run'), steps: 6 })
  expect(types).toContain('resumed')
  expect(
    Object.fromEntries(Object.entries(await computed(at('run'))).filter(([name]) => !name.includes('training'))),
  ).toEqual(
    Object.fromEntries(
      Object.entries(whole).filter(
        ([name]) => !name.includes('training') && name !== 'previews/foreground-step-000004.png',
      ),
    ),
  )
})

test('render writes the state that a stopped training has reached, and resuming still finishes it', async () => {
  await run({ ...basics(), out: at('whole') })
  await run(basics(), 'edit', {}, (event) => event.type === 'step' && event.step === 2)
  expect(existsSync(at('run', 'edited.mp4'))).toBe(false)
  const { result } = await job({ kind: 'render', run: at('run') })
  expect(result).toMatchObject({ finished: false, folder: at('run') })
  expect(existsSync(at('run', 'edited.mp4'))).toBe(true)
  await run({ resume: at('run') })
  expect(await computed(at('run'))).toEqual(await computed(at('whole')))
})

test('an existing folder is never overwritten without force; force replaces the run and keeps what is not ours', async () => {
  await run(basics())
  const before = await computed(at('run'))
  expect(await failureOf(run({ ...basics(), seed: 4 }))).toMatch(
    /^OUTPUT_EXISTS: .*run exists already and a run folder is never overwritten/,
  )
  expect(await computed(at('run'))).toEqual(before)
  writeFileSync(at('run', 'notes.txt'), 'mine')
  await run({ ...basics(), seed: 4, force: true })
  await run({ ...basics(), seed: 4, out: at('four') })
  expect(await computed(at('run'))).toEqual(await computed(at('four')))
  expect(readFileSync(at('run', 'notes.txt'), 'utf8')).toBe('mine')
})

test('bad input is refused with a code and leaves nothing behind', async () => {
  await writeToyClip(at('two'), 2)
  cpSync(clip(), at('odd'), { recursive: true })
  writeFileSync(
    at('odd', '00004.png'),
    await sharp({ create: { width: 50, height: 64, channels: 3, background: 'red' } })
      .png()
      .toBuffer(),
  )
  writeFileSync(
    at('small.png'),
    await sharp({ create: { width: 20, height: 20, channels: 3, background: 'white' } })
      .png()
      .toBuffer(),
  )
  writeFileSync(
    at('black.png'),
    await sharp({ create: { ...toySize, channels: 3, background: 'black' } })
      .png()
      .toBuffer(),
  )
  const given = readdirSync(work)
  const codes = await Promise.all(
    [
      { clip: at('gone.mp4') },
      { clip: null },
      { clip: at('two') },
      { clip: at('odd') },
      { object: at('gone.png') },
      { object: at('small.png') },
      { object: at('black.png') },
      { mask: at('small.png') },
      { prompt: [] },
      { atlas: at('gone') },
      { frames: 5 },
      { steps: 0 },
      { point: '9,x' },
      { point: '96,3' },
      { config: [at('gone.yaml')] },
    ].map(async (wrong) => (await failureOf(run({ ...basics(), ...wrong }))).split(':')[0]),
  )
  expect(codes).toEqual([
    'INPUT_NOT_FOUND',
    'INPUT_NOT_FOUND',
    'CLIP_TOO_SHORT',
    'CLIP_SIZES_DIFFER',
    'INPUT_NOT_FOUND',
    'MASK_INVALID',
    'MASK_INVALID',
    'MASK_INVALID',
    'PROMPT_EMPTY',
    'INPUT_NOT_FOUND',
    'ATLAS_MISMATCH',
    'OPTION_INVALID',
    'OPTION_INVALID',
    'OPTION_INVALID',
    'CONFIG_INVALID',
  ])
  expect(readdirSync(work)).toEqual(given)
})

test('a loss that is not finite ends the run with the step; the folder goes on from before it', async () => {
  await run({ ...basics(), out: at('whole') })
  expect(await failureOf(run(basics(), 'edit', { nanAt: 3 }))).toMatch(
    /^LOSS_NOT_FINITE: At step 3 the total loss of the foreground became NaN/,
  )
  expect(readLog(at('run', 'events.ndjson')).at(-1)).toMatchObject({ type: 'error', code: 'LOSS_NOT_FINITE' })
  await run({ resume: at('run') })
  expect(await computed(at('run'))).toEqual(await computed(at('whole')))
})

test('a run is continued with the settings and the clip it was started with', async () => {
  await run(basics(), 'edit', {}, (event) => event.type === 'step' && event.step === 2)
  expect(await failureOf(run({ resume: at('run'), prompt: 'other' }))).toMatch(
    /^OPTION_INVALID: A run is continued with the prompt it was started with/,
  )
  writeFileSync(at('run', 'clip', '00002.png'), readFileSync(join(clip(), '00003.png')))
  expect(await failureOf(run({ resume: at('run') }))).toMatch(
    /^CHECKPOINT_MISMATCH: .*These differ: the clip or its masks/,
  )
})

test('an atlas is inspected and painted', async () => {
  const used = { atlas: join(home, 'atlas'), options: { device: 'cpu', threads: 1 }, force: false } as const
  await job({ kind: 'atlas-inspect', out: at('look'), ...used })
  expect(readdirSync(at('look'))).toEqual([
    'background-atlas.png',
    'checkerboard.mp4',
    'foreground-atlas.png',
    'opacity.mp4',
    'quality.json',
    'reconstruction.mp4',
  ])
  expect(
    (JSON.parse(readFileSync(at('look', 'quality.json'), 'utf8')) as { psnr_per_frame: number[] }).psnr_per_frame,
  ).toHaveLength(frames)
  const { width, height } = await sharp(at('look', 'foreground-atlas.png')).metadata()
  await sharp({ create: { width, height, channels: 4, background: { r: 255, g: 0, b: 0, alpha: 1 } } })
    .png()
    .toFile(at('red.png'))
  await job({ kind: 'atlas-render', out: at('painted'), painted: { foreground: at('red.png') }, ...used })
  const painted = (await readClip(at('painted', 'edited.mp4'))).frames
  const centre = 3 * (32 * toySize.width + 50)
  expect([...painted.pixels[5]!.subarray(centre, centre + 3)].map((value) => value > 128)).toEqual([true, false, false])
  // The same as an artist leaves it: on a new layer, the edit layer hidden, the base renamed.
  const image = pixelImage(
    width,
    height,
    3,
    Uint8Array.from(await sharp(at('look', 'foreground-atlas.png')).removeAlpha().raw().toBuffer()),
  )
  const red = pixelImage(
    width,
    height,
    4,
    Uint8Array.from({ length: 4 * width * height }, (_, i) => (i % 4 === 0 || i % 4 === 3 ? 255 : 0)),
  )
  writeFileSync(
    at('red.psd'),
    writePsdLayers(image, [
      { name: 'Background', image },
      { name: 'edit layer', image: red, hidden: true },
      { name: 'Layer 1', image: red },
    ]),
  )
  const { events } = await job({
    kind: 'atlas-render',
    out: at('layers'),
    painted: { foreground: at('red.psd') },
    ...used,
  })
  expect(events.flatMap((event) => (event.type === 'note' ? [event.message.replaceAll(work, '~')] : []))).toEqual([
    'The layer "Background" of "~/red.psd" is the atlas image as it was, and stands for the clip.',
    'The paint in "~/red.psd" covers all of the picture: nothing of the clip shows through.',
  ])
  expect((await readClip(at('layers', 'edited.mp4'))).frames.pixels).toEqual(painted.pixels)
  expect(
    await failureOf(job({ kind: 'atlas-render', out: at('painted'), painted: { foreground: at('red.png') }, ...used })),
  ).toMatch(/^OUTPUT_EXISTS/)
  expect(await failureOf(job({ kind: 'atlas-render', out: at('none'), painted: {}, ...used }))).toMatch(
    /^OPTION_INVALID/,
  )
  expect(
    await failureOf(job({ kind: 'atlas-render', out: at('none'), painted: { background: at('red.png') }, ...used })),
  ).toMatch(/^SHAPE_MISMATCH/)
})
