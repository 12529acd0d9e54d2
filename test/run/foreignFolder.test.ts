import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { execFileSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { float32Tensor, readSafetensors, writeSafetensors } from '../../src/formats/safetensors.js'
import { imageJobOf, type ImageOptions } from '../../src/run/imageJob.js'
import { runImageJob } from '../../src/run/runImageJob.js'
import { renderRun } from '../../src/run/renderRun.js'
import { scoreHere } from '../../src/run/scoreRun.js'
import { runVideoJob } from '../../src/run/video/runVideoJob.js'
import { videoJobOf, type ClipJob } from '../../src/run/video/videoJob.js'
import { toyTrainer } from './toyTrainer.mjs'
import { toyVideoTrainer, writeToyClip, writeToyMask } from './toyVideo.mjs'
import { toyPhoto } from '../support/toyPhoto.js'

/** Made once: finished runs that are copied, as if somebody had sent them. */
let home: string
/** Of one test: `sent` is the run, `secret` and `letters/` what is not to be read or written. */
let work: string
const at = (...names: string[]): string => join(work, ...names)
const signal = new AbortController().signal

const image = (options: ImageOptions) =>
  runImageJob(imageJobOf(options, false), { open: toyTrainer(), signal }, () => undefined)
const render = () => renderRun(at('sent'), { open: toyTrainer(), signal }, () => undefined)
const score = (run: string) => scoreHere({ kind: 'score', run, options: {} })
const video = (job: ClipJob) =>
  runVideoJob(job, { openTrainer: toyVideoTrainer(), checkTexts: () => Promise.resolve(), signal }, () => undefined)
const painted = () =>
  ({
    kind: 'atlas-inspect',
    atlas: at('sent'),
    options: { device: 'cpu', threads: 1 },
    out: null,
    force: true,
  }) as const

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'text2live-foreign-'))
  writeFileSync(join(home, 'bowl.png'), await toyPhoto())
  const basics = {
    photo: join(home, 'bowl.png'),
    mask: join(home, 'bowl.png'),
    prompt: 'golden bowl',
    source: 'bowl',
    size: 192,
    steps: 3,
    seed: 3,
    device: 'cpu',
    previewEvery: 2,
  } as const
  await image({ ...basics, out: join(home, 'image') })
  await image({ ...basics, seeds: 2, out: join(home, 'seeds') })
  await writeToyClip(join(home, 'clip'), 6)
  await writeToyMask(join(home, '00000.png'))
  await video(
    videoJobOf(
      {
        clip: join(home, 'clip'),
        object: join(home, '00000.png'),
        prompt: 'gold',
        source: 'square',
        size: 0,
        steps: 2,
        previewEvery: 1,
        seed: 3,
        device: 'cpu',
        threads: 1,
        out: join(home, 'video'),
      },
      'edit',
    ),
  )
}, 600_000)
afterAll(() => rmSync(home, { recursive: true, force: true }))
beforeEach(() => {
  work = mkdtempSync(join(home, 'work-'))
  writeFileSync(at('secret'), 'mine')
  mkdirSync(at('letters'))
  writeFileSync(at('letters', 'dear'), 'mine')
})

const send = (kind: 'image' | 'seeds' | 'video'): void => cpSync(join(home, kind), at('sent'), { recursive: true })

async function failureOf(doing: Promise<unknown>): Promise<string> {
  try {
    await doing
  } catch (error) {
    return `${(error as { code?: string }).code}: ${(error as Error).message.replaceAll(work, '~')}`
  }
  return 'no error'
}

/** Nothing of the user's was changed. */
function expectUntouched(): void {
  expect(readdirSync(work).sort()).toEqual(['letters', 'secret', 'sent'])
  expect(readFileSync(at('secret'), 'utf8')).toBe('mine')
  expect(readdirSync(at('letters'))).toEqual(['dear'])
  expect(readFileSync(at('letters', 'dear'), 'utf8')).toBe('mine')
}

/**
 * A link in place of what the run holds: to a file like it that is the user's, so that only the link can be what is
 * refused.
 */
function plant(name: string): void {
  const [path, away] = [at('sent', name), at('sent', `away-${name.replaceAll('/', '-')}`)]
  if (existsSync(path)) renameSync(path, away)
  const target = existsSync(away) ? away : at('secret')
  symlinkSync(target, path)
}

