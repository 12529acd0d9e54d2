import { type ChildProcess, spawn } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { BatchEvent } from '../../src/batch/batchEvents.js'
import { batchEvents } from '../../src/batch/eventDocs.js'
import { eventSchema, photoEvents } from '../../src/session/eventTable.js'
import { command } from '../support/command.js'

// Real jobs at toy size, in real processes: the built command.

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
let home: string
let list: string
const at = (...names: string[]): string => join(home, ...names)

/** The whole method at toy size. */
const tiny = {
  ...{ preset: 'fast', size: 192, steps: 3, views: 1, generatorWidth: 8, scaleMin: 1, scaleMax: 1, cropsMinCover: 1 },
  ...{ start: 'random', seed: 5, device: 'cpu', threads: 1, previewEvery: 0, source: 'bowl', region: 'none' },
  ...{ relevancy: 'model', regionBound: 0, sparsityMap: 0, wholeImageEvery: 0 },
}
function writeList(name: string, defaults: object, ...rows: object[]): string {
  writeFileSync(at(name), [{ defaults }, ...rows].map((row) => `${JSON.stringify(row)}\n`).join(''))
  return at(name)
}
const rows = ['bowl', 'broken', 'jug'].map((name) => ({ input: `photos/${name}.png`, prompt: 'golden bowl' }))

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'text2live-batch-'))
  mkdirSync(at('photos'))
  for (const name of ['bowl', 'jug']) {
    const pixels = Uint8Array.from({ length: 72 * 64 * 3 }, (_, i) => (i * 37 + (i >> 7) * name.length) % 256)
    const picture = sharp(pixels, { raw: { width: 72, height: 64, channels: 3 } })
    await picture.png().toFile(at('photos', `${name}.png`))
  }
  writeFileSync(at('photos', 'broken.png'), readFileSync(at('photos', 'jug.png')).subarray(0, 300))
  list = writeList('jobs.jsonl', tiny, ...rows)
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

type Line = BatchEvent | { readonly type: 'job' | 'fault' | 'error' | 'plan'; readonly [name: string]: unknown }
const linesOf = (out: string): Line[] =>
  out
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)

async function batch(...args: string[]): Promise<{ status: number; lines: Line[]; err: string }> {
  const { status, out, err } = await command('batch', ...args, '--json')
  return { status, lines: linesOf(out), err }
}

/** What a run computed: its state and its pictures. */
const bitsOf = (...folder: string[]): string[] =>
  ['checkpoint.safetensors', 'composite.png', 'layers.psd', 'losses.svg'].map((name) =>
    readFileSync(at(...folder, name)).toString('base64'),
  )

async function states(out: string): Promise<string[]> {
  const { lines } = await batch('status', list, '--out', at(out))
  return lines.flatMap((line) =>
    line.type === 'job' && 'state' in line ? [`${String(line.job)} ${String(line.state)}`] : [],
  )
}

/** The batch in a process of its own, as a terminal starts it; `seen` is called with each of its events. */
function startBatch(args: readonly string[], seen: (line: Line, child: ChildProcess) => void): Promise<number | null> {
  const child = spawn(process.execPath, [main, 'batch', ...args, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
    env: { ...process.env, CUDA_VISIBLE_DEVICES: 'GPU-a, GPU-b' },
  })
  let half = ''
  child.stdout.on('data', (data: Buffer) => {
    const parts = (half + data.toString()).split('\n')
    half = parts.pop() ?? ''
    for (const part of parts) seen(JSON.parse(part) as Line, child)
  })
  return new Promise((resolve) => child.on('close', resolve))
}

/** Where its jobs are worked on. */
const workersOf = ({ pid }: ChildProcess): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)

