import { spawn } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunEvent } from '../../src/session/events.js'
import { startHub, type HubServer } from '../models/hubServer.js'
import { openaiTensors } from '../models/openaiTensors.js'
import { tinyModel } from '../models/tinyModel.js'
import { writeTorchFile } from '../models/torchWriter.js'
import { toyPhoto } from '../support/toyPhoto.js'

// The built command: training, and with it the download, runs in a process of its own.
const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const repo = 'openai/clip-vit-base-patch32'
const flags = [
  '--prompt',
  'bowl',
  '--source',
  'bowl',
  '--screen',
  'bowl',
  '--truncate',
  '--preset',
  'fast',
  '--size',
  '192',
  '--steps',
  '1',
  '--views',
  '1',
  '--generator-width',
  '8',
  '--scale-min',
  '1',
  '--scale-max',
  '1',
  '--crops-min-cover',
  '1',
  '--seed',
  '5',
  '--device',
  'cpu',
  '--threads',
  '1',
]
let hub: HubServer
let home: string

beforeAll(async () => {
  hub = await startHub(new Map([[repo, await tinyModel()]]))
  home = await mkdtemp(join(tmpdir(), 'fetched-'))
  await writeFile(join(home, 'bowl.png'), await toyPhoto())
})
afterAll(async () => {
  await hub.close()
  await rm(home, { recursive: true })
})

interface Ended {
  readonly status: number | null
  readonly out: string
  readonly err: string
  /** Since it was interrupted. */
  readonly secondsAfter: number
}

/** Runs the command; the first time that its output has `interruptAt`, Ctrl-C is pressed. */
function image(args: readonly string[], interruptAt?: string): Promise<Ended> {
  return command('image', args, 'hf', interruptAt)
}

/** Any command, with a cache of that name. */
function command(name: string, args: readonly string[], cache: string, interruptAt?: string): Promise<Ended> {
  const env = {
    PATH: process.env.PATH,
    HF_HOME: join(home, cache),
    XDG_CACHE_HOME: join(home, cache),
    HOME: home,
    HF_ENDPOINT: hub.endpoint,
  }
  const child = spawn(process.execPath, [main, name, ...args], { cwd: home, env })
  let [out, err] = ['', '']
  let interrupted = 0
  child.stderr.on('data', (text: Buffer) => {
    err += String(text)
  })
  child.stdout.on('data', (text: Buffer) => {
    out += String(text)
    if (interrupted > 0 || interruptAt === undefined || !out.includes(interruptAt)) return
    interrupted = performance.now()
    child.kill('SIGINT')
  })
  return new Promise((done) =>
    child.on('close', (status) => done({ status, out, err, secondsAfter: (performance.now() - interrupted) / 1000 })),
  )
}

const eventsIn = (text: string): RunEvent[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as RunEvent)

test('Ctrl-C ends a download at once and keeps what came', async () => {
  hub.trouble = (path) => (path === 'model.safetensors' ? { slow: 5000 } : undefined)
  const { status, secondsAfter } = await image(
    ['bowl.png', '--guidance', repo, '--json', '--out', 'stopped', ...flags],
    '"file":"model.safetensors"',
  )
  expect(status).toBe(130)
  // The rest would take over a minute.
  expect(secondsAfter).toBeLessThan(15)
  const blobs = await readdir(join(home, 'hf', 'hub', 'models--openai--clip-vit-base-patch32', 'blobs'))
  expect(blobs.filter((name) => name.endsWith('.text2live-part'))).toHaveLength(1)
  expect(await readdir(home)).not.toContain('stopped')
  hub.trouble = () => undefined
})

test('a run fetches the model that --guidance names, says how far it is, and resumes without the network', async () => {
  const { status, out, err } = await image(['bowl.png', '--guidance', repo, '--json', '--out', 'run', ...flags])
  expect(err).toBe('')
  expect(status).toBe(0)
  const events = eventsIn(out)
  const downloads = events.filter((event) => event.type === 'model-download')
  expect(downloads.at(-1)).toMatchObject({ model: repo, bytes: downloads[0]!.total })
  // The small files came before Ctrl-C.
  expect(new Set(downloads.map(({ file }) => file))).toEqual(new Set(['model.safetensors']))
  expect(events.findIndex(({ type }) => type === 'model-loading')).toBeLessThan(
    events.findIndex(({ type }) => type === 'model-download'),
  )
  expect(events.at(-1)).toMatchObject({ type: 'done', step: 1 })
  expect(
    eventsIn(await readFile(join(home, 'run', 'events.ndjson'), 'utf8')).filter(
      ({ type }) => type === 'model-download',
    ),
  ).toEqual(downloads)
  expect(await readFile(join(home, 'run', 'config.yaml'), 'utf8')).toContain(repo)

  hub.requests.length = 0
  const more = await image(['--resume', 'run', '--steps', '2'])
  expect(more).toMatchObject({ status: 0, err: '' })
  expect(more.out).toContain('step 2/2')
  expect(hub.requests).toEqual([])
})

