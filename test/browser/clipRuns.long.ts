import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Browser, type BrowserContext, type Page as Tab, chromium } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readSafetensors } from '../../src/formats/safetensors.js'
import { readClip } from '../../src/media/node/readClip.js'
import { writeClip } from '../../src/media/node/writeClip.js'
import type { GivenVideoOptions } from '../../src/options/videoOptions.js'
import { clipEnvironment, runVideoJob } from '../../src/run/video/runVideoJob.js'
import { RunControl } from '../../src/session/runControl.js'
import { checkpoints, videoFiles, videoOutputFiles } from '../../src/session/video/videoFiles.js'
import type { ClipPage, ClipPageJob } from './clipPage.js'
import { openTab, readInTab } from './openTab.js'
import type { Page } from './page.js'
import { servePage } from './servePage.js'

declare const page: Page
declare const clipPage: ClipPage

const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
const example = (name: string) => fileURLToPath(new URL(`../../examples/${name}`, import.meta.url))
/** A part of the example that shows the swan, as small as the generator takes. */
const [width, height, left, frames] = [148, 136, 50, 5]
const options: GivenVideoOptions = {
  prompt: ['golden swan'],
  source: ['swan'],
  preset: 'preview',
  size: 0,
  trainSize: 0,
  views: 2,
  steps: 2,
  previewEvery: 1,
  start: 'random',
  generatorWidth: 16,
  generatorLevels: 4,
  seed: 7,
  device: 'cpu',
}

