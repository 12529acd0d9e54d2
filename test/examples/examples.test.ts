import { execFile } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startToyStudio, token } from '../serve/toyStudio.js'

// The files of examples/ in a project of their own that has the built package installed, on a small photo.
const root = fileURLToPath(new URL('../..', import.meta.url))
const main = join(root, 'dist/cli/main.js')
const toy = {
  ...{ steps: 1, size: 192, views: 1, generatorWidth: 8, generatorLevels: 4, start: 'random', region: 'none' },
  ...{ device: 'cpu', threads: 1 },
}
let home: string
const at = (...names: string[]): string => join(home, ...names)

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'text2live-examples-'))
  cpSync(join(root, 'examples'), home, { recursive: true })
  mkdirSync(at('node_modules'))
  symlinkSync(root, at('node_modules', 'text2live'))
  writeFileSync(at('teapot.jpg'), await sharp(join(root, 'examples/teapot.jpg')).resize(224).jpeg().toBuffer())
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

/** @returns what it printed */
const run = (program: string, ...args: string[]): Promise<string> =>
  new Promise((resolve, reject) => {
    execFile(program, args, { cwd: home }, (error, out, err) => {
      if (error === null) resolve(out)
      else reject(new Error(`${program} ${args.join(' ')}: ${out}${err}`))
    })
  })
const node = (...args: string[]) => run(process.execPath, ...args)
const flags = Object.entries(toy).flatMap(([name, value]) => [
  `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
  String(value),
])

test('a photo, by a program', async () => {
  expect(await node('node/photo.mjs', 'teapot.jpg', 'golden-teapot', JSON.stringify(toy))).toContain('1 of 1: loss ')
  expect(await sharp(at('golden-teapot', 'composite.png')).metadata()).toMatchObject({ width: 224 })
  expect(readFileSync(at('golden-teapot', 'layers.psd')).subarray(0, 4).toString()).toBe('8BPS')
})

test('variations, by a program', async () => {
  const said = await node('node/variations.mjs', 'teapot.jpg', 'variations', JSON.stringify({ ...toy, seeds: 2 }))
  expect(said).toBe('seed 7\nseed 8\n')
  expect(readdirSync(at('variations'))).toContain('contact-sheet.png')
})

test('edits over each other, by a program', async () => {
  expect(await node('node/stacked.mjs', 'teapot.jpg', 'stack', JSON.stringify(toy))).toContain('layers.psd')
  expect(existsSync(at('stack', 'golden-in-snow', 'layers.psd'))).toBe(true)
})

test('a list of edits', async () => {
  const list = readFileSync(at('jobs.csv'), 'utf8')
  const { region: _, ...others } = toy
  const [names, values] = [Object.keys(others).join(), Object.values(others).join()]
  const cut = list
    .trim()
    .split('\n')
    .map((line, i) => `${line.replace(',teapot,7,', ',none,7,')},${i === 0 ? names : values}\n`)
  writeFileSync(at('jobs.csv'), cut.join(''))
  expect(await node(main, 'batch', 'jobs.csv')).toContain('2 finished, 0 failed')
})

test('a config of the published code', async () => {
  await node(main, 'image', '--config', 'golden_teapot.yaml', ...flags, '--out', 'published')
  expect(readFileSync(at('published', 'config.yaml'), 'utf8')).toContain('- golden teapot')
})

test.each([
  ['curl', 'sh', 'http/edit.sh'],
  ['Python', 'python3', 'http/edit.py'],
])('over HTTP, by %s', async (_, program, script) => {
  const studio = await startToyStudio()
  try {
    rmSync(at('layers.psd'), { force: true })
    const options = JSON.stringify({ prompt: 'golden teapot', source: 'teapot', preset: 'preview', steps: 2 })
    await run(program, script, new URL(studio.base).origin, token, 'teapot.jpg', options)
    expect(readFileSync(at('layers.psd')).subarray(0, 4).toString()).toBe('8BPS')
    expect(studio.faults).toEqual([])
  } finally {
    await studio.close()
  }
})
