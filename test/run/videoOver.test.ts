import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { FloatImage } from '../../src/media/image.js'
import { readClip } from '../../src/media/node/readClip.js'
import type { GivenVideoOptions } from '../../src/options/videoOptions.js'
import { runVideoJob } from '../../src/run/video/runVideoJob.js'
import { videoJobOf } from '../../src/run/video/videoJob.js'
import type { VideoTrainerInput } from '../../src/session/video/openVideoTrainer.js'
import type { VideoEvent } from '../../src/session/videoEvents.js'
import { writeSlidingClip } from '../support/slidingAtlas.js'
import { computed, job, run } from './toyVideoRuns.js'
import { toyVideoTrainer } from './toyVideo.mjs'

/** Made once: a clip, its atlas, and a run that edits both layers. */
let home: string
/** Of one test. */
let work: string
const at = (...names: string[]): string => join(work, ...names)
const lower = (): GivenVideoOptions => ({
  clip: join(home, 'clip'),
  prompt: 'golden disc',
  source: 'disc',
  layer: 'both',
  size: 0,
  seed: 3,
  steps: 2,
  previewEvery: 0,
  device: 'cpu',
  threads: 1,
  atlas: join(home, 'atlas.safetensors'),
  out: join(home, 'lower'),
})
function upper(): GivenVideoOptions {
  const { atlas: _, ...shared } = lower()
  return { ...shared, prompt: 'snow', layer: 'foreground', seed: 5, over: at('lower'), out: at('upper') }
}

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'text2live-over-'))
  await writeSlidingClip(home)
  await run(lower())
})
afterAll(() => rmSync(home, { recursive: true, force: true }))
beforeEach(() => {
  work = mkdtempSync(join(home, 'work-'))
  cpSync(join(home, 'lower'), at('lower'), { recursive: true })
})

const failureOf = async (doing: Promise<unknown>): Promise<string> =>
  await doing.then(
    () => 'no error',
    (error: unknown) => `${(error as { code: string }).code}: ${(error as Error).message}`,
  )
const notes = (events: readonly VideoEvent[]): string[] =>
  events.flatMap((event) => (event.type === 'note' ? [event.message] : []))
const layerOf = async (folder: string, t: number): Promise<Buffer> =>
  await sharp(join(folder, 'edit-layer', `0000${t}.png`))
    .raw()
    .toBuffer()

test('the edit is trained over the edits below, in the atlas and in the frames, and the outputs show all', async () => {
  const inputs: VideoTrainerInput[] = []
  const toy = toyVideoTrainer()
  await runVideoJob(
    videoJobOf(upper(), 'edit'),
    {
      openTrainer: (input, ...rest) => {
        inputs.push(input)
        return toy(input, ...rest)
      },
      checkTexts: () => Promise.resolve(),
      signal: new AbortController().signal,
    },
    () => undefined,
  )
  const [{ atlas, frames }] = inputs as [VideoTrainerInput]
  const image = await atlas.image('foreground')
  const plain = await planes(at('lower', 'foreground-atlas.png'))
  const below = await planes(at('lower', 'foreground-edit.png'))
  const plane = image.width * image.height
  const composite = image.data.map((_, i) => {
    const alpha = below.data[3 * plane + (i % plane)]!
    return alpha * below.data[i]! + (1 - alpha) * plain.data[i]!
  })
  expect(furthest(image.data, composite)).toBeLessThan(1e-5)

  // What lies over what, in every frame: the clip, the edit below, the edit of this run.
  const edited = (await readClip(at('upper', 'edited.mp4'))).frames.pixels
  for (const t of [0, 3]) {
    const original = await sharp(join(home, 'clip', `0000${t}.png`))
      .raw()
      .toBuffer()
    const under = over(await layerOf(at('lower'), t), original)
    expect(furthest(frames.pixels[t]!, under), `frame ${t}`).toBeLessThanOrEqual(2)
    const all = over(await layerOf(at('upper'), t), frames.pixels[t]!)
    const alone = over(await layerOf(at('upper'), t), original)
    // What compression changes, against what is missing.
    expect(meanDistance(edited[t]!, all), `frame ${t}`).toBeLessThan(meanDistance(edited[t]!, alone) / 2)
  }

  expect(readdirSync(at('upper', 'below-1'))).toEqual(['background.png', 'foreground.png'])
  for (const layer of ['foreground', 'background'])
    expect(readFileSync(at('upper', 'below-1', `${layer}.png`))).toEqual(readFileSync(at('lower', `${layer}-edit.png`)))
  expect(JSON.parse(readFileSync(at('upper', 'below.json'), 'utf8'))).toMatchObject([
    { run: 'lower', title: 'golden disc' },
  ])
  expect(readFileSync(at('upper', 'config.yaml'), 'utf8')).toMatch(/over:\s*(\[?\s*"?below-1|- below-1)/)
})

/** A picture's channels as planes, in [0, 1]. */
async function planes(path: string): Promise<Pick<FloatImage, 'data'>> {
  const { data, info } = await sharp(path).raw().toBuffer({ resolveWithObject: true })
  const plane = info.width * info.height
  return {
    data: Float32Array.from(
      { length: data.length },
      (_, i) => data[(i % plane) * info.channels + Math.floor(i / plane)]! / 255,
    ),
  }
}

/** A layer's RGBA bytes over a frame's RGB bytes. */
const over = (layer: Uint8Array, frame: Uint8Array): Uint8Array =>
  frame.map((value, i) => {
    const at = 4 * Math.floor(i / 3)
    return Math.round((layer[at + 3]! * layer[at + (i % 3)]! + (255 - layer[at + 3]!) * value) / 255)
  })
function furthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let most = a.length === b.length ? 0 : Infinity
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i]! - b[i]!))
  return most
}
const meanDistance = (a: Uint8Array, b: Uint8Array): number =>
  a.reduce((sum, x, i) => sum + Math.abs(x - b[i]!), 0) / a.length