const says = (name: string) =>
  expect.stringMatching(new RegExp(`^RUN_INVALID: "~/sent/${name}" is a symbolic link\\.`)) as string

test.each([
  'config.yaml',
  'events.ndjson',
  'checkpoint.safetensors',
  'photo.png',
  'mask.png',
  'previews',
  'previews/step-000002.png',
  '.lock',
])("a link at %s of a photo's run is named and neither read nor written through", async (name) => {
  send('image')
  plant(name)
  for (const doing of [() => image({ resume: at('sent'), steps: 5 }), render, () => score(at('sent'))])
    expect(await failureOf(doing())).toEqual(says(name))
  expectUntouched()
})

test('a link at an output is not read through, and replaced when it is written', async () => {
  send('image')
  rmSync(at('sent', 'composite.png'))
  symlinkSync(at('secret'), at('sent', 'composite.png'))
  expect(await failureOf(score(at('sent')))).toEqual(says('composite.png'))
  expect(await failureOf(image({ resume: at('sent') }))).toEqual(says('composite.png'))
  await render()
  expect(lstatSync(at('sent', 'composite.png')).isFile()).toBe(true)
  expectUntouched()
})

test('a dangling link makes nothing where it points', async () => {
  send('image')
  rmSync(at('sent', 'events.ndjson'))
  symlinkSync(at('letters', 'new'), at('sent', 'events.ndjson'))
  expect(await failureOf(image({ resume: at('sent'), steps: 5 }))).toEqual(says('events.ndjson'))
  expectUntouched()
})

test('a link at the folder of a variation is named', async () => {
  send('seeds')
  plant('seed-4')
  for (const doing of [() => image({ resume: at('sent'), steps: 5 }), render, () => score(at('sent'))])
    expect(await failureOf(doing())).toEqual(says('seed-4'))
  expectUntouched()
})

test.each([
  'config.yaml',
  'events.ndjson',
  'atlas.safetensors',
  'checkpoints',
  'checkpoints/training-foreground.safetensors',
  'masks',
  'previews',
  'clip',
  'clip/00002.png',
  'object',
  'object/00000.png',
  'below-1',
  '.lock',
])("a link at %s of a clip's run is named and neither read nor written through", async (name) => {
  send('video')
  plant(name)
  const jobs = [
    videoJobOf({ resume: at('sent'), steps: 3 }, 'edit'),
    { kind: 'render', run: at('sent') } as const,
    painted(),
  ]
  for (const job of jobs) expect(await failureOf(video(job)), job.kind).toEqual(says(name))
  expectUntouched()
})

test('a link at the folder that an atlas is looked at in, and at the atlas of another run, is named', async () => {
  send('video')
  symlinkSync(at('letters'), at('sent', 'inspect'))
  expect(await failureOf(video(painted()))).toEqual(says('inspect'))
  plant('atlas.safetensors')
  const options = {
    clip: join(home, 'clip'),
    prompt: 'gold',
    size: 0,
    steps: 2,
    seed: 3,
    device: 'cpu',
    threads: 1,
    atlas: at('sent'),
    out: at('new'),
  } as const
  expect(await failureOf(video(videoJobOf(options, 'edit')))).toEqual(says('atlas.safetensors'))
  expectUntouched()
})

test("a clip's rendering replaces links at its outputs, of files and of folders", async () => {
  send('video')
  for (const name of ['edited.mp4', 'edit-layer', 'metrics.json', 'losses.svg', 'foreground-atlas.psd']) {
    rmSync(at('sent', name), { recursive: true })
    symlinkSync(name === 'edit-layer' ? at('letters') : at('secret'), at('sent', name))
  }
  await video({ kind: 'render', run: at('sent') })
  for (const name of ['edited.mp4', 'edit-layer', 'metrics.json', 'losses.svg', 'foreground-atlas.psd'])
    expect(lstatSync(at('sent', name)).isSymbolicLink(), name).toBe(false)
  expectUntouched()
})

test('the run folder itself may be named by a link', async () => {
  send('image')
  symlinkSync(at('sent'), at('named'))
  expect((await image({ resume: at('named'), steps: 4 })).finished).toBe(true)
})

