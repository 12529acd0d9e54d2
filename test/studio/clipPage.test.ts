import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { unzipSync } from 'fflate'
import { type Browser, chromium } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readClip } from '../../src/media/node/readClip.js'
import { writeClip } from '../../src/media/node/writeClip.js'
import { serveSite, type SiteServer } from './tab/servePlain.js'
import { buildSite, chromiumPath, openStudio, seriousFaults, type StudioPage } from './studioPage.js'

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

/** In the page: has the browser kept something that was painted on an atlas? */
async function paintIsKept(): Promise<boolean> {
  const done = <T>(request: IDBRequest<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(request.error!)
    })
  const database = await done(indexedDB.open('keyval-store'))
  const keys = await done(database.transaction('keyval').objectStore('keyval').getAllKeys())
  database.close()
  return keys.some((key) => typeof key === 'string' && key.endsWith(' foreground'))
}

describe.skipIf(!existsSync(chromiumPath))('a clip in the studio in a tab, as a person uses it', () => {
  let site: SiteServer
  let browser: Browser
  let page: StudioPage
  let work: string
  let clip: string
  let bound: string

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
    bound = join(work, 'bound.png')
    await sharp({ create: { width, height, channels: 3, background: '#fff' } }).toFile(bound)
    const built = join(work, 'site')
    await buildSite(built)
    site = await serveSite(built)
    browser = await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox'] })
    page = await openStudio(browser, site.address)
  }, 300_000)

  afterAll(async () => {
    await browser.close()
    await site.close()
    await rm(work, { recursive: true, force: true })
  })

  const frame = () => page.tab.getByRole('slider', { name: 'Frame' })
  /** What the stage shows, once it is drawn. */
  async function seen(view: string): Promise<Buffer> {
    await page.tab.locator('.view-bar select').selectOption({ label: view })
    await page.tab.mouse.move(0, 0)
    await page.tab.waitForTimeout(300)
    return await page.tab.getByRole('application').screenshot()
  }
  /** The px of a file that the page gives. */
  async function framesOf(button: string): Promise<Awaited<ReturnType<typeof readClip>>> {
    return await readClip((await page.download(button)).path)
  }

  it('takes a clip, an object brushed on one frame and words to an edited clip, through a reload in the middle', async () => {
    await page.fetchModels()
    await page.openPhoto(clip)
    expect(await frame().getAttribute('max')).toBe(String(frames - 1))
    await page.say({ Prompt: 'golden swan', Source: 'swan' })
    await page.set(tinyClip)
    await page.tab.getByRole('button', { name: 'A frame on' }).click()
    await page.tab.getByRole('button', { name: 'Click', exact: true }).click()
    await page.tab.getByRole('application').click()
    await page.tab.getByText(/The click takes \d+ % of this frame/).waitFor()
    await page.tab.getByRole('button', { name: 'Take it back' }).click()
    await page.tab.getByText(/The click takes/).waitFor({ state: 'detached' })
    const chooser = page.tab.waitForEvent('filechooser')
    await page.tab.getByRole('button', { name: 'Bound it by a picture' }).click()
    await (await chooser).setFiles(bound)
    await page.tab.getByText('The edit stays inside "bound.png".').waitFor()
    await page.brush([0.48, 0.52], [0.52, 0.52])
    await page.tab.getByText('This frame has a mask of the object.').waitFor()
    await page.tab.getByRole('application').press(',')
    await page.tab.getByText('Nothing is painted on this frame.').waitFor()
    expect(await frame().inputValue()).toBe('0')
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.tab.emulateMedia({ colorScheme })
      expect(await seriousFaults(page)).toEqual([])
    }
    await page.start()
    await page.tab.locator('.stages li[aria-current]', { hasText: 'fitting the atlas' }).waitFor({ timeout: 60_000 })
    await page.tab.reload()
    await frame().waitFor()
    await page.tab.getByRole('button', { name: 'Frame 1', exact: true }).waitFor()
    expect(await page.tab.getByLabel('Prompt', { exact: true }).inputValue()).toBe('golden swan')
    await page.state('finished', 240_000)
    expect(await page.tab.locator('.stages li[data-done=true]').count()).toBe(7)
  }, 400_000)

  it('shows each frame before and after, and leaves clips that others read', async () => {
    await frame().fill('3')
    const [before, after] = [await seen('Photo'), await seen('Result')]
    expect(after.equals(before)).toBe(false)
    await frame().fill('4')
    expect((await seen('Photo')).equals(before)).toBe(false)
    const layer = await framesOf('Edit layer, alpha (WebM)')
    expect(layer).toMatchObject({ sourceSize: { width, height } })
    expect(layer.frames.pixels).toHaveLength(frames)
    expect(layer.alphas!.some((alpha) => alpha.some((value) => value > 0))).toBe(true)
    expect(layer.alphas!.every((alpha) => alpha.some((value) => value === 0))).toBe(true)
    const notes = await page.tab.locator('.notes').textContent()
    // Of a browser without an encoder for H.264 the frames are in the zip, and it says so.
    if (notes!.includes('edited.mp4 is left out')) return
    const [original, edited] = [await readClip(clip), await framesOf('Clip (MP4)')]
    expect(edited.frames.pixels).toHaveLength(frames)
    const change = (t: number): number =>
      edited.frames.pixels[t]!.reduce((sum, value, i) => sum + Math.abs(value - original.frames.pixels[t]![i]!), 0)
    expect(change(3) / (3 * width * height)).toBeGreaterThan(1)
  }, 60_000)

  it('takes paint on the atlas of the object to every frame', async () => {
    await page.tab.getByLabel('What is shown').selectOption('foreground')
    await page.tab.getByRole('heading', { name: 'Painting' }).waitFor()
    await page.tab.getByLabel('Over the trained edit').uncheck()
    await page.tab.getByLabel('Colour', { exact: true }).fill('#ff0000')
    await page.brush([0.46, 0.5], [0.52, 0.54])
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.tab.emulateMedia({ colorScheme })
      expect(await seriousFaults(page)).toEqual([])
    }
    // Paint that is not written to the clip yet outlasts the page.
    const isKept = () => page.tab.evaluate(paintIsKept)
    for (let i = 0; i < 100 && !(await isKept()); i++) await page.tab.waitForTimeout(100)
    await page.tab.reload()
    await page.tab.getByLabel('What is shown').selectOption('foreground')
    await page.tab.getByRole('heading', { name: 'Painting' }).waitFor()
    expect(await page.tab.getByLabel('Over the trained edit').isChecked()).toBe(false)
    await page.tab.getByRole('button', { name: 'Write the painted clip' }).click()
    await page.tab.getByRole('button', { name: 'Painted layer, alpha (WebM)' }).waitFor({ timeout: 60_000 })
    const { frames: pictures, alphas } = await framesOf('Painted layer, alpha (WebM)')
    for (const [t, pixels] of pictures.pixels.entries()) {
      const painted = [...alphas![t]!.keys()].filter((i) => alphas![t]![i]! > 200)
      expect(painted.length, `frame ${t}`).toBeGreaterThan(50)
      const mean = [0, 1, 2].map((c) => painted.reduce((sum, i) => sum + pixels[3 * i + c]!, 0) / painted.length)
      expect(mean[0]! - Math.max(mean[1]!, mean[2]!), `frame ${t}`).toBeGreaterThan(100)
    }
  }, 90_000)

  it('keeps the run: opened from the list with its mask, and taken as a zip', async () => {
    const { path } = await page.download('Run folder (ZIP)')
    const names = Object.keys(unzipSync(await readFile(path)))
    const kept = [
      'config.yaml',
      'clip.mp4',
      'object/00001.png',
      'mask.png',
      'atlas.safetensors',
      'painted/edit-layer.webm',
    ]
    for (const name of kept) expect(names).toContain(`swan-1/${name}`)
    await page.tab.getByRole('button', { name: 'Another file' }).click()
    await page.tab.locator('.run-open', { hasText: 'golden swan' }).click()
    await page.tab.getByRole('button', { name: 'Frame 1', exact: true }).waitFor()
    await page.tab.getByText('The edit stays inside "mask.png".').waitFor()
    await page.state('finished')
  }, 60_000)

  it('trains a second edit over the first on its atlas, shows both, and opens both again', async () => {
    await page.tab.getByLabel('What is shown').selectOption('frames')
    await page.say({ Prompt: 'swan in snow' })
    await page.start('Start on top')
    await page.tab.locator('.layer').nth(1).getByText('golden swan').waitFor()
    await page.state('finished', 240_000)
    await page.tab.locator('.stages li[data-done=true]', { hasText: 'fitting the atlas' }).waitFor()
    await frame().fill('2')
    const both = await seen('Layer')
    await page.tab.getByLabel('Show golden swan').uncheck()
    expect((await seen('Layer')).equals(both)).toBe(false)
    await page.tab.getByText('The files have this edit as it was trained').waitFor()
    await page.tab.getByLabel('Show golden swan').check()
    await page.tab.getByRole('button', { name: 'Another file' }).click()
    await page.tab.locator('.run-open', { hasText: 'swan in snow' }).click()
    await page.tab.locator('.layer').nth(1).getByText('golden swan').waitFor()
    const { path } = await page.download('Run folder (ZIP)')
    const names = Object.keys(unzipSync(await readFile(path)))
    expect(names.some((name) => name.endsWith('/below-1/foreground.png'))).toBe(true)
  }, 300_000)
})
