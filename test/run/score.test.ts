import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { imageJobOf } from '../../src/run/imageJob.js'
import { runImageJob } from '../../src/run/runImageJob.js'
import type { ScoreReport } from '../../src/run/scoreRun.js'
import { command } from '../support/command.js'
import { toyTrainer } from './toyTrainer.mjs'

const teapot = fileURLToPath(new URL('../../examples/teapot.jpg', import.meta.url))
let home: string
const at = (...names: string[]): string => join(home, ...names)

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'text2live-score-'))
  writeFileSync(at('photo.png'), await sharp(teapot).resize(256, 256).png().toBuffer())
  const circle =
    '<svg width="256" height="256"><rect width="256" height="256"/><circle cx="128" cy="128" r="60" fill="white"/></svg>'
  writeFileSync(at('mask.png'), await sharp(Buffer.from(circle)).png().toBuffer())
  for (const [out, seed, seeds] of [
    ['run', 3, 1],
    ['runs', 2 ** 32 - 1, 2],
  ] as const) {
    await runImageJob(
      imageJobOf(
        {
          photo: at('photo.png'),
          prompt: 'golden teapot',
          source: 'teapot',
          size: 192,
          steps: 2,
          seed,
          seeds,
          device: 'cpu',
          out: at(out),
        },
        false,
      ),
      { open: toyTrainer(), signal: new AbortController().signal },
      () => undefined,
    )
  }
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

test('score measures a run, warns of the judge that was optimised, and leaves the folder as it was', async () => {
  const before = readdirSync(at('run')).sort()
  const { status, out, err } = await command('score', at('run'), '--mask', at('mask.png'), '--json')
  expect(status).toBe(0)
  const report = JSON.parse(out) as ScoreReport
  expect(Object.keys(report)).toEqual([
    'folder',
    'seed',
    'guidance',
    'optimised',
    'similarity',
    'directional',
    'structure_distance',
    'alpha_mean',
    'change_outside_alpha',
    'change_outside_mask',
    'localisation_iou',
  ])
  expect(report).toMatchObject({ seed: 3, guidance: ['starter'], optimised: ['starter'] })
  for (const name of ['similarity', 'directional'] as const) expect(Math.abs(report[name])).toBeLessThanOrEqual(1)
  expect(report.similarity).not.toBe(0)
  expect(report.alpha_mean).toBeGreaterThan(0)
  const alpha = await sharp(at('run', 'alpha.png')).stats()
  expect(report.alpha_mean).toBeCloseTo(alpha.channels[0]!.mean / 255, 3)
  expect(err).toContain('warning: starter was optimised in this run')
  expect(readdirSync(at('run')).sort()).toEqual(before)

  // The same mask as a label of 1.
  writeFileSync(
    at('label.png'),
    await sharp(at('mask.png'))
      .removeAlpha()
      .threshold(128)
      .linear(1 / 255, 0)
      .toColourspace('b-w')
      .png()
      .toBuffer(),
  )
  writeFileSync(
    at('hard.png'),
    await sharp(at('mask.png')).removeAlpha().threshold(128).toColourspace('b-w').png().toBuffer(),
  )
  const [hard, label] = await Promise.all(
    ['hard.png', 'label.png'].map((mask) => command('score', at('run'), '--mask', at(mask), '--json')),
  )
  const [asHard, asLabel] = [hard, label].map((each) => JSON.parse(each!.out) as { notes?: string[] })
  expect({ ...asLabel, notes: undefined }).toEqual({ ...asHard, notes: undefined })
  expect(asLabel!.notes).toEqual([expect.stringMatching(/label/)])
  expect(asHard!.notes).toBeUndefined()

  const text = await command('score', at('run'))
  expect(text.out).toContain('similarity')
  expect(text.out).not.toContain('localisation_iou')
})

test('score reports each variation, also where their seeds pass the largest', async () => {
  const { out } = await command('score', at('runs'), '--json')
  const reports = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as ScoreReport)
  expect(reports.map(({ seed }) => seed)).toEqual([2 ** 32 - 1, 0])
})

