import { spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
  appendFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { lookIn } from '../../src/run/runFolder.js'
import { loadCheckpoint } from '../../src/session/checkpoint.js'
import { photoCheckpoint } from '../../src/session/trainRun.js'
import { imageJobOf, type ImageOptions } from '../../src/run/imageJob.js'
import { runImageJob } from '../../src/run/runImageJob.js'
import { readEvents } from '../../src/run/eventLog.js'
import { outputFiles, photoStages, type RunEvent } from '../../src/session/events.js'
import { lockFolder } from '../../src/run/folderLock.js'
import { renderRun } from '../../src/run/renderRun.js'
import { toyTrainer } from './toyTrainer.mjs'
import { toyPhoto } from '../support/toyPhoto.js'

let home: string
let photo: string
const at = (...names: string[]): string => join(home, ...names)

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'text2live-'))
  photo = at('bowl.png')
  writeFileSync(photo, await toyPhoto())
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const basics = (): ImageOptions => ({
  photo,
  prompt: 'golden bowl',
  source: 'bowl',
  preset: 'reference',
  size: 192,
  steps: 6,
  seed: 3,
  device: 'cpu',
  previewEvery: 2,
  out: at('run'),
})

async function run(
  options: ImageOptions,
  toy: Parameters<typeof toyTrainer>[0] = {},
  signal = new AbortController().signal,
) {
  const events: RunEvent[] = []
  const result = await runImageJob(imageJobOf(options, false), { open: toyTrainer(toy), signal }, (event) =>
    events.push(event),
  )
  return { events, result, types: events.map(({ type }) => type) }
}

async function failureOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    return `${(error as { code: string }).code}: ${(error as Error).message.replaceAll(home, '~')}`
  }
  return 'no error'
}

/** The bytes of what a run computes: its state, its pictures and its losses. */
function computed(folder: string): Record<string, unknown> {
  const events = readEvents(join(folder, 'events.ndjson'))
  return {
    ...Object.fromEntries(
      Object.values(outputFiles).map((name) => [name, readFileSync(join(folder, name)).toString('base64')]),
    ),
    steps: events.flatMap((event) => (event.type === 'step' ? [[event.step, event.losses, event.learningRate]] : [])),
  }
}

test('the trainer gives back its memory before the pictures of full size are made', async () => {
  const picturesThen: boolean[] = []
  await run(basics(), { onDispose: () => picturesThen.push(existsSync(at('run', 'composite.png'))) })
  expect(existsSync(at('run', 'composite.png'))).toBe(true)
  expect(picturesThen[0]).toBe(false)
})

test('a run leaves every file that it promises, and says each step', async () => {
  const { events, result, types } = await run(basics())
  expect(readdirSync(at('run')).sort()).toEqual([
    'alpha.png',
    'checkpoint.safetensors',
    'composite.png',
    'config.yaml',
    'edit-on-greenscreen.png',
    'edit.png',
    'events.ndjson',
    'layers.ora',
    'layers.psd',
    'losses.svg',
    'photo.png',
    'previews',
  ])
  expect(readdirSync(at('run', 'previews'))).toEqual(['step-000002.png', 'step-000004.png'])
  expect(readFileSync(at('run', 'photo.png'))).toEqual(readFileSync(photo))
  expect(await sharp(result.files.composite).metadata()).toMatchObject({ width: 72, height: 64 })
  expect(types).toEqual([
    'stage-start',
    'stage-done',
    'stage-start',
    'model-loading',
    'stage-done',
    'run-start',
    'stage-start',
    'step',
    'step',
    'preview',
    'step',
    'step',
    'preview',
    'step',
    'step',
    'checkpoint',
    'stage-done',
    'stage-start',
    ...Array<string>(7).fill('output'),
    'stage-done',
    'done',
  ])
  expect(readEvents(at('run', 'events.ndjson')).map(({ type }) => type)).toEqual(types)
  expect(events.flatMap((event) => (event.type === 'stage-done' ? [event.stage] : []))).toEqual([...photoStages])
  for (const event of events)
    if (event.type === 'stage-done') expect(event.peakMemory, event.stage).toBeGreaterThan(1e7)
  expect(events.filter((event) => event.type === 'step').map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6])
  expect((await loadCheckpoint(lookIn(at('run')), photoCheckpoint))?.step).toBe(6)
})

