import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { GivenOptions } from '../../src/options/imageOptions.js'
import type { HostUpdate, RunEntry } from '../../src/session/runHost.js'
import { ServedHost } from '../../src/studio/hosts/servedHost.js'
import { bearer, token, toyOptions, namedPhoto, until } from './toyStudio.js'

// The server as a process: killed, stopped and started again, beside the command line over the same folder.

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const main = here('../../dist/cli/main.js')

let home: string
let runs: string
let port: number
const processes = new Set<ChildProcess>()
const ends: (() => void)[] = []

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'text2live-studio-process-'))
  runs = join(home, 'runs')
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  ;({ port } = server.address() as { port: number })
  server.close()
  await once(server, 'close')
})
afterEach(async () => {
  for (const end of ends.splice(0)) end()
  for (const child of processes) {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
  processes.clear()
  rmSync(home, { recursive: true, force: true })
})

interface Started {
  readonly child: ChildProcess
  /** What it wrote so far, to both outputs. */
  readonly said: () => string
  readonly ended: Promise<number | NodeJS.Signals>
}

function start(script: string, ...args: string[]): Started {
  const child = spawn(process.execPath, [script, ...args], {
    env: { ...process.env, TEXT2LIVE_TOKEN: token },
    cwd: home,
  })
  processes.add(child)
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => (said += text.toString('utf8')))
  const ended = once(child, 'exit').then(([status, signal]) => (status ?? signal) as number | NodeJS.Signals)
  return { child, said: () => said, ended }
}

async function listening(started: Started): Promise<Started> {
  await until(() => started.said().includes('http://'), 'the server says its address', 60)
  return started
}

const toyStudio = async (delay: number): Promise<Started> =>
  await listening(start(here('toyStudioProcess.mjs'), runs, String(port), token, String(delay)))

function watching(): { host: ServedHost; updates: HostUpdate[]; run: (name: string) => RunEntry | undefined } {
  const updates: HostUpdate[] = []
  const host = new ServedHost({ base: `http://127.0.0.1:${port}/api/v1`, token })
  ends.push(host.watch((update) => updates.push(update)))
  const latest = (): readonly RunEntry[] => updates.findLast((update) => update.type === 'runs')?.runs ?? []
  return { host, updates, run: (name) => latest().find((entry) => entry.name === name) }
}

const long: GivenOptions = { ...toyOptions, steps: 400, previewEvery: 0 }

test('after kill -9 a new server finds the jobs and goes on, and a page that was open comes back', async () => {
  const first = await toyStudio(20)
  const { host, run } = watching()
  const photo = await namedPhoto()
  const one = await host.submit({ kind: 'photo', options: { ...long, steps: 60 }, photo, mask: null })
  const other = await host.submit({ kind: 'photo', options: toyOptions, photo, mask: null })
  const third = await host.submit({ kind: 'photo', options: toyOptions, photo, mask: null })
  await host.ask(third, { do: 'move', place: 0 })
  await host.ask(other, { do: 'stop' })
  await until(
    () => run(one)?.state === 'running' && run(third)?.state === 'waiting' && run(other)?.state === 'stopped',
    'one runs, one waits, one was taken out',
  )
  first.child.kill('SIGKILL')
  await first.ended
  await toyStudio(0)
  await until(() => run(one)?.state === 'finished' && run(third)?.state === 'finished', 'both are finished', 60)
  expect(run(other)?.state).toBe('stopped')
  expect(readFileSync(join(runs, one, 'events.ndjson'), 'utf8')).toContain('"type":"done"')
}, 120_000)

test('Ctrl-C ends it in order: the step at hand is kept, and the next server goes on from there', async () => {
  const first = await toyStudio(20)
  const { host, updates, run } = watching()
  const name = await host.submit({ kind: 'photo', options: long, photo: await namedPhoto(), mask: null })
  await until(
    () => updates.some((update) => update.type === 'event' && update.event.type === 'step' && update.event.step >= 10),
    'ten steps',
  )
  const stream = await fetch(`http://127.0.0.1:${port}/api/v1/events`, { headers: bearer })
  first.child.kill('SIGINT')
  await stream.text()
  expect(await first.ended).toBe(0)
  expect(first.said()).toContain('closed')
  expect(existsSync(join(runs, name, 'checkpoint.safetensors'))).toBe(true)
  expect(existsSync(join(runs, name, '.lock'))).toBe(false)
  const events = readFileSync(join(runs, name, 'events.ndjson'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string; step?: number })
  const stopped = events.at(-1)!
  expect(stopped.type).toBe('interrupted')
  await toyStudio(0)
  await until(() => run(name)?.state === 'finished', 'it is finished', 60)
  const resumed = readFileSync(join(runs, name, 'events.ndjson'), 'utf8')
    .split('\n')
    .find((line) => line.includes('"resumed"'))
  expect(JSON.parse(resumed!)).toMatchObject({ step: stopped.step })
}, 120_000)

