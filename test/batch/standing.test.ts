import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { BatchJob } from '../../src/batch/batchJob.js'
import { cancelBatch, followCancels, batchLock } from '../../src/batch/cancelBatch.js'
import { changesSince } from '../../src/batch/changesSince.js'
import { estimateBatch } from '../../src/batch/estimateBatch.js'
import { forgetFailure, keepFailure, standingOf } from '../../src/batch/jobStanding.js'
import { jsonSchemas, schemaText } from '../../src/batch/jsonSchemas.js'
import { openReport } from '../../src/batch/report/openReport.js'
import { cardOf, reportPieces } from '../../src/batch/report/reportHtml.js'
import { Text2LiveError } from '../../src/errors.js'
import { readEvents } from '../../src/run/eventLog.js'
import { imageJobOf } from '../../src/run/imageJob.js'
import { runImageJob } from '../../src/run/runImageJob.js'
import { toyTrainer } from '../run/toyTrainer.mjs'
import { toyPhoto } from '../support/toyPhoto.js'

// How jobs stand, over real run folders that a toy trainer made.

let home: string
let job: BatchJob
const at = (...names: string[]): string => join(home, ...names)
let count = 0
let path: string

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'text2live-standing-'))
  const picture = sharp(await toyPhoto())
  await picture.clone().png().toFile(at('bowl.png'))
  await picture.negate().png().toFile(at('other.png'))
  const options = {
    prompt: ['golden bowl'],
    source: ['bowl'],
    preset: 'reference',
    size: 192,
    steps: 4,
    seed: 3,
    device: 'cpu',
  }
  job = { id: 'bowl', kind: 'photo', input: at('bowl.png'), options, out: 'bowl', line: 1 }
})
afterAll(() => rmSync(home, { recursive: true, force: true }))
beforeEach(() => {
  path = at(`run-${count++}`)
})

async function train(more: object = {}, trainer = {}, signal = new AbortController().signal): Promise<void> {
  const options = { ...job.options, photo: job.input, out: path, ...more }
  await runImageJob(imageJobOf(options, true), { open: toyTrainer(trainer), signal }, () => undefined)
}