test('without a folder the results stay in memory', async () => {
  const { out: _, ...options } = basics()
  const { result, types } = await run(options)
  expect(result.folder).toBeNull()
  expect(types).not.toContain('checkpoint')
  expect(readdirSync(home)).toEqual(['bowl.png'])
  expect((await sharp(result.files.edit).metadata()).channels).toBe(4)
})

test('stopping writes the outputs of the state reached, and resuming is bit-identical', async () => {
  await run({ ...basics(), out: at('whole') })
  const stop = new AbortController()
  const stopped = await run(
    basics(),
    {
      onStep: (step) => {
        if (step === 3) stop.abort()
      },
    },
    stop.signal,
  )
  expect(stopped.result).toMatchObject({ finished: false, step: 3 })
  expect(stopped.events.at(-1)).toMatchObject({ type: 'interrupted', step: 3, steps: 6, folder: at('run') })
  for (const name of Object.values(outputFiles)) expect(existsSync(at('run', name)), name).toBe(true)
  const resumed = await run({ resume: at('run') })
  expect(resumed.events.find(({ type }) => type === 'resumed')).toMatchObject({ step: 3 })
  expect(computed(at('run'))).toEqual(computed(at('whole')))
})

test('the log is cut back to the checkpoint: later steps and a half-written line go', async () => {
  await run({ ...basics(), out: at('whole') })
  const stop = new AbortController()
  await run(
    basics(),
    {
      onStep: (step) => {
        if (step === 2) stop.abort()
      },
    },
    stop.signal,
  )
  appendFileSync(at('run', 'events.ndjson'), '{"type":"step","step":3,"losses":{"total":9}}\n{"type":"step","st')
  await run({ resume: at('run') })
  expect(computed(at('run'))).toEqual(computed(at('whole')))
})

test('a run without a checkpoint resumes from the start', async () => {
  await run({ ...basics(), out: at('whole') })
  await run(basics())
  rmSync(at('run', 'checkpoint.safetensors'))
  const { types } = await run({ resume: at('run') })
  expect(types).not.toContain('resumed')
  expect(computed(at('run'))).toEqual(computed(at('whole')))
})

test('resuming a finished run succeeds, says so and changes nothing', async () => {
  await run(basics())
  const before = computed(at('run'))
  const { events } = await run({ resume: at('run') })
  expect(events).toEqual([{ type: 'done', step: 6, steps: 6, seconds: 0, folder: at('run'), already: true }])
  expect(computed(at('run'))).toEqual(before)
})

test('a finished run takes more steps when asked, as if they had been asked for at once', async () => {
  await run({ ...basics(), out: at('whole'), steps: 8, bootstrapSteps: 6 })
  await run(basics())
  await run({ resume: at('run'), steps: 8 })
  expect(computed(at('run'))).toEqual(computed(at('whole')))
  expect(readFileSync(at('run', 'config.yaml'), 'utf8')).toBe(readFileSync(at('whole', 'config.yaml'), 'utf8'))
})

test('a finished run that lost an output writes it again; so does render', async () => {
  await run(basics())
  const before = computed(at('run'))
  rmSync(at('run', 'layers.psd'))
  await run({ resume: at('run') })
  expect(computed(at('run'))).toEqual(before)
  rmSync(at('run', 'edit.png'))
  await renderRun(at('run'), { open: toyTrainer(), signal: new AbortController().signal }, () => undefined)
  expect(computed(at('run'))).toEqual(before)
})

test('refuses the checkpoint of another configuration, naming the keys', async () => {
  await run(basics())
  expect(await failureOf(run({ resume: at('run'), views: 5, lambdaSparsity: 2 }))).toBe(
    'CHECKPOINT_MISMATCH: ~/run/checkpoint.safetensors was made by another ' +
      'configuration. These differ: lambdaSparsity (checkpoint 6, now 2), views (checkpoint 16, now 5). Set them back to continue, or start a new run with the new values.',
  )
  writeFileSync(at('run', 'photo.png'), await sharp(photo).negate().png().toBuffer())
  expect(await failureOf(run({ resume: at('run'), steps: 9 }))).toContain('These differ: the photo (another picture).')
})