describe.skipIf(!existsSync(executablePath))('a clip in Chromium, from a page with nothing of Node', () => {
  let site: Awaited<ReturnType<typeof servePage>>
  let browser: Browser
  let context: BrowserContext
  let tab: Tab
  let work: string
  let job: Extract<ClipPageJob, { kind: 'video' }>

  const run = (asked: ClipPageJob, stopAt?: number) =>
    tab.evaluate(([one, stop]) => clipPage.run(one, stop), [asked, stopAt] as const)
  const done = async (asked: ClipPageJob, stopAt?: number) => {
    const answer = await run(asked, stopAt)
    if ('code' in answer) throw new Error(`${answer.code}: ${answer.message}`)
    return answer
  }
  const read = (name: string, file: string) => readInTab(tab, name, file)
  /** The frames of a clip that the browser wrote. */
  const framesOf = async (name: string, file: string) => {
    await writeFile(join(work, file), (await read(name, file))!)
    return (await readClip(join(work, file))).frames
  }

  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), 'text2live-clip-runs-'))
    const swan = await readClip(example('swan.mp4'), { frames, size: height })
    const scaled = swan.frames.width
    const part = (pixels: Uint8Array): Uint8Array =>
      Uint8Array.from({ length: 3 * width * height }, (_, i) => {
        const [y, x] = [Math.floor(i / (3 * width)), i % (3 * width)]
        return pixels[3 * (y * scaled + left) + x]!
      })
    await writeClip(join(work, 'swan.mp4'), {
      format: 'mp4',
      width,
      height,
      timing: swan.timing,
      frames: swan.frames.pixels.map(part),
    })
    const mask = await sharp(example('swan-mask.png'))
      .resize(scaled, height, { fit: 'fill' })
      .extract({ left, top: 0, width, height })
      .png()
      .toBuffer()
    job = {
      kind: 'video',
      options,
      clip: { name: 'swan.mp4', bytes: (await readFile(join(work, 'swan.mp4'))).toString('base64') },
      object: [{ name: '00000.png', bytes: mask.toString('base64') }],
      run: 'swan',
    }
    site = await servePage()
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
    context = await browser.newContext()
    tab = await openTab(context, site.address, 'clipPage')
  }, 300_000)

  afterAll(async () => {
    await browser.close()
    await site.close()
    await rm(work, { recursive: true, force: true })
  })

  it('goes through every stage and output; stopped, reloaded and continued it has the bits of a run without a stop', async () => {
    const whole = await done({ ...job, run: 'whole' })
    expect(whole.result).toEqual({ finished: true, step: 2, run: 'whole', files: null })
    expect(whole.told.filter((line) => line.startsWith('stage-done'))).toEqual(
      ['clip', 'flow', 'masks', 'atlas', 'training', 'rendering', 'metrics'].map((stage) => `stage-done ${stage}`),
    )
    // On the atlas of the other run, which need not be fitted again.
    const stopped = await done({ ...job, options: { ...options, atlas: 'whole' }, run: 'stopped' }, 1)
    expect(stopped.result).toMatchObject({ finished: false, step: 1, run: 'stopped' })
    expect(stopped.told.at(-1)).toBe('interrupted training')
    await tab.close()
    tab = await openTab(context, site.address, 'clipPage')
    const continued = await done({ kind: 'resume', run: 'stopped', options: {} })
    expect(continued.result).toMatchObject({ finished: true, step: 2 })
    expect(continued.told).toContain('resumed training')
    expect(continued.told).not.toContain('stage-start atlas')
    const { editLayerFrames, foregroundAtlas, foregroundEdit, foregroundPsd, backgroundAtlas } = videoOutputFiles
    for (const name of [
      videoFiles.atlas,
      `${videoFiles.previews}/foreground-step-000001.png`,
      foregroundAtlas,
      foregroundEdit,
      foregroundPsd,
      backgroundAtlas,
      ...Array.from({ length: frames }, (_, t) => `${editLayerFrames}/0000${t}.png`),
    ]) {
      const [one, other] = [await read('whole', name), await read('stopped', name)]
      expect(one!.length, name).toBeGreaterThan(100)
      expect(one!.equals(other!), name).toBe(true)
    }
    // The state of the training, to the last bit; beside it the settings stand, which name another atlas.
    const tensors = async (run: string) =>
      readSafetensors(new Uint8Array((await read(run, checkpoints.training('foreground').file))!)).tensors
    const [one, other] = [await tensors('whole'), await tensors('stopped')]
    expect(one.size).toBeGreaterThan(1)
    for (const [name, { bytes }] of one)
      expect(Buffer.from(bytes).equals(Buffer.from(other.get(name)!.bytes)), name).toBe(true)
    expect(await read('stopped', checkpoints.flow(0).file)).toBeNull()
    expect((await done({ kind: 'resume', run: 'whole', options: {} })).told).toEqual(['done'])
  }, 600_000)

  it('leaves clips and pictures that others read, gold on the swan; what it cannot encode is said', async () => {
    const { notes } = await done({ kind: 'render', run: 'stopped' })
    expect(notes).toContainEqual(expect.stringContaining('edit-layer.mov is left out: ProRes cannot be encoded'))
    const layer = await framesOf('whole', videoOutputFiles.editLayer)
    expect([layer.width, layer.height, layer.pixels.length]).toEqual([width, height, frames])
    const png = await sharp((await read('whole', 'edit-layer/00003.png'))!).metadata()
    expect([png.width, png.height, png.channels]).toEqual([width, height, 4])
    const original = (await readClip(join(work, 'swan.mp4'))).frames.pixels[2]!
    const edited = await read('whole', videoOutputFiles.edited)
    const after =
      edited === null
        ? await sharp((await read('whole', 'edited/00002.png'))!)
            .raw()
            .toBuffer()
        : (await framesOf('whole', videoOutputFiles.edited)).pixels[2]!
    // Of a browser without an encoder for H.264 the frames are there, and it says so.
    expect(notes.some((note) => note.startsWith('edited.mp4 is left out'))).toBe(edited === null)
    const { data, info } = await sharp((await read('whole', `${videoFiles.masks}/00002.png`))!)
      .resize(width, height, { fit: 'fill' })
      .raw()
      .toBuffer({ resolveWithObject: true })
    const change = { on: 0, off: 0, inside: 0 }
    for (let i = 0; i < width * height; i++) {
      const moved = [0, 1, 2].reduce((sum, c) => sum + Math.abs(original[3 * i + c]! - after[3 * i + c]!), 0)
      const within = data[i * info.channels]! > 127
      change[within ? 'on' : 'off'] += moved
      change.inside += Number(within)
    }
    expect(change.on / change.inside).toBeGreaterThan(3 * (change.off / (width * height - change.inside)))
    expect(JSON.parse((await read('whole', videoOutputFiles.metrics))!.toString())).toMatchObject({
      psnr: expect.any(Number) as number,
      warp_error_output: expect.any(Number) as number,
    })
  }, 300_000)

  it('goes on in Node, from its files', async () => {
    const folder = join(work, 'run')
    const { config, events, atlas } = videoFiles
    for (const name of [
      config,
      events,
      atlas,
      checkpoints.training('foreground').file,
      checkpoints.edit('foreground').file,
      'clip.mp4',
      'object/00000.png',
    ]) {
      await mkdir(dirname(join(folder, name)), { recursive: true })
      await writeFile(join(folder, name), (await read('stopped', name))!)
    }
    const environment = clipEnvironment(new AbortController().signal, new RunControl())
    const rendered = await runVideoJob({ kind: 'render', run: folder }, environment, () => undefined)
    expect(rendered).toMatchObject({ finished: true, folder })
    expect((await readClip(join(folder, videoOutputFiles.edited))).frames).toMatchObject({ width, height })
    const told: string[] = []
    const more = await runVideoJob({ kind: 'resume', run: folder, options: { steps: 3 } }, environment, (event) => {
      told.push(event.type === 'step' ? `step ${event.step}` : event.type)
    })
    expect(more.finished).toBe(true)
    expect(told).toContain('resumed')
    expect(told.filter((line) => line.startsWith('step'))).toEqual(['step 3'])
  }, 300_000)

  it('refuses by code what a browser does not read and what a person gets wrong, and keeps nothing of it', async () => {
    const code = async (asked: ClipPageJob): Promise<string> => {
      const answer = await run(asked)
      return 'code' in answer ? answer.code : 'done'
    }
    const named = (text: string, name = 'clip') => ({ name, bytes: Buffer.from(text, 'latin1').toString('base64') })
    const before = await tab.evaluate(() => page.runNames())
    expect(await code({ ...job, clip: named('GIF89a and so on') })).toBe('CLIP_NOT_VIDEO')
    expect(await code({ ...job, clip: named('no clip at all') })).toBe('CLIP_NOT_VIDEO')
    expect(await code({ ...job, clip: { ...job.clip, bytes: job.clip.bytes.slice(0, 4000) } })).toBe('CLIP_TRUNCATED')
    expect(await code({ ...job, options: { ...options, prompt: [] } })).toBe('PROMPT_EMPTY')
    expect(await code({ ...job, options: { ...options, atlas: 'nowhere' } })).toBe('RUN_NOT_FOUND')
    expect(await code({ kind: 'resume', run: 'whole', options: { steps: 6, views: 3 } })).toBe('CHECKPOINT_MISMATCH')
    expect((await tab.evaluate(() => page.runNames())).sort()).toEqual(before.sort())
  }, 300_000)
})
