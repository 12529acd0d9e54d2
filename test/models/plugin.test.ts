import { spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type * as Text2Live from '../../src/index.js'

// The built package: modules cross to the processes and threads of runs.
const { editImage, registerGuidance } = (await import(
  new URL('../../dist/index.js', import.meta.url).href
)) as typeof Text2Live
const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const example = fileURLToPath(new URL('../../examples/colours-and-edges.mjs', import.meta.url))
const identity = /plugin:colours-and-edges@1\.0\.0\+[\da-f]{16}/

let home: string
const at = (...names: string[]): string => join(home, ...names)
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'text2live-plugin-'))
  copyFileSync(example, at('guidance.mjs'))
  const source = readFileSync(example, 'utf8')
  writeFileSync(at('changed.mjs'), `${source}\n// Another file.\n`)
  // Only `tokens` are left of it.
  writeFileSync(
    at('edges.mjs'),
    source.replace(/\n {6}texts: \{.*?\n {6}\},/s, '').replace(/\n {6}relevancy\(.*?\n {6}\},/s, ''),
  )
  mkdirSync(at('node_modules', 'my-guidance', 'lib'), { recursive: true })
  copyFileSync(example, at('node_modules', 'my-guidance', 'lib', 'main.mjs'))
  writeFileSync(
    at('node_modules', 'my-guidance', 'package.json'),
    JSON.stringify({ name: 'my-guidance', exports: { '.': { import: './lib/main.mjs' } } }),
  )
  const pixels = Uint8Array.from({ length: 72 * 64 * 3 }, (_, i) => (i * 37 + (i >> 7) * 11) % 256)
  const photo = sharp(pixels, { raw: { width: 72, height: 64, channels: 3 } }).png()
  writeFileSync(at('bowl.png'), await photo.toBuffer())
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

function command(...args: string[]): Promise<{ status: number | null; text: string }> {
  const child = spawn(process.execPath, [main, ...args], { cwd: home })
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => {
      text += data.toString()
    })
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, text: text.replace(/\s+/g, ' ') })))
}
const toy =
  '--preset fast --size 192 --views 1 --generator-width 8 --start random --scale-min 1 --scale-max 1 --crops-min-cover 1 --seed 5 --device cpu --threads 1'
const edit = (...args: string[]) => command('image', ...args, ...toy.split(' '))

it('guides a run, which goes on with that module only, and only where a person names it', async () => {
  const begun = await edit(
    'bowl.png',
    'red bowl',
    '--guidance',
    './guidance.mjs',
    '--region',
    'none',
    '--steps',
    '1',
    '--out',
    'run',
  )
  expect(begun).toMatchObject({ status: 0 })
  const config = readFileSync(at('run', 'config.yaml'), 'utf8')
  expect(config).toMatch(identity)
  expect(config).not.toContain('guidance.mjs')

  const resume = (...args: string[]) => command('image', '--resume', 'run', '--steps', '2', ...args)
  const unnamed = await resume()
  expect(unnamed.status).toBe(2)
  expect(unnamed.text).toContain('GUIDANCE_NOT_REGISTERED')
  const other = await resume('--guidance', './changed.mjs')
  expect(other.status).toBe(2)
  expect(other.text).toContain('CHECKPOINT_MISMATCH')
  // The same file as a package is the same model.
  const named = await resume('--guidance', 'my-guidance')
  expect(named.status, named.text).toBe(0)
  expect(named.text).toContain('step 2/2')
  expect((await command('render', 'run', '--guidance', './guidance.mjs')).status).toBe(0)
})

it('is not run because a config names it', async () => {
  writeFileSync(at('config.yaml'), 'guidance: ./guidance.mjs\n')
  const refused = await edit('bowl.png', 'red bowl', '--config', 'config.yaml')
  expect(refused.status).toBe(2)
  expect(refused.text).toContain('GUIDANCE_NOT_REGISTERED')
})

it('is registered by a program, for the process of the run', async () => {
  const guidance = await registerGuidance(at('guidance.mjs'))
  expect(guidance).toMatch(identity)
  const { settings } = await editImage({
    photo: at('bowl.png'),
    prompt: 'red bowl',
    region: 'none',
    guidance: [guidance],
    preset: 'fast',
    start: 'random',
    size: 192,
    steps: 1,
    views: 1,
    generatorWidth: 8,
    device: 'cpu',
    threads: 1,
  }).result
  expect(settings.guidance).toEqual([guidance])
})

it('joins others with what it answers; alone it must read texts, in a photo as in the thread of a clip', async () => {
  const alone = await edit('bowl.png', 'red bowl', '--guidance', './edges.mjs')
  expect(alone.status).toBe(2)
  expect(alone.text).toContain('GUIDANCE_INCAPABLE: Expected a guidance model that reads texts')
  const clip = fileURLToPath(new URL('../../examples/swan.mp4', import.meta.url))
  const thread = await command(
    'video',
    clip,
    'red swan',
    '--guidance',
    './edges.mjs',
    '--frames',
    '5',
    '--device',
    'cpu',
  )
  expect(thread.status).toBe(2)
  expect(thread.text).toContain('GUIDANCE_INCAPABLE')
  const joined = await edit(
    ...['bowl.png', 'red bowl', '--guidance', './edges.mjs', '--guidance', './guidance.mjs', '--region', 'none'],
    ...['--steps', '1', '--out', 'joined'],
  )
  expect(joined.status, joined.text).toBe(0)
})

it('is checked by a command, which fails where a check does', async () => {
  const passed = await command('models', 'check', './edges.mjs')
  expect(passed.status, passed.text).toBe(0)
  expect(passed.text).toContain('tokens: gradient')
  expect(passed.text).not.toContain('texts')
  writeFileSync(at('broken.mjs'), readFileSync(example, 'utf8').replace('const cell = 16', 'const cell = 15'))
  const failed = await command('models', 'check', './broken.mjs', '--json')
  expect(failed.status).toBe(2)
  expect(failed.text).toContain('a multiple of cell')
  writeFileSync(at('empty.mjs'), 'export default {}\n')
  expect((await command('models', 'check', './empty.mjs')).text).toContain('to export a guidance plug-in')
})
