import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Browser, type BrowserContext, chromium } from 'playwright-core'
import sharp from 'sharp'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readClip } from '../../src/media/node/readClip.js'
import { writeClip } from '../../src/media/node/writeClip.js'
import { serveSite, type SiteServer } from './tab/servePlain.js'
import { seriousFaults, StudioPage } from './studioPage.js'

const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
const swan = fileURLToPath(new URL('../../examples/swan.mp4', import.meta.url))
/** A part of the example that shows the swan, as small as the generator takes. */
const [width, height, left, frames] = [148, 136, 50, 5]
const tinyClip = {
  preset: 'preview',
  size: 0,
  trainSize: 0,
  views: 2,
  steps: 2,
  previewEvery: 1,
  start: 'random',
  generatorWidth: 16,
  generatorLevels: 4,
  device: 'cpu',
  threads: 1,
} as const

describe.skipIf(!existsSync(executablePath))('a clip in the studio in a tab, as a person uses it', () => {
  let site: SiteServer
  let browser: Browser
  let context: BrowserContext
  let page: StudioPage
  let work: string
  let clip: string

  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), 'text2live-clip-page-'))
    clip = join(work, 'swan.mp4')
    const whole = await readClip(swan, { frames, size: height })
    const part = (pixels: Uint8Array): Uint8Array =>
      Uint8Array.from({ length: 3 * width * height }, (_, i) => {
        const [y, x] = [Math.floor(i / (3 * width)), i % (3 * width)]
        return pixels[3 * (y * whole.frames.width + left) + x]!
      })
    await writeClip(clip, {
      format: 'mp4',
      width,
      height,
      timing: whole.timing,
      frames: whole.frames.pixels.map(part),
    })
    const built = join(work, 'site')
    await build({
      configFile: fileURLToPath(new URL('../../vite.studio.ts', import.meta.url)),
      mode: 'tab',
      logLevel: 'error',
      build: { outDir: built, emptyOutDir: true },
    })
    site = await serveSite(built)
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
    context = await browser.newContext({ acceptDownloads: true, viewport: { width: 1280, height: 800 }, locale: 'en' })
    page = new StudioPage(await context.newPage())
    page.tab.on('pageerror', (error) => process.stderr.write(`page: ${error.message}\n`))
    await page.tab.goto(site.address)
  }, 300_000)

  afterAll(async () => {
    await browser.close()
    await site.close()
    await rm(work, { recursive: true, force: true })
  })

  const frame = (): ReturnType<StudioPage['tab']['getByRole']> => page.tab.getByRole('slider', { name: 'Frame' })

  it('takes a clip, an object brushed on one frame and words to an MP4 and a WebM with alpha', async () => {
    await page.fetchModels()
    await page.openPhoto(clip)
    expect(await frame().getAttribute('max')).toBe(String(frames - 1))
    await page.say({ Prompt: 'golden swan', Source: 'swan' })
    await page.set(tinyClip)
    await page.tab.getByRole('button', { name: 'A frame on' }).click()
    await page.brush([0.45, 0.5], [0.55, 0.5])
    await page.tab.getByText('This frame has a mask of the object.').waitFor()
    await page.tab.getByRole('application').press(',')
    await page.tab.getByText('Nothing is painted on this frame.').waitFor()
    expect(await frame().inputValue()).toBe('0')
    await page.tab.getByRole('button', { name: 'Frame 1', exact: true }).waitFor()
    await page.start()
    await page.tab.screenshot({ path: '/tmp/h/clip-run.png' })
    await page.state('finished', 240_000)
    await page.tab.screenshot({ path: '/tmp/h/clip-done.png' })
  }, 300_000)
})