test('runs of the command line are listed; one that another process holds is shown so, and not taken', async () => {
  await toyStudio(20)
  const { host, run } = watching()
  const photo = join(home, 'pot.png')
  writeFileSync(photo, (await namedPhoto()).bytes)
  const elsewhere = start(here('../run/toyRun.mjs'), JSON.stringify({ ...long, photo, out: join(runs, 'pot-1') }), '50')
  await until(() => run('pot-1')?.state === 'running', 'the run of another process is listed as running', 60)
  expect(run('pot-1')?.error).toMatchObject({
    code: 'RUN_LOCKED',
    message: expect.stringContaining(`process ${elsewhere.child.pid}`) as string,
  })
  for (const request of [{ do: 'go' }, { do: 'stop' }, { do: 'delete' }, { do: 'steps', steps: 500 }] as const)
    await expect(host.ask('pot-1', request)).rejects.toMatchObject({ code: 'RUN_LOCKED' })
  const own = await host.submit({ kind: 'photo', options: toyOptions, photo: await namedPhoto('pot.png'), mask: null })
  expect(own).toBe('pot-2')
  await until(() => run(own)?.state === 'finished', 'our own run goes on beside it')
  elsewhere.child.kill('SIGINT')
  await until(() => run('pot-1')?.state === 'stopped', 'it is let go', 30)
  expect(run('pot-1')?.error).toBeNull()
  await host.ask('pot-1', { do: 'steps', steps: (run('pot-1')?.step ?? 0) + 2 })
  await host.ask('pot-1', { do: 'go' })
  await until(() => run('pot-1')?.state === 'finished', 'we went on with it', 30)
  const busy = await host.submit({
    kind: 'photo',
    options: { ...long, steps: 30_000 },
    photo: await namedPhoto(),
    mask: null,
  })
  const [taken, after] = [
    await host.submit({ kind: 'photo', options: long, photo: await namedPhoto(), mask: null }),
    await host.submit({ kind: 'photo', options: toyOptions, photo: await namedPhoto(), mask: null }),
  ]
  const taker = start(here('../run/toyRun.mjs'), JSON.stringify({ resume: join(runs, taken) }), '50')
  await until(() => taker.said().includes('step 3'), 'another process is at work on what waits here', 30)
  await host.ask(busy, { do: 'stop' })
  await until(() => run(after)?.state === 'finished', 'the one behind it has its turn', 30)
  expect(run(taken)).toMatchObject({ state: 'running', error: { code: 'RUN_LOCKED' } })
  taker.child.kill('SIGKILL')
  await until(() => run(taken)?.state === 'finished', 'it has its turn when the other process is gone', 30)
  rmSync(join(runs, own), { recursive: true })
  await until(() => run(own) === undefined, 'what was deleted by hand is gone from the list')
}, 120_000)

test('a second server over the same folder, a taken port and an address without a token are refused', async () => {
  await toyStudio(0)
  const cases = [
    [['--port', String(port), join(home, 'more')], 'ADDRESS_UNAVAILABLE'],
    [['--port', '1', '--listen', '203.0.113.7', join(home, 'more')], 'ADDRESS_UNAVAILABLE'],
    [['--port', '0'], 'OPTION_INVALID'],
    [['--token-file', join(home, 'nothing')], 'INPUT_NOT_FOUND'],
    [[runs], 'RUN_LOCKED'],
  ] as const
  for (const [args, code] of cases) {
    const refused = start(main, 'studio', '--no-open', ...args)
    const status = await refused.ended
    expect([args, status, refused.said()]).toEqual([args, 2, expect.stringContaining(`error ${code}:`)])
  }
  const open = spawn(process.execPath, [main, 'studio', '--no-open', '--listen', '0.0.0.0', join(home, 'more')], {
    env: { ...process.env, TEXT2LIVE_TOKEN: undefined },
  })
  processes.add(open)
  let said = ''
  open.stderr.on('data', (text: Buffer) => (said += text.toString('utf8')))
  expect((await once(open, 'exit'))[0]).toBe(2)
  expect(said).toContain('error TOKEN_NEEDED:')
}, 120_000)

test('the command trains a real run, which the command line continues', async () => {
  const studio = await listening(start(main, 'studio', '--no-open', '--port', String(port), runs))
  const page = await fetch(`http://127.0.0.1:${port}/`)
  expect(await page.text()).toContain('<script type="module"')
  const { host, run } = watching()
  const photo = { name: 'teapot.jpg', bytes: new Uint8Array(readFileSync(here('../../examples/teapot.jpg'))) }
  const options: GivenOptions = {
    prompt: 'golden teapot',
    source: 'teapot',
    region: 'none',
    preset: 'preview',
    size: 192,
    steps: 2,
    views: 2,
    generatorWidth: 16,
    start: 'random',
    seed: 1,
    device: 'cpu',
  }
  const name = await host.submit({ kind: 'photo', options, photo, mask: null })
  await until(() => run(name)?.state === 'finished' || run(name)?.state === 'failed', 'the run is finished', 120)
  expect([run(name), studio.said()]).toMatchObject([{ state: 'finished', step: 2, error: null }, {}])
  const located = await host.locate({ options: { ...options, region: 'teapot' }, photo }, AbortSignal.timeout(60_000))
  expect(located.share).toBeGreaterThan(0.05)
  expect(located.share).toBeLessThan(0.6)
  expect(Buffer.from(located.map).subarray(1, 4).toString('latin1')).toBe('PNG')
  const given = new AbortController()
  const asked = host.locate({ options, photo }, given.signal)
  setTimeout(() => given.abort(), 100)
  await expect(asked).rejects.toMatchObject({ code: 'INTERRUPTED' })
  studio.child.kill('SIGINT')
  expect([await studio.ended, studio.said()]).toEqual([0, expect.not.stringContaining('error')])
  const resumed = start(main, 'image', '--resume', join(runs, name), '--steps', '3')
  expect([await resumed.ended, resumed.said()]).toEqual([0, expect.stringContaining('3')])
  expect(readFileSync(join(runs, name, 'config.yaml'), 'utf8')).toContain('steps: 3')
}, 240_000)