test.skipIf(process.platform === 'win32')('a pipe in place of a file is not waited for', async () => {
  for (const name of ['events.ndjson', 'config.yaml', 'checkpoint.safetensors', 'photo.png']) {
    send('image')
    rmSync(at('sent', name))
    execFileSync('mkfifo', [at('sent', name)])
    expect(await failureOf(image({ resume: at('sent'), steps: 5 })), name).toMatch(
      new RegExp(`^RUN_INVALID: "~/sent/${name}" should be a file of a run`),
    )
    rmSync(at('sent'), { recursive: true })
  }
})

/** Changes lines of the run's config.yaml. */
function configure(changes: Readonly<Record<string, string>>): void {
  const path = at('sent', 'config.yaml')
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => !Object.keys(changes).some((key) => line.startsWith(`${key}:`)))
  writeFileSync(path, [...lines, ...Object.entries(changes).map(([key, value]) => `${key}: ${value}`), ''].join('\n'))
}

test.each([
  '../secret.png',
  '../../bowl.png',
  './previews/../../secret',
  '"/etc/hostname"',
  '.',
  'previews/../../letters/dear',
])('config.yaml that names %s outside is refused, for one variation and several', async (name) => {
  for (const kind of ['image', 'seeds'] as const) {
    send(kind)
    for (const key of ['photo', 'mask']) {
      configure({ photo: 'photo.png', mask: 'mask.png', [key]: name })
      for (const doing of [
        () => image({ resume: at('sent'), steps: 5 }),
        render,
        () => score(at('sent')),
        () => image({ config: [at('sent', 'config.yaml')], out: at('new') }),
      ]) {
        expect(await failureOf(doing()), key).toMatch(
          new RegExp(`^RUN_INVALID: ~/sent/config.yaml names ".*" as its ${key}, which does not lie in the run folder`),
        )
      }
    }
    rmSync(at('sent'), { recursive: true })
  }
  mkdirSync(at('sent'))
  expectUntouched()
})

test("a clip's config.yaml that names what lies outside is refused", async () => {
  send('video')
  for (const [key, name] of [
    ['clip', '../letters'],
    ['object', join(home, '00000.png')],
    ['mask', '../secret'],
  ] as const) {
    configure({ clip: 'clip', object: 'object/00000.png', [key]: name })
    for (const job of [
      videoJobOf({ resume: at('sent'), steps: 3 }, 'edit'),
      { kind: 'render', run: at('sent') } as const,
      painted(),
    ]) {
      expect(await failureOf(video(job)), key).toMatch(
        new RegExp(`^RUN_INVALID: ~/sent/config.yaml names ".*" as its ${key}, which does not lie in the run folder`),
      )
    }
  }
  configure({ clip: 'clip', object: 'object/00000.png', mask: '', atlas: at('letters') })
  for (const name of ['atlas.safetensors', 'checkpoints']) rmSync(at('sent', name), { recursive: true })
  expect(await failureOf(video(videoJobOf({ resume: at('sent') }, 'edit')))).toMatch(
    /^RUN_INVALID: ~\/sent was made with the atlas "~\/letters" and should hold a copy of it/,
  )
  expectUntouched()
})

test("a run's config.yaml given with --config takes the pictures beside it, not those of the working folder", async () => {
  send('image')
  const { settings } = await image({ config: [at('sent', 'config.yaml')], steps: 1 })
  expect(settings).toMatchObject({ prompt: ['golden bowl'], seed: 3, steps: 1 })
  configure({ out: at('letters', 'new') })
  expect(await failureOf(image({ config: [at('sent', 'config.yaml')] }))).toMatch(/^CONFIG_INVALID: .* sets "out"/)
  expectUntouched()
})

/** The checkpoint with other metadata, or another number. */
function checkpoint(path: string, metadata: Readonly<Record<string, string>>, number: number | null = null): void {
  const whole = readSafetensors(readFileSync(path))
  const tensors = new Map(whole.tensors)
  if (number !== null) tensors.set('numbers', float32Tensor([64], new Float32Array(64).fill(number)))
  writeFileSync(path, writeSafetensors(tensors, { ...whole.metadata, ...metadata }))
}