test('refuses what is no run, and a checkpoint that is broken', async () => {
  expect(await failureOf(run({ resume: at('nowhere') }))).toBe(
    'RUN_NOT_FOUND: There should be a run folder at "~/nowhere", but there is nothing. ' +
      'Check the path; runs are made in runs/ unless --out says otherwise.',
  )
  mkdirSync(at('other'))
  expect(await failureOf(run({ resume: at('other') }))).toBe(
    'RUN_INVALID: "~/other" is not a run folder: it holds no config.yaml of ours. Give the folder that a run was written to.',
  )
  await run(basics())
  const checkpoint = readFileSync(at('run', 'checkpoint.safetensors'))
  writeFileSync(at('run', 'checkpoint.safetensors'), checkpoint.subarray(0, checkpoint.length - 9))
  expect(await failureOf(run({ resume: at('run') }))).toMatch(/^SAFETENSORS_INVALID: /)
  writeFileSync(
    at('run', 'checkpoint.safetensors'),
    Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{}')]),
  )
  expect(await failureOf(run({ resume: at('run') }))).toMatch(/^CHECKPOINT_INVALID: /)
  expect(await failureOf(run({ resume: at('run'), prompt: 'other' }))).toMatch(
    /^OPTION_INVALID: A run is continued with the prompt it was started with/,
  )
})

test('an existing folder is never overwritten without force; force replaces the run and keeps what is not ours', async () => {
  await run(basics())
  const before = computed(at('run'))
  expect(await failureOf(run({ ...basics(), seed: 4 }))).toBe(
    'OUTPUT_EXISTS: ~/run exists already and a run folder is never overwritten. Choose another with --out, ' +
      'replace it with --force, or continue it with --resume ~/run.',
  )
  expect(computed(at('run'))).toEqual(before)
  writeFileSync(at('run', 'retouched.psd'), 'mine')
  await run({ ...basics(), seed: 4, force: true })
  await run({ ...basics(), seed: 4, out: at('four') })
  expect(computed(at('run'))).toEqual(computed(at('four')))
  expect(readFileSync(at('run', 'retouched.psd'), 'utf8')).toBe('mine')
})

test('force does not touch a folder that is no run, nor a file', async () => {
  mkdirSync(at('home'))
  writeFileSync(at('home', 'letter.txt'), 'dear')
  expect(await failureOf(run({ ...basics(), out: at('home'), force: true }))).toMatch(
    /^OUTPUT_EXISTS: ~\/home exists and is not a run folder/,
  )
  expect(await failureOf(run({ ...basics(), out: photo, force: true }))).toBe(
    'OUTPUT_EXISTS: ~/bowl.png is a file; a run needs a folder. Choose another name with --out.',
  )
  expect(readdirSync(at('home'))).toEqual(['letter.txt'])
})

test('an empty folder made beforehand is taken', async () => {
  mkdirSync(at('run'))
  expect((await run(basics())).result.finished).toBe(true)
})

test('bad input leaves nothing behind', async () => {
  const codes = await Promise.all([
    failureOf(run({ ...basics(), photo: at('no.png') })),
    failureOf(run({ ...basics(), prompt: '' })),
    failureOf(run({ ...basics(), views: 0 })),
    failureOf(run({ ...basics(), mask: photo.replace('bowl', 'mask') })),
    failureOf(run({ ...basics(), prompt: null })),
    failureOf(run({ ...basics(), config: [at('no.yaml')] })),
    failureOf(run({ ...basics(), photo: null })),
  ])
  expect(codes.map((text) => text.split(':')[0])).toEqual([
    'INPUT_NOT_FOUND',
    'PROMPT_EMPTY',
    'OPTION_INVALID',
    'INPUT_NOT_FOUND',
    'PROMPT_EMPTY',
    'CONFIG_INVALID',
    'INPUT_NOT_FOUND',
  ])
  expect(readdirSync(home)).toEqual(['bowl.png'])
})

