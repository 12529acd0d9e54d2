import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type * as Text2Live from '../../src/index.js'
import { writeToyClip, writeToyMask } from './toyVideo.mjs'

const { editVideo, RunControl } = (await import(
  new URL('../../dist/index.js', import.meta.url).href
)) as typeof Text2Live

let home: string
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'text2live-video-command-'))
  await writeToyClip(join(home, 'clip'), 6)
  await writeToyMask(join(home, '00000.png'))
  writeFileSync(join(home, 'empty.mp4'), '')
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

/** The built command in a process of its own; SIGINT once it has told what `stopAt` says. */
async function command(
  args: readonly string[],
  stopAt?: string,
): Promise<{ status: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [main, ...args], { cwd: home })
  const told = { out: '', err: '' }
  let stopped = false
  child.stdout.on('data', (data: Buffer) => {
    told.out += data.toString()
    if (stopAt !== undefined && !stopped && told.out.includes(stopAt)) stopped = child.kill('SIGINT')
  })
  child.stderr.on('data', (data: Buffer) => {
    told.err += data.toString()
  })
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve))
  return { status, ...told, err: told.err.replaceAll(/\s+/g, ' ').trim() }
}

const toy = ['--object', '00000.png', '--size', '0', '--seed', '3', '--device', 'cpu', '--threads', '1']

test.each([
  [
    ['video', 'clip'],
    'error PROMPT_EMPTY: A prompt is needed: say what the edited clip shows. For example: text2live video swan.mp4 "golden swan" --source swan --region swan',
  ],
  [
    ['video', 'clip', '--layer', 'both', '--foreground-prompt', 'gold'],
    'error PROMPT_EMPTY: A prompt is needed: say what the edited background (--background-prompt) shows. ' +
      'For example: text2live video swan.mp4 "golden swan" --source swan --region swan',
  ],
  [
    ['video', 'clip', 'gold', '--relevancy', 'model', '--region-bound', '1'],
    'error OPTION_INVALID: --region-bound needs the map of the region that --relevancy object or edges makes before ' +
      'training; with --relevancy model there is none, and --region-bound is 1. Choose one of those two, or leave --region-bound out.',
  ],
  [
    ['video', 'empty.mp4', 'gold'],
    'error INPUT_EMPTY: "empty.mp4" is empty (0 bytes). Give a video, an animated GIF, or a folder of images.',
  ],
  [
    ['video', '--resume', 'gone'],
    'error RUN_NOT_FOUND: There should be a run folder at "gone", but there is nothing. Check the path; runs are made in runs/ unless --out says otherwise.',
  ],
  [
    ['atlas', 'inspect', '.'],
    'error INPUT_NOT_FOUND: "." is no run folder, so the clip that the atlas was fitted to must be named: add --clip swan.mp4 (and --frames and --size as it was fitted).',
  ],
])('%j ends with status 2 and leaves nothing', async (args, text) => {
  const before = readdirSync(home)
  expect(await command(args)).toMatchObject({ status: 2, err: text })
  expect(readdirSync(home)).toEqual(before)
})

test('a prompt that is too long is refused before anything is made', async () => {
  const before = readdirSync(home)
  const { status, err } = await command(['video', 'clip', 'word '.repeat(300), ...toy])
  expect({ status, err: err.slice(0, 22) }).toEqual({ status: 2, err: 'error PROMPT_TOO_LONG:' })
  expect(readdirSync(home)).toEqual(before)
})

test('Ctrl-C keeps what is reached and says how to go on; the resumed fit ends, as NDJSON where asked', async () => {
  const stopped = await command(['atlas', 'fit', 'clip', ...toy, '-o', 'fit'], 'fitting the layered atlas: part')
  expect(stopped).toMatchObject({
    status: 130,
    err: 'stopping and keeping what is reached; press Ctrl-C again to leave at once',
  })
  expect(stopped.out).toContain('To go on: text2live video --resume fit')
  expect(existsSync(join(home, 'fit', 'atlas.safetensors'))).toBe(false)
  const resumed = await command(['video', '--resume', 'fit', '--json'])
  expect(resumed).toMatchObject({ status: 0, err: '' })
  const events = resumed.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string })
  expect(events.at(-1)).toMatchObject({ type: 'done', folder: 'fit' })
  expect(existsSync(join(home, 'fit', 'atlas.safetensors'))).toBe(true)
})

test('a fit that two threads share is that of one; stopped in the middle it goes on bit for bit', async () => {
  await writeToyClip(join(home, 'longer'), 9)
  const fit = (threads: string, out: string): string[] => [
    ...['atlas', 'fit', 'longer', ...toy.slice(0, -1), threads, '--json', '-o', out],
  ]
  expect(await command(fit('1', 'alone'))).toMatchObject({ status: 0, err: '' })
  const stopped = await command(fit('2', 'shared'), '"stage":"atlas","step":2,')
  expect(stopped.status).toBe(130)
  expect(existsSync(join(home, 'shared', 'atlas.safetensors'))).toBe(false)
  expect(await command(['video', '--resume', 'shared', '--json'])).toMatchObject({ status: 0, err: '' })
  const [alone, shared] = ['alone', 'shared'].map((out) => readFileSync(join(home, out, 'atlas.safetensors')))
  expect(shared!.equals(alone!)).toBe(true)
})

test('the library: events of a run in its own thread; leaving the loop stops it and keeps the folder', async () => {
  const options = {
    clip: join(home, 'clip'),
    object: join(home, '00000.png'),
    size: 0,
    seed: 3,
    device: 'cpu',
    threads: 1,
    prompt: 'gold',
    out: join(home, 'left'),
  } as const
  const control = new RunControl()
  control.pause()
  const run = editVideo({ ...options, control })
  const held: string[] = []
  for await (const event of run) {
    if (event.type === 'paused' || event.type === 'going-on') held.push(`${event.type} ${event.stage}`)
    if (event.type === 'paused') control.go()
    if (event.type === 'stage-start' && event.stage === 'flow') break
  }
  expect(held).toEqual(['paused flow', 'going-on flow'])
  expect(await run.result).toMatchObject({ finished: false, folder: options.out })
  expect(readdirSync(options.out)).toContain('config.yaml')
  await expect(editVideo({ ...options, steps: 0 }).result).rejects.toMatchObject({ code: 'OPTION_INVALID' })
})