/** Another process, which has taken a lock. */
async function holdElsewhere(lock: string): Promise<ChildProcess> {
  const module = new URL('../../dist/media/node/processLock.js', import.meta.url).href
  const program = `await (await import('${module}')).takeLock(process.argv[1]); console.log('held'); setInterval(() => 0, 1e6)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, lock], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  return child
}

const stateOf = async (): Promise<string> => (await standingOf(path, job)).state

test('how long a batch takes is told from what runs in its folder took, as far as they are like it', async () => {
  const out = at('estimated')
  const waiting = {
    job,
    path: join(out, 'next'),
    standing: { state: 'waiting', step: 0, error: null, holder: null },
  } as const
  expect(await estimateBatch([waiting], out, 1)).toEqual({
    seconds: null,
    basis: ['nothing for 1 of them: no run like it is finished here yet'],
  })
  mkdirSync(out)
  path = join(out, 'stopped')
  const stop = new AbortController()
  await train({}, { delay: 50, onStep: (step: number) => step === 2 && stop.abort() }, stop.signal)
  const ofSteps = await estimateBatch([waiting], out, 1)
  expect(ofSteps.basis).toEqual([
    expect.stringMatching(/^1 run in this folder \(photo, reference, 192 px, cpu\): .* s a step, without the outputs$/),
  ])
  expect(ofSteps.seconds).toBeGreaterThan(0.19)
  path = join(out, 'whole')
  await train()
  const { basis, seconds } = await estimateBatch([waiting], out, 2)
  expect(basis).toEqual([expect.stringMatching(/^1 finished run in .* s a step, all included$/)])
  const done = readEvents(join(path, 'events.ndjson')).findLast(({ type }) => type === 'done')
  expect(2 * seconds!).toBeCloseTo((done as { seconds: number }).seconds)
  const elsewhere = { ...waiting, job: { ...job, options: { ...job.options, device: 'cuda' } } }
  expect((await estimateBatch([elsewhere], out, 1)).seconds).toBeNull()
})

describe('how a job stands, by its run folder', () => {
  test('waiting, stopped, running, finished', async () => {
    expect(await stateOf()).toBe('waiting')
    const stop = new AbortController()
    await train({}, { onStep: (step: number) => step === 2 && stop.abort() }, stop.signal)
    expect(await standingOf(path, job)).toEqual({ state: 'stopped', step: 2, error: null, holder: null })
    const held = await holdElsewhere(join(path, '.lock'))
    expect(await standingOf(path, job)).toMatchObject({ state: 'running', step: 2, holder: `process ${held.pid}` })
    held.kill('SIGKILL')
    await once(held, 'exit')
    expect(await stateOf()).toBe('stopped')
    await runImageJob(
      imageJobOf({ resume: path }, true),
      { open: toyTrainer(), signal: new AbortController().signal },
      () => undefined,
    )
    expect(await standingOf(path, job)).toMatchObject({ state: 'finished', step: 4 })
  })

  test('failed in its run, or before it had one', async () => {
    await expect(train({}, { nanAt: 3 })).rejects.toMatchObject({ code: 'LOSS_NOT_FINITE' })
    expect(await standingOf(path, job)).toMatchObject({ state: 'failed', error: { code: 'LOSS_NOT_FINITE' } })
    path = at(`run-${count++}`)
    await keepFailure(path, new Text2LiveError('INPUT_TRUNCATED', 'cut short'))
    expect(await standingOf(path, job)).toMatchObject({
      state: 'failed',
      error: { code: 'INPUT_TRUNCATED', message: 'cut short' },
    })
    await forgetFailure(path)
    expect(await stateOf()).toBe('waiting')
    await train()
    expect(await stateOf()).toBe('finished')
    await forgetFailure(path)
    expect(await stateOf()).toBe('finished')
  })

  test('a process that died without a word leaves a run that can be told to have failed, and goes on', async () => {
    const stop = new AbortController()
    await train({}, { onStep: () => stop.abort() }, stop.signal)
    await keepFailure(path, new Text2LiveError('OUT_OF_MEMORY', 'killed'))
    expect(await standingOf(path, job)).toMatchObject({ state: 'failed', step: 1, error: { code: 'OUT_OF_MEMORY' } })
    await runImageJob(
      imageJobOf({ resume: path }, true),
      { open: toyTrainer(), signal: new AbortController().signal },
      () => undefined,
    )
    expect(await stateOf()).toBe('finished')
  })

  test('several seeds are finished when all are, and their sheet is there', async () => {
    const seeds = { ...job, options: { ...job.options, seeds: 2 } }
    await train({ seeds: 2 })
    expect(await standingOf(path, seeds)).toMatchObject({ state: 'finished', step: 8 })
    expect(await changesSince(path, seeds)).toEqual([])
    rmSync(join(path, 'contact-sheet.png'))
    expect(await standingOf(path, seeds)).toMatchObject({ state: 'stopped', step: 8 })
  })

  test('what is no run of ours is refused, and stays', async () => {
    mkdirSync(path)
    writeFileSync(join(path, 'novel.txt'), 'It was a dark night')
    await expect(stateOf()).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' })
    expect(readdirSync(path)).toEqual(['novel.txt'])
  })
})

describe('a job that asks for something else than its run was made for', () => {
  const changes = (more: Partial<BatchJob>, options = {}) =>
    changesSince(path, { ...job, ...more, options: { ...job.options, ...options } })

  test('is told by the names of what differs', async () => {
    await train()
    expect(await changes({})).toEqual([])
    expect(await changes({}, { threads: 2, previewEvery: 1 })).toEqual([])
    expect(await changes({}, { seed: -1 })).toEqual([])
    expect(await changes({}, { steps: 5, prompt: ['silver'] })).toEqual([
      'prompt (was ["golden bowl"], now ["silver"])',
      // What is not said, it takes over from the prompt.
      'screen (was ["golden bowl"], now ["silver"])',
      'steps (was 4, now 5)',
      'bootstrapSteps (was 4, now 5)',
    ])
    expect(await changes({}, { seeds: 3 })).toEqual(['seeds (was 1, now 3)'])
    expect(await changes({}, { mask: at('bowl.png') })).toEqual(['the mask (there was none)'])
    expect(await changes({ input: at('other.png') })).toEqual(['the photo (another file)'])
    expect(await changes({ input: at('gone.png') })).toEqual(['the photo (another file)'])
  })

  test('another photo under the name is told, also one of the same size', async () => {
    copyFileSync(at('bowl.png'), at('mine.png'))
    await train({ photo: at('mine.png') })
    expect(await changes({ input: at('mine.png') })).toEqual([])
    const bytes = readFileSync(at('mine.png'))
    bytes[bytes.length - 20]! ^= 1
    writeFileSync(at('mine.png'), bytes)
    utimesSync(at('mine.png'), 0, 0)
    expect(await changes({ input: at('mine.png') })).toEqual(['the photo (another file)'])
  })
})

test('a request to cancel reaches the batch at work, and no other', async () => {
  const out = at('cancels')
  mkdirSync(out)
  await expect(cancelBatch(out, null)).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' })
  writeFileSync(join(out, '.batch.cancel'), '{"jobs":null}')
  const asked: (readonly string[] | null)[] = []
  const atWork = await holdElsewhere(join(out, batchLock))
  const unfollow = await followCancels(out, (jobs) => asked.push(jobs))
  await cancelBatch(out, ['bowl'])
  await cancelBatch(out, null)
  expect(asked).toEqual([['bowl'], null])
  unfollow()
  atWork.kill('SIGKILL')
  await once(atWork, 'exit')
  await expect(cancelBatch(out, null)).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' })
  expect(readdirSync(out)).toEqual([batchLock])
})

describe('the report', () => {
  const hostile = `"><img src=x onerror=alert(1)>'</style><script>alert(1)</script>\u202e\u001b[2J`

  test('holds names, prompts and errors as text alone', () => {
    const card = cardOf(
      {
        job: { ...job, id: hostile, input: `photos/${hostile}`, options: { prompt: [hostile], [hostile]: hostile } },
        path,
        standing: { state: 'failed', step: 1, holder: null, error: { code: 'INTERNAL', message: hostile } },
      },
      { before: Uint8Array.of(1), after: Uint8Array.of(2) },
      [
        {
          type: 'step',
          step: 1,
          steps: 2,
          losses: { [hostile]: 1 },
          learningRate: 1,
          seconds: 1,
          secondsLeft: 1,
          device: 'cpu',
        },
      ],
    )
    const html = [...reportPieces(hostile, [card])].join('')
    expect(html.match(/<script|<img src=x|<\/style>/gi)).toEqual(['</style>'])
    expect(html).not.toMatch(/[\u202e\u001b]/)
    expect(html).toContain('&#60;script&#62;alert(1)&#60;/script&#62;')
    const charts = [...html.matchAll(/svg\+xml;base64,([^"]+)"/g)].map(([, data]) =>
      Buffer.from(data!, 'base64').toString(),
    )
    expect(charts).toHaveLength(1)
    expect(charts[0]).not.toContain('<script>')
    expect(html).toContain(
      `http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'"`,
    )
  })

  test('shows failures first, pictures before and after, and the losses', async () => {
    await train()
    const standing = await standingOf(path, job)
    const failed = { ...standing, state: 'failed', error: { code: 'DISK_FULL', message: 'full' } } as const
    const report = openReport('jobs.csv', home, [
      { job, path, standing },
      { job: { ...job, id: 'second' }, path: at('none'), standing: failed },
      { job: { ...job, id: 'third' }, path: at('none'), standing: await standingOf(at('none'), job) },
    ])
    await report.close()
    const html = readFileSync(report.path, 'utf8')
    expect(['id="job-second"', 'id="job-bowl"', 'id="job-third"'].map((part) => html.indexOf(part))).toEqual(
      [...['id="job-second"', 'id="job-bowl"', 'id="job-third"'].map((part) => html.indexOf(part))].sort(
        (a, b) => a - b,
      ),
    )
    const card = html.slice(html.indexOf('id="job-bowl"'), html.indexOf('id="job-third"'))
    const pictures = [...card.matchAll(/webp;base64,([^"]+)"/g)].map(([, data]) => Buffer.from(data!, 'base64'))
    expect(pictures).toHaveLength(2)
    for (const picture of pictures)
      expect(await sharp(picture).metadata()).toMatchObject({ format: 'webp', width: 270, height: 240 })
    expect(card).toContain('<summary>Losses</summary>')
    expect(card).toContain('tabindex="0"')
  })
})

test('schemas/ is what the option tables say', () => {
  for (const [name, schema] of Object.entries(jsonSchemas())) {
    const file = new URL(`../../schemas/${name}`, import.meta.url)
    expect(existsSync(file)).toBe(true)
    expect(readFileSync(file, 'utf8'), 'run: npm run build && node scripts/writeSchemas.mjs').toBe(schemaText(schema))
  }
  const { defs } = { defs: jsonSchemas()['image-config.schema.json'] as { properties: Record<string, unknown> } }
  expect(defs.properties['steps']).toMatchObject({ type: 'integer', minimum: 1, maximum: 1_000_000 })
  expect(defs.properties['seed']).toMatchObject({ anyOf: [{ type: 'integer', minimum: 0 }, { const: -1 }] })
  expect(defs.properties['prompt']).toMatchObject({ anyOf: [{ type: 'string' }, { type: 'array' }] })
})