test('a loss that is not finite stops the run with the step; the checkpoint before it is kept', async () => {
  const stop = new AbortController()
  await run(
    basics(),
    {
      onStep: (step) => {
        if (step === 2) stop.abort()
      },
    },
    stop.signal,
  )
  const good = readFileSync(at('run', 'checkpoint.safetensors'))
  expect(await failureOf(run({ resume: at('run') }, { nanAt: 4 }))).toBe(
    'LOSS_NOT_FINITE: At step 4 the total loss became NaN, so training stopped. ' +
      'The last good checkpoint is kept. Try a lower --learning-rate or another --seed.',
  )
  expect(readFileSync(at('run', 'checkpoint.safetensors'))).toEqual(good)
  expect(readEvents(at('run', 'events.ndjson')).at(-1)).toMatchObject({ type: 'error', code: 'LOSS_NOT_FINITE' })
})

test('one folder is written by one process at a time; the lock of a dead one is taken over', async () => {
  await run(basics())
  const lock = await lockFolder(at('run'))
  expect(await failureOf(run({ resume: at('run') }))).toBe(
    `RUN_LOCKED: ~/run is in use: process ${process.pid} is writing it. Wait for it or stop it, or choose ` +
      'another folder with --out. If no such process runs, delete ~/run/.lock.',
  )
  expect(await failureOf(run({ ...basics(), force: true }))).toMatch(/^RUN_LOCKED/)
  lock.release()
  const { hostname } = await import('node:os')
  for (const stale of [
    JSON.stringify({ pid: 2 ** 22 + 1, host: hostname(), born: null }),
    JSON.stringify({ pid: process.pid, host: hostname(), born: '1' }),
    '{"pi',
  ]) {
    writeFileSync(at('run', '.lock'), stale)
    expect((await run({ resume: at('run') })).result.finished).toBe(true)
    expect(existsSync(at('run', '.lock'))).toBe(false)
  }
  writeFileSync(at('run', '.lock'), JSON.stringify({ pid: 1, host: 'another-machine', born: null }))
  expect(await failureOf(run({ resume: at('run') }))).toMatch(
    /^RUN_LOCKED: ~\/run is in use: process 1 on another-machine is writing it\. .+ try again in a minute/,
  )
  const longAgo = statSync(at('run', '.lock')).mtimeMs / 1000 - 70
  utimesSync(at('run', '.lock'), longAgo, longAgo)
  writeFileSync(at('run', '.composite.png.12-34-0123abcd.0123456789ab.tmp'), 'left by that machine')
  expect((await run({ resume: at('run') })).result.finished).toBe(true)
  expect(readdirSync(at('run')).filter((name) => name.startsWith('.'))).toEqual([])
})

test('a run whose folder was taken over stops, and changes nothing there any more', async () => {
  const taken = JSON.stringify({ pid: 1, host: 'another-machine', born: null })
  let before: Record<string, string> = {}
  const contents = (): Record<string, string> =>
    Object.fromEntries(
      readdirSync(at('run'), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ parentPath, name }) => [join(parentPath, name), readFileSync(join(parentPath, name), 'base64')]),
    )
  const onStep = (step: number): void => {
    if (step !== 3) return
    writeFileSync(at('run', '.lock'), taken)
    before = contents()
  }
  expect(await failureOf(run(basics(), { onStep }))).toMatch(
    /^LEASE_LOST: Expected to hold "~\/run\/\.lock" still, but process 1 on another-machine took it over/,
  )
  expect(Object.keys(before)).toContain(at('run', 'events.ndjson'))
  expect(contents()).toEqual(before)
})

test('several seeds: a folder per seed and a sheet; stopped, it resumes where it was', async () => {
  const { result } = await run({ ...basics(), seeds: 2, out: at('many') })
  expect(readdirSync(at('many')).sort()).toEqual(['config.yaml', 'contact-sheet.png', 'photo.png', 'seed-3', 'seed-4'])
  expect(result.variations?.map(({ settings }) => settings.seed)).toEqual([3, 4])
  const stop = new AbortController()
  let steps = 0
  const stopped = await run(
    { ...basics(), seeds: 2 },
    {
      onStep: () => {
        if (++steps === 9) stop.abort()
      },
    },
    stop.signal,
  )
  expect(stopped.events.filter(({ type }) => type === 'interrupted')).toMatchObject([{ folder: at('run'), step: 3 }])
  await run({ resume: at('run') })
  for (const seed of ['seed-3', 'seed-4']) expect(computed(at('run', seed)), seed).toEqual(computed(at('many', seed)))
  expect(readFileSync(at('run', 'contact-sheet.png'))).toEqual(readFileSync(at('many', 'contact-sheet.png')))
  await run({ ...basics(), force: true })
  expect(readdirSync(at('run')).filter((name) => name.startsWith('seed'))).toEqual([])
})