const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`)

const isStep = (line: Line, job: string): boolean =>
  line.type === 'job-event' && line.job === job && line.event.type === 'step'

test('all jobs are done in turn, their models opened once; what fails is kept, and retried where it is asked for', async () => {
  const { status, lines, err } = await batch(list, '--out', at('whole'))
  expect(err).toBe('')
  expect(status).toBe(1)
  expect(
    lines
      .filter(({ type }) => type !== 'job-event')
      .map((line) => ('job' in line ? `${line.type} ${String(line.job)}` : line.type)),
  ).toEqual(
    [
      'batch-start',
      'job-start bowl',
      'job-done bowl',
      'batch-progress',
      'job-start broken',
      'job-failed broken',
      'batch-progress',
    ].concat(['job-start jug', 'job-done jug', 'batch-progress', 'report', 'batch-done']),
  )
  for (const line of lines) expect(eventSchema(batchEvents).safeParse(line).error, JSON.stringify(line)).toBeUndefined()
  for (const event of lines.flatMap((line) => (line.type === 'job-event' ? [line.event] : [])))
    expect(eventSchema(photoEvents).safeParse(event).error, JSON.stringify(event)).toBeUndefined()
  const loads = lines.filter((line) => line.type === 'job-event' && line.event.type === 'model-loading')
  expect(loads).toHaveLength(1)
  expect(await states('whole')).toEqual(['bowl finished', 'broken failed', 'jug finished'])

  const kept = bitsOf('whole', 'bowl')
  const again = await batch(list, '--out', at('whole'))
  expect(again.status).toBe(1)
  expect(again.lines.map(({ type }) => type)).toEqual(['batch-start', 'report', 'batch-done'])
  expect(again.lines[0]).toMatchObject({ total: 3, finished: 2, failed: 1, left: 0 })

  writeFileSync(at('photos', 'broken.png'), readFileSync(at('photos', 'bowl.png')))
  const retried = await batch('retry', list, '--out', at('whole'))
  expect(retried.status).toBe(0)
  expect(retried.lines.at(-1)).toMatchObject({ type: 'batch-done', finished: 3, failed: 0 })
  expect(bitsOf('whole', 'bowl')).toEqual(kept)
  // The same photo, words and seed; only the name is another.
  expect(bitsOf('whole', 'broken')).toEqual(kept)
}, 240_000)

test.runIf(process.platform === 'linux')(
  'after kill -9 in the middle of a job, and of its process in another, all is made bit for bit as undisturbed',
  async () => {
    const args = [list, '--out', at('killed')]
    const killed = await startBatch(args, (line, child) => {
      if (isStep(line, 'bowl')) child.kill('SIGKILL')
    })
    expect(killed).toBe(null)
    expect(existsSync(at('killed', 'bowl', 'composite.png'))).toBe(false)

    let worker = 0
    const events: string[] = []
    const ended = await startBatch(args, (line, child) => {
      events.push(
        `${line.type} ${'job' in line ? String(line.job) : ''}${'code' in line ? ` ${String(line.code)}` : ''}`,
      )
      if (worker > 0 || !isStep(line, 'broken')) return
      worker = workersOf(child)[0]!
      process.kill(worker, 'SIGKILL')
    })
    expect(ended).toBe(1)
    expect(events).toContain('job-failed broken OUT_OF_MEMORY')
    expect(events).toContain('job-done jug')
    expect(await states('killed')).toEqual(['bowl finished', 'broken failed', 'jug finished'])

    expect((await batch('retry', list, 'broken', '--out', at('killed'))).status).toBe(0)
    for (const name of ['bowl', 'broken', 'jug']) expect(bitsOf('killed', name), name).toEqual(bitsOf('whole', name))
  },
  300_000,
)

test.runIf(process.platform === 'linux')(
  'two at once: each job is done once, on a card of its own; Ctrl-C ends all after the step at hand, a second one at once',
  async () => {
    const pair = writeList(
      'pair.jsonl',
      { ...tiny, steps: 8 },
      ...['a', 'b', 'c'].map((out) => ({ input: 'photos/bowl.png', prompt: 'golden bowl', out })),
    )
    const args = [pair, '--out', at('pair'), '--jobs', '2']
    const done: string[] = []
    const resumed: string[] = []
    const ends: string[] = []
    const see = (line: Line): void => {
      if (line.type === 'job-done') done.push(line.job)
      if (line.type === 'job-start' && line.resumed) resumed.push(line.job)
      if (line.type === 'batch-stopped' || line.type === 'batch-done') ends.push(line.type)
    }
    // What a terminal does: the whole group gets the signal.
    const pressCtrlC = ({ pid }: ChildProcess): void => void process.kill(-pid!, 'SIGINT')

    const cards = new Set<string>()
    const begun = new Set<string>()
    const stopped = await startBatch(args, (line, child) => {
      see(line)
      if (line.type !== 'job-event' || line.event.type !== 'step' || begun.size === 2) return
      begun.add(line.job)
      if (begun.size < 2) return
      for (const worker of workersOf(child))
        cards.add(/CUDA_VISIBLE_DEVICES=([^\0]*)/.exec(readFileSync(`/proc/${worker}/environ`, 'utf8'))![1]!)
      pressCtrlC(child)
    })
    expect([stopped, done, ends]).toEqual([130, [], ['batch-stopped']])
    expect([...cards].sort()).toEqual(['GPU-a', 'GPU-b'])

    let [workers, pressed, left] = [[] as number[], 0, 0]
    const leaving = startBatch(args, (line, child) => {
      see(line)
      if (workers.length > 0 || line.type !== 'job-event' || line.event.type !== 'step') return
      workers = workersOf(child)
      // Their step never ends: nothing waits for it.
      for (const worker of workers) process.kill(worker, 'SIGSTOP')
      pressCtrlC(child)
      setTimeout(() => {
        pressed = performance.now()
        pressCtrlC(child)
      }, 1000)
    }).finally(() => {
      left = performance.now()
      for (const worker of workers) process.kill(worker, 'SIGCONT')
    })
    expect(await leaving).toBe(130)
    expect(left - pressed).toBeLessThan(2000)
    expect(ends).toHaveLength(1)
    await expect.poll(() => workers.filter(isAlive), { timeout: 30_000 }).toEqual([])

    resumed.length = 0
    expect(await startBatch(args, see)).toBe(0)
    expect([done.sort(), resumed.sort()]).toEqual([
      ['a', 'b', 'c'],
      ['a', 'b'],
    ])
    for (const name of ['a', 'b']) expect(bitsOf('pair', name), name).toEqual(bitsOf('pair', 'c'))
    const report = readFileSync(at('pair', 'report.html'), 'utf8')
    expect([...report.matchAll(/<article id="job-(\w+)">/g)].map(([, name]) => name)).toEqual(['a', 'b', 'c'])
  },
  240_000,
)

test('cancelled from elsewhere, a batch ends within a step and goes on later; other settings are refused by name', async () => {
  const long = writeList('long.jsonl', { ...tiny, steps: 1000 }, ...rows.slice(0, 2))
  const cancels: Promise<{ status: number }>[] = []
  let later = 0
  const ended = await startBatch([long, '--out', at('long')], (line) => {
    if (!isStep(line, 'bowl')) return
    if (cancels.length === 0) cancels.push(batch('cancel', long, '--out', at('long')))
    else later++
  })
  expect(ended).toBe(130)
  expect(await cancels[0]).toMatchObject({ status: 0 })
  expect(later).toBeLessThan(500)
  expect(existsSync(at('long', 'bowl', 'composite.png'))).toBe(true)
  const { lines } = await batch('status', long, '--out', at('long'))
  expect(lines).toMatchObject([
    { job: 'bowl', state: 'stopped' },
    { job: 'broken', state: 'waiting' },
    { type: 'batch' },
  ])
  expect((await batch('cancel', long, '--out', at('long'))).lines).toMatchObject([
    { type: 'error', code: 'RUN_NOT_FOUND' },
  ])

  writeList('long.jsonl', { ...tiny, steps: 1000, views: 2 }, ...rows.slice(0, 2))
  const refused = await batch(long, '--out', at('long'))
  expect(refused.status).toBe(2)
  expect(refused.lines).toMatchObject([
    { type: 'fault', code: 'CHECKPOINT_MISMATCH', line: 2 },
    { type: 'error', code: 'LIST_INVALID' },
  ])
  expect(refused.err).toContain('error LIST_INVALID')
}, 240_000)

test('a list with faults starts nothing; each is a line', async () => {
  const bad = writeList('bad.jsonl', {}, { input: 'photos/bowl.png', prompt: 'gold', views: 0 })
  appendFileSync(bad, '{"input":"photos/none\u009b.png"}\n')
  const { status, err, out } = await command('batch', bad, '--out', at('bad'))
  expect([status, out]).toEqual([2, ''])
  const [first, second, summary] = err.trim().split('\n')
  expect(first).toBe(`${bad}:2:44: OPTION_INVALID: views takes a whole number from 1 to 256; got 0.`)
  expect(second).toContain(`${bad}:3:2: INPUT_NOT_FOUND: Expected a photo or a clip, but there is no file "`)
  expect(second).toContain('none\\x9b.png')
  expect(summary).toContain('error LIST_INVALID: ')
  expect(existsSync(at('bad'))).toBe(false)
})

test('--dry-run says what would be made, how long, and what that rests on', async () => {
  const measured = await command('batch', list, '--out', at('whole'), '--dry-run')
  expect(measured).toMatchObject({ status: 0, err: '' })
  expect(measured.out).toContain('3 jobs: 3 finished, 0 failed, 0 left; 0 to make: nothing to do')
  const more = writeList('more.jsonl', tiny, ...rows, {
    input: 'photos/bowl.png',
    prompt: 'silver bowl',
    out: 'silver',
  })
  const { lines } = await batch(more, '--out', at('whole'), '--dry-run')
  expect(lines).toMatchObject([
    { type: 'job', job: 'silver', state: 'waiting' },
    { type: 'plan', toMake: 1, total: 4 },
  ])
  const { seconds, basis } = lines[1] as unknown as { seconds: number; basis: string[] }
  expect(seconds).toBeGreaterThan(0)
  expect(basis).toEqual([
    expect.stringMatching(/^3 finished runs in this folder \(photo, fast, 192 px, cpu\): .* s a step, all included$/),
  ])
  expect(existsSync(at('whole', 'silver'))).toBe(false)
})