test.each([
  [{ settings: 'null' }, null, 'settings that cannot be read'],
  [{ settings: '[]' }, null, 'settings that cannot be read'],
  [{ settings: '{"a' }, null, 'settings that cannot be read'],
  [{ settings: '{"steps":"many"}' }, null, 'a value that "steps" cannot have'],
  [{ settings: '{"prompt":{"a":1}}' }, null, 'a value that "prompt" cannot have'],
  [{ settings: '{"views":1e9}' }, null, 'a value that "views" cannot have'],
  [{ step: '9'.repeat(400) }, null, `"${'9'.repeat(40)}`],
  [{ step: '-1' }, null, '"-1" as its step'],
  [{}, Number.NaN, 'values of "numbers" that are no finite numbers'],
  [{}, -Infinity, 'values of "numbers" that are no finite numbers'],
])('a checkpoint with %j and %j is refused with a code', async (metadata, number, what) => {
  send('image')
  checkpoint(at('sent', 'checkpoint.safetensors'), metadata, number)
  expect(await failureOf(image({ resume: at('sent'), steps: 5 }))).toContain(
    `CHECKPOINT_INVALID: ~/sent/checkpoint.safetensors holds ${what}`,
  )
  expect(await failureOf(render())).toContain('CHECKPOINT_INVALID: ')
  rmSync(at('sent'), { recursive: true })
  send('video')
  const path = at('sent', 'checkpoints', 'training-foreground.safetensors')
  checkpoint(path, metadata, number)
  expect(await failureOf(video(videoJobOf({ resume: at('sent'), steps: 5 }, 'edit')))).toContain(
    `CHECKPOINT_INVALID: ~/sent/checkpoints/training-foreground.safetensors holds ${what}`,
  )
  expectUntouched()
})

test.each([
  '{"type":"step","step":1,"losses":null}',
  '{"type":"step","step":1,"losses":{"total":"<script>"}}',
  '{"type":"step","step":{},"losses":{}}',
  '{"type":"stage-done","stage":"__proto__","seconds":1,"peakMemory":2}',
])('a log with %s is refused, naming the line', async (line) => {
  for (const kind of ['image', 'video'] as const) {
    send(kind)
    writeFileSync(at('sent', 'events.ndjson'), `{"type":"note"}\n${line}\n`)
    const doing =
      kind === 'image'
        ? image({ resume: at('sent'), steps: 5 })
        : video(videoJobOf({ resume: at('sent'), steps: 5 }, 'edit'))
    expect(await failureOf(doing)).toMatch(
      /^RUN_INVALID: Line 2 of "~\/sent\/events.ndjson" is no event of this program/,
    )
    rmSync(at('sent'), { recursive: true })
  }
})

test("numbers that a clip's run could not have measured are measured again", async () => {
  for (const text of ['null', '{"psnr":"high"}', '{', '']) {
    send('video')
    const right = JSON.parse(readFileSync(at('sent', 'metrics.json'), 'utf8')) as { psnr: number }
    writeFileSync(at('sent', 'metrics.json'), text)
    expect(await video(videoJobOf({ resume: at('sent') }, 'edit'))).toMatchObject({
      finished: true,
      metrics: { psnr: right.psnr },
    })
    rmSync(at('sent'), { recursive: true })
  }
})

test('an atlas of impossible numbers or sizes is refused with a code', async () => {
  send('video')
  const path = at('sent', 'atlas.safetensors')
  const whole = readSafetensors(readFileSync(path))
  const spoilt = (name: string, tensor: ReturnType<typeof float32Tensor>): void =>
    writeFileSync(path, writeSafetensors(new Map([...whole.tensors, [name, tensor]]), whole.metadata))
  const codes: string[] = []
  for (const [name, shape, fill] of [
    ['foreground.place', [3], NaN],
    ['foreground.spacing', [1], 1e-30],
    ['foreground.spacing', [1], 0],
    ['background.lattices', [1, 2, 1, 1], 0],
  ] as const) {
    spoilt(name, float32Tensor(shape, new Float32Array(shape.reduce<number>((a, b) => a * b, 1)).fill(fill)))
    codes.push((await failureOf(video({ kind: 'render', run: at('sent') }))).split(':')[0]!)
  }
  expect(codes).toEqual(['ATLAS_INVALID', 'CHECKPOINT_INVALID', 'CHECKPOINT_INVALID', 'CHECKPOINT_INVALID'])
})