test('a stopped run goes on bit for bit over its own copies, whatever became of the run below', async () => {
  await run({ ...upper(), out: at('whole') })
  await run(upper(), 'edit', {}, (event) => event.type === 'step')
  rmSync(at('lower'), { recursive: true })
  expect((await run({ resume: at('upper') })).result.finished).toBe(true)
  expect(await computed(at('upper'))).toEqual(await computed(at('whole')))
  // From its settings it begins anew over the same.
  await run({ config: at('upper', 'config.yaml'), out: at('again'), atlas: at('whole') })
  const {
    'checkpoints/training-foreground.safetensors': state,
    'checkpoints/edit-foreground.safetensors': edit,
    ...again
  } = await computed(at('again'))
  expect(state).not.toBe(edit)
  expect(await computed(at('whole'))).toMatchObject(again)
  cpSync(at('upper', 'below-1', 'background.png'), at('upper', 'below-1', 'foreground.png'))
  expect(await failureOf(run({ resume: at('upper'), steps: 4 }))).toMatch(/^CHECKPOINT_MISMATCH: .*other pictures/)
})

test('render takes the run below as it is now and says what it took', async () => {
  await run(upper())
  const before = await computed(at('upper'))
  const render = async () => await job({ kind: 'render', run: at('upper') })
  expect(notes((await render()).events).filter((note) => note.startsWith('below'))).toEqual([])
  expect(await computed(at('upper'))).toEqual(before)
  await run({ resume: at('lower'), steps: 5 })
  expect(notes((await render()).events)).toContain(
    'below: "golden disc" as lower has it now, which is not what this run was trained over',
  )
  const followed = await computed(at('upper'))
  expect(followed['edited.mp4']).not.toBe(before['edited.mp4'])
  expect(followed['edit-layer/00002.png']).toBe(before['edit-layer/00002.png'])
  rmSync(at('lower'), { recursive: true })
  expect(notes((await render()).events)).toContain(
    `below: the run's own copy of "golden disc", since the run it came from ("lower") is not beside it`,
  )
  expect(await computed(at('upper'))).toEqual(before)
})

test('two runs below lie in the order in which they are named', async () => {
  await run({ ...upper(), out: at('middle') })
  const { events } = await run({ ...upper(), over: [at('middle')], seed: 7, out: at('alone') })
  expect(notes(events).join()).toContain('middle" itself stands on lower, and only what is named is below this run')
  await run({ ...upper(), over: [at('lower'), at('middle')], seed: 7 })
  const frame = async (name: string): Promise<Uint8Array> => (await readClip(at(name, 'edited.mp4'))).frames.pixels[2]!
  const all = over(await layerOf(at('upper'), 2), await frame('middle'))
  expect(meanDistance(await frame('upper'), all)).toBeLessThan(meanDistance(await frame('alone'), all) / 1.5)
  expect(readdirSync(at('upper')).filter((name) => name.startsWith('below'))).toEqual([
    'below-1',
    'below-2',
    'below.json',
  ])
})

test('refuses by code what cannot be stood on, and leaves nothing', async () => {
  cpSync(join(home, 'clip'), at('other'), { recursive: true })
  cpSync(join(home, 'clip', '00000.png'), at('other', '00001.png'))
  cpSync(at('lower'), at('bare'), { recursive: true })
  rmSync(at('bare', 'foreground-edit.png'))
  rmSync(at('bare', 'background-edit.png'))
  writeFileSync(at('notes.txt'), '')
  const before = readdirSync(work)
  const refused = async (given: GivenVideoOptions, goal: 'edit' | 'atlas' = 'edit') =>
    await failureOf(run({ ...upper(), ...given }, goal))
  expect(await refused({ clip: at('other') })).toMatch(/^ATLAS_MISMATCH: .*lower", which it is to be painted over/)
  expect(await refused({ atlas: 'fast' })).toMatch(/^OPTION_INVALID: .*with --atlas fast it would have one of its own/)
  expect(await refused({}, 'atlas')).toMatch(/^OPTION_INVALID: .*painted over nothing/)
  expect(await refused({ over: at('bare') })).toMatch(/^RUN_INVALID: .*it has no edit yet/)
  expect(await refused({ over: at('other') })).toMatch(/^RUN_NOT_FOUND/)
  expect(readdirSync(work)).toEqual(before)
})