test('what a run folder names is not fetched unasked: it says which model, and how', async () => {
  await cp(join(home, 'run'), join(home, 'sent'), { recursive: true })
  hub.requests.length = 0
  for (const [name, args] of [
    ['image', ['--resume', 'sent', '--steps', '3']],
    ['render', ['sent']],
    ['score', ['sent']],
    ['image', ['--config', 'sent/config.yaml', '--out', 'again']],
  ] as const) {
    const { status, err } = await command(name, args, 'empty')
    expect(status, name).toBe(2)
    expect(err.replaceAll(/\s+/g, ' '), name).toContain(
      `error MODEL_NOT_CACHED: The run was made with the model "${repo}", which is not on this machine.`,
    )
    expect(err.replaceAll(/\s+/g, ' '), name).toContain(`text2live models get ${repo}`)
  }
  expect(hub.requests).toEqual([])
  expect(await readdir(home)).not.toContain('again')
  // Named by a person, under any of its names, it is.
  expect(await command('image', ['--resume', 'sent', '--steps', '3', '--guidance', 'ViT-B/32'], 'empty')).toMatchObject(
    { status: 0, err: '' },
  )
  expect(hub.requests.length).toBeGreaterThan(0)
})

test('an address with a password and a token is used whole, and written nowhere', async () => {
  hub.plain.set('/files/own.pt', writeTorchFile(openaiTensors()))
  const { host } = new URL(hub.endpoint)
  const [shown, given] = [
    `http://${host}/files/own.pt`,
    `http://someone:pass-9@${host}/files/own.pt?token=tok-7#frag-5`,
  ]
  const ran = await command('image', ['bowl.png', '--guidance', given, '--json', '--out', 'private', ...flags], 'hf')
  expect(ran).toMatchObject({ status: 0, err: '' })
  expect(hub.tokens).toContain('/files/own.pt')
  const written = await Promise.all(
    (await readdir(join(home, 'private'), { withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map(({ name }) => readFile(join(home, 'private', name), 'latin1')),
  )
  for (const text of [ran.out, ...written])
    for (const secret of ['pass-9', 'tok-7', 'frag-5', 'someone']) expect(text.includes(secret), secret).toBe(false)
  expect(await readFile(join(home, 'private', 'config.yaml'), 'utf8')).toContain(shown)
  const again = await command('image', ['--resume', 'private', '--steps', '2'], 'hf')
  expect(again).toMatchObject({ status: 2 })
  expect(again.err.replaceAll(/\s+/g, ' ')).toContain(
    `error MODEL_NOT_CACHED: The run was made with the model "${shown}"`,
  )
  hub.requests.length = 0
  expect(await command('image', ['--resume', 'private', '--steps', '2', '--guidance', given], 'hf')).toMatchObject({
    status: 0,
    err: '',
  })
  expect(hub.requests).toEqual([])
  const refused = await command(
    'image',
    ['bowl.png', '--guidance', `http://someone:pass-9@${host}/gone.pt?token=tok-7`, '--json', ...flags],
    'hf',
  )
  expect(refused.status).toBe(2)
  expect(`${refused.out}${refused.err}`).not.toMatch(/pass-9|tok-7/)
})

test('a name that nobody knows ends the run before anything is written', async () => {
  const { status, err } = await image(['bowl.png', '--guidance', 'clip-vit-base-patch23', '--out', 'none', ...flags])
  expect(status).toBe(2)
  expect(err.replaceAll('\n', ' ')).toContain(
    'error MODEL_UNKNOWN: There is no guidance model called "clip-vit-base-patch23", and no folder of that name. The nearest is "clip-vit-base-patch32"',
  )
  expect(await readdir(home)).not.toContain('none')
})
