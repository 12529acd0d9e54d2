import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { runCommand } from '../../src/cli/runCommand.js'
import { float32Tensor, writeSafetensors } from '../../src/formats/safetensors.js'
import { resolveVideoSettings } from '../../src/options/resolveVideoSettings.js'
import { videoTable } from '../../src/options/videoTable.js'
import { writeTableConfig } from '../../src/options/writeConfig.js'
import { cleanRuns } from '../../src/run/cleanRuns.js'
import { lockFolder } from '../../src/run/folderLock.js'
import { lookAtRun } from '../../src/run/lookAtRun.js'
import { imageJobOf } from '../../src/run/imageJob.js'
import { runImageJob } from '../../src/run/runImageJob.js'
import { toyTrainer } from './toyTrainer.mjs'
import { toyPhoto } from '../support/toyPhoto.js'

let home: string
let made: string
const at = (...names: string[]): string => join(home, ...names)

/** A finished run, one stopped after its third step, a run of two seeds, a clip's; and what is none. */
beforeAll(async () => {
  made = mkdtempSync(join(tmpdir(), 'text2live-'))
  const photo = join(made, 'bowl.png')
  writeFileSync(photo, await toyPhoto())
  const train = async (out: string, steps: number, seeds = 1): Promise<void> => {
    const stop = new AbortController()
    const options = {
      photo,
      prompt: 'golden bowl',
      source: 'bowl',
      preset: 'reference',
      size: 192,
      steps: 4,
      seed: 3,
    } as const
    await runImageJob(
      imageJobOf({ ...options, device: 'cpu', previewEvery: 2, out: join(made, out), seeds }, false),
      { open: toyTrainer({}), signal: stop.signal },
      (event) => {
        if (event.type === 'step' && event.step === steps && steps < 4) stop.abort()
      },
    )
  }
  await train('done-2', 4)
  await train('stopped-10', 3)
  await train('both-1', 4, 2)
  writeClip(join(made, 'swan-1'))
  mkdirSync(join(made, 'notes'))
  writeFileSync(join(made, 'notes', 'config.yaml'), 'mine: true\n')
}, 60_000)

function writeClip(folder: string): void {
  mkdirSync(join(folder, 'checkpoints'), { recursive: true })
  mkdirSync(join(folder, 'previews'))
  writeFileSync(
    join(folder, 'config.yaml'),
    writeTableConfig(
      videoTable,
      resolveVideoSettings([{ clip: 'clip.mp4', prompt: 'golden swan', steps: 2 }], () => 1),
    ),
  )
  const step = { type: 'step', layer: 'foreground', step: 2, steps: 2, losses: { total: 1 }, learningRate: 1 }
  const events = [
    { type: 'checkpoint', stage: 'training', layer: 'foreground', step: 2, path: 'x', bytes: 1 },
    { ...step, seconds: 1, secondsLeft: 0, device: 'cpu' },
    { type: 'done', seconds: 1, folder },
  ]
  writeFileSync(join(folder, 'events.ndjson'), events.map((event) => `${JSON.stringify(event)}\n`).join(''))
  const state = writeSafetensors(new Map([['alpha', float32Tensor([3], new Float32Array(3))]]))
  for (const name of ['training-foreground', 'edit-foreground'])
    writeFileSync(join(folder, 'checkpoints', `${name}.safetensors`), state)
  writeFileSync(join(folder, 'previews', 'foreground-step-000002.png'), 'a picture')
}

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'text2live-'))
  cpSync(made, home, { recursive: true })
})
afterEach(() => rmSync(home, { recursive: true, force: true }))
afterAll(() => rmSync(made, { recursive: true, force: true }))

async function printed(...args: string[]): Promise<{ status: number; text: string }> {
  let text = ''
  const stream = { write: (part: string) => (text += part.replaceAll(home, '~')) }
  const status = await runCommand(args, { stdout: stream, stderr: stream, width: 1000, debug: false })
  return { status, text }
}

test('list says of each run what it is, how far it is and whether it goes on', async () => {
  const { status, text } = await printed('runs', 'list', home)
  expect(status).toBe(0)
  expect(text.replaceAll(/ +[\d.]+ MB/g, ' # MB').split('\n')).toEqual([
    '~/both-1      finished  photo x2  8/8 # MB  golden bowl',
    '~/done-2      finished  photo     4/4 # MB  golden bowl',
    '~/stopped-10  resumes   photo     3/4 # MB  golden bowl',
    '~/swan-1      finished  clip      2/2 # MB  golden swan',
    '',
    '4 runs, # MB',
    '',
  ])
  const json = (await printed('runs', 'list', at('done-2'), '--json')).text
  expect(JSON.parse(json)).toMatchObject({
    state: 'finished',
    kind: 'photo',
    step: 4,
    steps: 4,
    variations: 1,
    detail: null,
  })
})

test('a checkpoint that was cut, a log that is none and a link make a run damaged, and it is left alone', async () => {
  truncateSync(at('stopped-10', 'checkpoint.safetensors'), 1000)
  writeFileSync(at('done-2', 'events.ndjson'), '{"type":"ste\n{}\n')
  symlinkSync('/etc/passwd', at('swan-1', 'clip.mp4'))
  for (const [run, code] of [
    ['stopped-10', 'SAFETENSORS_INVALID'],
    ['done-2', 'RUN_INVALID'],
    ['swan-1', 'RUN_INVALID'],
  ] as const) {
    expect(await lookAtRun(at(run)), run).toMatchObject({
      state: 'damaged',
      detail: expect.stringContaining(code) as string,
    })
    const [cleaned] = await cleanRuns([at(run)], { previews: true, checkpoints: true, unfinished: true }, true)
    expect(cleaned, run).toMatchObject({ removes: [], left: expect.any(String) as string })
    expect(existsSync(at(run, 'previews'))).toBe(true)
  }
})