test('several seeds, stopped or killed: rendered are those that have a checkpoint', async () => {
  const stop = new AbortController()
  let steps = 0
  await run(
    { ...basics(), seeds: 3 },
    {
      onStep: () => {
        if (++steps === 9) stop.abort()
      },
    },
    stop.signal,
  )
  const rendered = async () => {
    const events: RunEvent[] = []
    const result = await renderRun(at('run'), { open: toyTrainer(), signal: new AbortController().signal }, (event) =>
      events.push(event),
    )
    return {
      seeds: result.variations?.map(({ settings }) => settings.seed),
      finished: result.finished,
      notes: events.flatMap((event) => (event.type === 'note' ? [event.message] : [])),
    }
  }
  const leftOut = (seed: number): string =>
    `seed ${seed} is left out, since it has no checkpoint yet; to go on with it: text2live image --resume ${at('run')}`
  expect(await rendered()).toEqual({ seeds: [3, 4], finished: false, notes: [leftOut(5)] })
  // A process that was killed before the first checkpoint of a seed.
  rmSync(at('run', 'seed-3', 'checkpoint.safetensors'))
  expect(await rendered()).toEqual({ seeds: [4], finished: false, notes: [leftOut(3), leftOut(5)] })
  rmSync(at('run', 'seed-4'), { recursive: true })
  expect(await failureOf(rendered())).toMatch(/^CHECKPOINT_INVALID: ~\/run holds no checkpoint yet/)
})

test('a config file gives photo and prompt, its paths from the working folder or its own', async () => {
  writeFileSync(
    at('bowl.yaml'),
    `image_path: ./bowl.png\ncomp_text: golden bowl\nsrc_text: bowl\nresize_input: 192\nn_epochs: 9\ndevice: cuda\nuse_wandb: False\n`,
  )
  const { result, events } = await run({ config: [at('bowl.yaml')], steps: 2, device: 'cpu', seed: 1 })
  expect(result.settings).toMatchObject({
    prompt: ['golden bowl'],
    source: ['bowl'],
    steps: 2,
    size: 192,
    device: 'cpu',
  })
  expect(events.filter(({ type }) => type === 'note')).toEqual([
    {
      type: 'note',
      message: expect.stringMatching(
        /^bowl\.yaml is a configuration of the published code\. It sets .*Add --preset reference/,
      ) as string,
    },
  ])
})

test('relevancy model beside what a preset sets for the others: a run starts, resumes, and begins another', async () => {
  const given = { ...basics(), preset: 'fast', relevancy: 'model', steps: 2 } as const
  expect((await run(given)).result.settings).toMatchObject({ relevancy: 'model', regionBound: 1, sparsityMap: 4 })
  expect((await run({ resume: at('run'), steps: 3 })).result.step).toBe(3)
  const another = { config: [at('run', 'config.yaml')], out: at('another') }
  expect((await run(another)).result.finished).toBe(true)
  expect(await failureOf(run({ ...another, regionBound: 0.5, out: at('third') }))).toMatch(
    /^OPTION_INVALID: --region-bound needs/,
  )
  expect((await run({ ...given, regionBound: 0, sparsityMap: 0, out: at('fourth') })).result.finished).toBe(true)
})

test('the source text that nobody gave is announced', async () => {
  const { source: _, ...options } = basics()
  expect(
    (await run({ ...options, out: null, seed: null })).events.flatMap((event) =>
      event.type === 'note' ? [event.message] : [],
    ),
  ).toEqual([
    'source: "image", since nobody said what the photo shows; --source "..." makes the edit surer',
    expect.stringMatching(/^seed: \d+, drawn$/),
  ])
})