test('score leaves out the seeds that have no pictures yet, and says which', async () => {
  rmSync(at('runs', 'seed-0', 'alpha.png'))
  const left = `seed 0 is left out, since its pictures are not written yet; to go on with it: text2live image --resume ${at('runs')}`
  const { status, out } = await command('score', at('runs'), '--json')
  expect({ status, ...(JSON.parse(out) as ScoreReport) }).toMatchObject({ status: 0, seed: 2 ** 32 - 1, notes: [left] })
  expect((await command('score', at('runs'))).err).toContain(`note: ${left}\n`)
  rmSync(at('runs', `seed-${2 ** 32 - 1}`), { recursive: true })
  expect(await command('score', at('runs'))).toMatchObject({
    status: 2,
    err: expect.stringContaining(`text2live render ${at('runs')}\n`) as string,
  })
})

test('score says what is missing', async () => {
  expect(await command('score', at('nowhere'))).toMatchObject({
    status: 2,
    err: expect.stringContaining('RUN_NOT_FOUND') as string,
  })
  mkdirSync(at('clip'))
  writeFileSync(at('clip', 'config.yaml'), 'configVersion: 1\nclip: clip.mp4\n')
  expect(await command('score', at('clip'))).toMatchObject({
    status: 2,
    err: expect.stringMatching(/RUN_INVALID: .*score measures the edits of photos/) as string,
  })
  writeFileSync(at('small.png'), await sharp(at('mask.png')).resize(100, 100).png().toBuffer())
  expect(await command('score', at('run'), '--mask', at('small.png'))).toMatchObject({
    status: 2,
    err: expect.stringContaining('MASK_INVALID') as string,
  })
  rmSync(at('run', 'composite.png'))
  const { status, err } = await command('score', at('run'))
  expect(status).toBe(2)
  expect(err).toContain('text2live render')
})

test('relevancy draws the map over the photo, and never over a file', async () => {
  const args = [
    'relevancy',
    at('photo.png'),
    'teapot',
    '--out',
    at('heat.png'),
    '--map',
    at('map.png'),
    '--device',
    'cpu',
  ]
  const { status, out, err } = await command(...args)
  expect({ status, err }).toEqual({ status: 0, err: 'note: region: "teapot", with the outline of what stands out\n' })
  expect(out).toMatch(/"teapot" on \d+ % of the photo/)
  expect(await sharp(at('heat.png')).metadata()).toMatchObject({ width: 256, height: 256, channels: 3 })
  const map = await sharp(at('map.png')).greyscale().raw().toBuffer()
  const mean = (test: (x: number, y: number) => boolean) => {
    const inside = [...map].filter((_, i) => test(i % 256, Math.floor(i / 256)))
    return inside.reduce((sum, x) => sum + x, 0) / inside.length / 255
  }
  // The teapot's body, and a corner of the table.
  expect(mean((x, y) => x > 115 && x < 175 && y > 60 && y < 115)).toBeGreaterThan(0.8)
  expect(mean((x, y) => x < 50 && y < 50)).toBeLessThan(0.1)

  const before = readFileSync(at('map.png'))
  expect(await command(...args)).toMatchObject({ status: 2, err: expect.stringContaining('OUTPUT_EXISTS') as string })
  expect(readFileSync(at('map.png'))).toEqual(before)
  expect(await command(...args, '--force', '--relevancy', 'model', '--json')).toMatchObject({ status: 0 })
  expect(readFileSync(at('map.png'))).not.toEqual(before)
})

test('relevancy says what it needs', async () => {
  expect(await command('relevancy', at('photo.png'))).toMatchObject({ status: 2 })
  expect(await command('relevancy', at('photo.png'), ' ')).toMatchObject({
    status: 2,
    err: expect.stringContaining('PROMPT_EMPTY') as string,
  })
  expect(await command('relevancy', at('none.png'), 'x', '--out', at('none-heat.png'))).toMatchObject({
    status: 2,
    err: expect.stringContaining('INPUT_NOT_FOUND') as string,
  })
  expect(existsSync(at('none-heat.png'))).toBe(false)
})