/** Every file below a folder, but for locks. */
const filesIn = (folder: string): string[] =>
  (readdirSync(folder, { recursive: true }) as string[]).filter((name) => !name.includes('.lock')).sort()

test('without --yes nothing changes, and what is said is what goes with it', async () => {
  const before = filesIn(home)
  const asked = ['runs', 'clean', home, '--previews', '--checkpoints', '--unfinished', '--json']
  const said = (await printed(...asked)).text
  expect(filesIn(home)).toEqual(before)
  const { status, text } = await printed(...asked, '--yes')
  expect({ status, text }).toEqual({ status: 0, text: said.replaceAll('"removed":false', '"removed":true') })
  const gone = before.filter((name) => !existsSync(at(name)))
  const named = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { folder: string; removes: string[]; bytes: number })
  expect(gone.filter((name) => /\.\w+$/.test(name) && !name.startsWith('stopped-10')).sort()).toEqual(
    named
      .flatMap(({ folder, removes }) =>
        removes.filter((name) => name !== '.').map((name) => `${folder.slice(2)}/${name}`),
      )
      .sort(),
  )
  expect(gone).toEqual(
    expect.arrayContaining([
      'stopped-10',
      'done-2/previews/step-000002.png',
      'done-2/checkpoint.safetensors',
      'both-1/seed-4/checkpoint.safetensors',
      'swan-1/checkpoints',
      'swan-1/previews',
    ]),
  )
  for (const kept of [
    'done-2/composite.png',
    'done-2/config.yaml',
    'both-1/seed-3/edit.png',
    'swan-1/events.ndjson',
    'notes/config.yaml',
    'bowl.png',
  ])
    expect(existsSync(at(kept)), kept).toBe(true)
  expect(await lookAtRun(at('done-2'))).toMatchObject({ state: 'finished', step: 4 })
  expect((await printed('runs', 'clean', home, '--previews', '--checkpoints', '--yes')).text).toBe('freed 0.0 MB\n')
})

test('each choice removes its own alone; checkpoints are those of finished runs', async () => {
  await cleanRuns([home], { previews: true }, true)
  expect(readdirSync(at('stopped-10'))).not.toContain('previews')
  expect(existsSync(at('done-2', 'checkpoint.safetensors'))).toBe(true)
  await cleanRuns([home], { checkpoints: true }, true)
  expect(existsSync(at('done-2', 'checkpoint.safetensors'))).toBe(false)
  expect(existsSync(at('stopped-10', 'checkpoint.safetensors'))).toBe(true)
  expect(existsSync(at('stopped-10'))).toBe(true)
})

test('what a person put into a run folder stays, and keeps an unfinished run', async () => {
  writeFileSync(at('stopped-10', 'my-layers.psd'), 'hours of work')
  writeFileSync(at('done-2', 'previews', 'notes.txt'), 'look at step 2')
  const [stopped] = await cleanRuns([at('stopped-10')], { unfinished: true }, true)
  expect(stopped).toMatchObject({ removes: [], left: 'it holds "my-layers.psd", which no run writes' })
  await cleanRuns([at('done-2')], { previews: true }, true)
  expect(readdirSync(at('done-2', 'previews'))).toEqual(['notes.txt'])
})

test('a run at work, and the runs of a studio, are not touched', async () => {
  const lock = await lockFolder(at('stopped-10'))
  const own = JSON.parse(readFileSync(at('stopped-10', '.lock'), 'utf8')) as object
  lock.release()
  // As a process on another machine writes it, which cannot be asked and has renewed it just now.
  const other = JSON.stringify({ ...own, pid: 4242, host: 'elsewhere', system: 'another' })
  writeFileSync(at('stopped-10', '.lock'), other)
  expect(await lookAtRun(at('stopped-10'))).toMatchObject({ state: 'locked', step: 3 })
  for (const apply of [false, true]) {
    const [cleaned] = await cleanRuns([at('stopped-10')], { unfinished: true, previews: true }, apply)
    expect(cleaned).toMatchObject({
      removes: [],
      left: expect.stringContaining('process 4242 on elsewhere') as string,
    })
  }
  writeFileSync(at('.studio.lock'), other)
  expect(await printed('runs', 'clean', at('done-2'), '--previews', '--yes')).toMatchObject({
    status: 2,
    text: expect.stringContaining('error RUN_LOCKED: The runs in "~" are a studio\'s') as string,
  })
  expect(existsSync(at('done-2', 'previews', 'step-000002.png'))).toBe(true)
})

test('a folder that is no run, or is one by a link, is none of them; nothing is removed that was not named', async () => {
  symlinkSync(at('stopped-10'), at('linked-1'))
  const cleaned = await cleanRuns([home], { unfinished: true }, true)
  expect(cleaned.map(({ folder }) => folder)).not.toContain(at('linked-1'))
  expect(readdirSync(at('notes'))).toEqual(['config.yaml'])
  expect((await printed('runs', 'clean', home, '--yes')).text).toMatch(
    /^error OPTION_INVALID: text2live runs clean removes what is named/,
  )
  expect((await printed('runs', 'list', at('nothing'))).text).toMatch(
    /^error RUN_NOT_FOUND: There should be a folder of runs at "~\/nothing"/,
  )
  expect((await printed('runs', 'open', at('notes'))).text).toMatch(/^error RUN_NOT_FOUND: /)
  expect((await printed('runs', 'open', at('done-2'))).text).toBe('~/done-2\n')
})