test('kill -9 at any moment leaves a folder that resumes to the same pictures', async () => {
  await run({ ...basics(), out: at('whole') })
  for (const moment of ['run-start', 'step 1', 'step 4', 'checkpoint', 'output']) {
    const out = at(`killed-${moment.replace(' ', '-')}`)
    const child = spawn(process.execPath, [
      fileURLToPath(new URL('./toyRun.mjs', import.meta.url)),
      JSON.stringify({ ...basics(), out }),
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
    await run({ resume: out })
    expect(computed(out), moment).toEqual(computed(at('whole')))
  }
})

const toyRun = fileURLToPath(new URL('./toyRun.mjs', import.meta.url))
const killAtCall = new URL('./killAtCall.mjs', import.meta.url).href

/**
 * The run in a process of its own, killed before one of the system calls that change what is on the disk, counted from
 * 1; 0: none.
 */
async function killedAt(call: number, options: ImageOptions): Promise<{ by: NodeJS.Signals | null; calls: number }> {
  const child = spawn(process.execPath, ['--import', killAtCall, toyRun, JSON.stringify(options), '0'], {
    cwd: home,
    env: { ...process.env, KILL_AT: String(call) },
  })
  let told = ''
  child.stdout.on('data', (data: Buffer) => {
    told += data.toString()
  })
  const by = await new Promise<NodeJS.Signals | null>((resolve) => {
    child.on('close', (_, signal) => resolve(signal))
  })
  return { by, calls: Number(/calls (\d+)/.exec(told)?.[1]) }
}

/** All names in a folder but those that a run leaves. */
const leftIn = (folder: string): string[] =>
  (readdirSync(folder, { recursive: true }) as string[]).filter((name) => /(^|[/\\])\.|\.tmp$/.test(name))

test('kill -9 before any system call that writes: resumed, or started again, the run is the same, and nothing is left over', async () => {
  const short = { ...basics(), steps: 2, previewEvery: 1, source: 'bowl', region: [] }
  await run({ ...short, out: at('whole') })
  const { calls } = await killedAt(0, { ...short, out: at('counted') })
  expect(calls).toBeGreaterThan(60)
  // While the folder is made, and later.
  const moments = [
    2,
    6,
    10,
    14,
    18,
    22,
    ...Array.from({ length: 7 }, (_, i) => 26 + Math.floor(((calls - 26) * i) / 6)),
  ]
  const killed = await Promise.all(
    moments.map(async (moment) => {
      mkdirSync(at(String(moment)))
      return (await killedAt(moment, { ...short, out: at(String(moment), 'run') })).by
    }),
  )
  expect(killed).toEqual(moments.map(() => 'SIGKILL'))
  for (const moment of moments) {
    const out = at(String(moment), 'run')
    await run(existsSync(out) ? { resume: out } : { ...short, out })
    expect(computed(out), String(moment)).toEqual(computed(at('whole')))
    expect(
      leftIn(home).filter((name) => name.startsWith(`${moment}/`)),
      String(moment),
    ).toEqual([])
  }
}, 600_000)

test('what a killed rendering left is removed by the next; what a living process is writing stays', async () => {
  await run(basics())
  const before = computed(at('run'))
  const { identityTag, ownIdentity } = await import('../../src/media/node/processIdentity.js')
  const living = `.inspect.${identityTag(ownIdentity())}.0123456789ab.tmp`
  const dead = identityTag({ ...ownIdentity(), pid: 2 ** 22 + 1 })
  for (const name of [
    `.edit.png.${dead}.0123456789ab.tmp`,
    '.edit.png.0123456789ab.tmp',
    `previews/.step-000002.png.${dead}.0123456789ab.tmp`,
    living,
  ])
    writeFileSync(at('run', name), 'half')
  mkdirSync(at('run', `.rendering.${dead}.0123456789ab.tmp`))
  writeFileSync(at('run', '.mine.tmp'), 'not of this program')
  await renderRun(at('run'), { open: toyTrainer(), signal: new AbortController().signal }, () => undefined)
  expect(leftIn(at('run')).sort()).toEqual([living, '.mine.tmp'].sort())
  expect(computed(at('run'))).toEqual(before)
})

test('a folder that a killed process was making is removed when the same is made again', async () => {
  const { identityTag, ownIdentity } = await import('../../src/media/node/processIdentity.js')
  const dead = identityTag({ ...ownIdentity(), pid: 2 ** 22 + 1 })
  for (const name of [`.run.${dead}.0123456789ab.tmp`, `.other.${dead}.0123456789ab.tmp`]) mkdirSync(at(name))
  await run(basics())
  expect(leftIn(home)).toEqual([`.other.${dead}.0123456789ab.tmp`])
})
