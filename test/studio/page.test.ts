import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { unzipSync } from 'fflate'
import { type Browser, chromium } from 'playwright-core'
import sharp from 'sharp'
import { parse } from 'yaml'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readPsd } from '../support/readPsd.js'
import { serveSite, type SiteServer } from './tab/servePlain.js'
import { buildSite, chromiumPath, openStudio, seriousFaults, type StudioPage, tinyRun } from './studioPage.js'

const teapot = fileURLToPath(new URL('../../examples/teapot.jpg', import.meta.url))
const [width, height] = [256, 192]

/** Of a run, as its config.yaml has them. */
type Settings = Readonly<Record<string, unknown>>

describe.skipIf(!existsSync(chromiumPath))('the studio in a tab, as a person uses it', () => {
  let site: SiteServer
  let built: string
  let browser: Browser
  let page: StudioPage
  let work: string
  let photo: string

  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), 'text2live-studio-'))
    photo = join(work, 'pot.png')
    await sharp(teapot).resize(width, height).png().toFile(photo)
    built = join(work, 'site')
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

  it('draws its first screen from less than 100 kB of script', async () => {
    await page.tab.getByRole('button', { name: 'choose a file' }).waitFor()
    // All that the page has loaded by now, the parts that its first script asked for as well; its workers come later.
    const loaded = await page.tab.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => name))
    const scripts = loaded
      .filter((name) => name.endsWith('.js') && !/worker/i.test(name))
      .map((name) => name.slice(site.address.length))
    expect(scripts.some((name) => name.includes('tabHost'))).toBe(true)
    const bytes = scripts.reduce((sum, name) => sum + gzipSync(readFileSync(join(built, name))).length, 0)
    expect(bytes).toBeLessThan(100_000)
    expect(await page.tab.locator('.examples img').count()).toBe(4)
  })

  it('has nothing serious that hinders anybody, light and dark, in both languages', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.tab.emulateMedia({ colorScheme })
      expect(await seriousFaults(page)).toEqual([])
    }
    await page.tab.getByRole('button', { name: 'Deutsch' }).click()
    await page.tab.getByRole('heading', { name: 'Ein Foto mit einem Satz bearbeiten' }).waitFor()
    expect(await page.tab.evaluate(() => document.documentElement.lang)).toBe('de')
    await page.tab.getByRole('button', { name: 'English' }).click()
  })

  it('offers a first visit the reload that lends it threads', async () => {
    const context = await browser.newContext({ locale: 'en' })
    await context.addInitScript(() => Object.defineProperty(navigator, 'hardwareConcurrency', { value: 4 }))
    const tab = await context.newPage()
    await tab.goto(site.address)
    const offer = tab.getByRole('button', { name: 'Load it again' })
    expect(await tab.evaluate(() => crossOriginIsolated)).toBe(false)
    await Promise.all([tab.waitForEvent('load'), offer.click()])
    await tab.getByRole('button', { name: 'choose a file' }).waitFor()
    expect(await tab.evaluate(() => crossOriginIsolated)).toBe(true)
    expect(await offer.count()).toBe(0)
    await context.close()
  })

  it('takes a photo to a PSD with a brushed mask, through a reload in the middle', async () => {
    await page.openPhoto(photo)
    const start = page.tab.getByRole('button', { name: 'Start', exact: true })
    await page.tab.getByText('Fetch the models first').waitFor()
    expect(await start.isDisabled()).toBe(true)
    await page.fetchModels()
    expect(await start.isEnabled()).toBe(true)
    await page.say({ Prompt: 'golden teapot', Source: 'teapot', Region: 'none' })
    await page.set({ ...tinyRun, steps: 6 })
    await page.brush([0.48, 0.5], [0.55, 0.5])
    await page.tab.getByText('The edit stays inside the mask.').waitFor()
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.tab.emulateMedia({ colorScheme })
      expect(await seriousFaults(page)).toEqual([])
    }
    await page.start()
    await page.state('running')
    await page.tab.waitForFunction(
      () => document.querySelector<HTMLProgressElement>('.progress progress')!.value >= 2,
      null,
      { timeout: 120_000 },
    )
    await page.tab.reload()
    await page.tab.getByLabel('Prompt', { exact: true }).waitFor()
    expect(await page.tab.getByLabel('Prompt', { exact: true }).inputValue()).toBe('golden teapot')
    await page.tab.getByText('The edit stays inside the mask.').waitFor()
    // The edit that grows is what is looked at.
    expect(await page.tab.getByLabel('Show the mask').isChecked()).toBe(false)
    await page.state('running')
    await page.start('Pause')
    await page.brush([0.42, 0.5], [0.48, 0.5])
    await page.start('Use it in the run at work')
    await page.tab.getByText(/The run at work has had another mask since step/).waitFor()
    const painted = readFileSync((await page.download('Save')).path)
    await page.start('Go on')
    await page.state('finished')
    const zip = Object.entries(unzipSync(readFileSync((await page.download('Run folder (ZIP)')).path)))
    const kept = zip.find(([name]) => name.endsWith('/mask.png'))
    expect(kept !== undefined && painted.equals(kept[1])).toBe(true)

    const { name, path } = await page.download('Layers (PSD)')
    expect(name).toBe('pot-layers.psd')
    const psd = readPsd(readFileSync(path))
    expect([psd.width, psd.height]).toEqual([width, height])
    expect(psd.children!.map((layer) => layer.name)).toEqual(['photo', 'edit layer'])
    const { data } = psd.children![1]!.imageData!
    const alphas = Array.from({ length: width * height }, (_, i) => data[4 * i + 3]!)
    expect(alphas.some((alpha) => alpha > 0)).toBe(true)
    // Far from what was brushed there is nothing.
    expect(alphas.slice(0, 20 * width).every((alpha) => alpha === 0)).toBe(true)
    expect(alphas.slice(-20 * width).every((alpha) => alpha === 0)).toBe(true)
  }, 300_000)

  it('trains a second edit over the first, and its PSD has both; another opacity is composed in the page', async () => {
    await page.say({ Prompt: 'blue teapot', Region: '' })
    await page.set({ steps: 2 })
    await page.tab.getByRole('button', { name: 'Clear', exact: true }).click()
    await page.start('Start on top')
    await page.tab.getByRole('button', { name: 'blue teapot', exact: true, pressed: true }).waitFor()
    await page.state('finished')
    const trained = readPsd(readFileSync((await page.download('Layers (PSD)')).path))
    expect(trained.children!.map((layer) => layer.name)).toEqual(['photo', 'golden teapot', 'blue teapot'])

    await page.tab.getByLabel('Opacity of blue teapot').fill('0.5')
    const faded = readPsd(readFileSync((await page.download('Layers (PSD)')).path))
    expect(faded.children!.map((layer) => layer.name)).toEqual(['photo', 'golden teapot', 'blue teapot'])
    const [whole, half] = [trained, faded].map((psd) => psd.children![2]!.imageData!.data)
    for (let i = 3; i < whole!.length; i += 4) expect(Math.abs(half![i]! - whole![i]! / 2)).toBeLessThanOrEqual(1)
    const [opaque, composed] = [trained, faded].map((psd) => psd.imageData!.data)
    expect(composed!.some((value, i) => value !== opaque![i])).toBe(true)
  }, 300_000)

  it('copies a command line that makes the same picture', async () => {
    const unfold = async (zip: string): Promise<void> => {
      for (const [name, bytes] of Object.entries(unzipSync(readFileSync(zip)))) {
        const file = join(work, 'again', 'runs', ...name.split('/'))
        await mkdir(dirname(file), { recursive: true })
        await writeFile(file, bytes)
      }
    }
    const second = await page.download('Run folder (ZIP)')
    await page.tab.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await page.start('Copy command line')
    await page.tab.getByText('Copied.').waitFor()
    const line = await page.tab.evaluate(() => navigator.clipboard.readText())
    await page.start('golden teapot')
    const first = await page.download('Run folder (ZIP)')
    await page.start('blue teapot')
    await unfold(first.path)
    await unfold(second.path)
    await copyFile(photo, join(work, 'again', 'pot.png'))
    const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
    const shell = `${line.replace(/^npx text2live/, `'${process.execPath}' '${main}'`)} --device cpu --out made`
    await promisify(execFile)('sh', ['-c', shell], { cwd: join(work, 'again') })
    const [made, kept] = [join(work, 'again', 'made'), join(work, 'again', 'runs', second.name.replace(/\.zip$/, ''))]
    const settings = (run: string): object => {
      const { over: _, threads: __, ...said } = parse(readFileSync(join(run, 'config.yaml'), 'utf8')) as Settings
      return said
    }
    expect(settings(made)).toEqual(settings(kept))
    const pixels = (file: string): Promise<Buffer> => sharp(file).raw().toBuffer()
    const [again, once] = [await pixels(join(made, 'composite.png')), await pixels(join(kept, 'composite.png'))]
    expect([again.length, once.length]).toEqual([3 * width * height, 3 * width * height])
    const between = (one: Buffer, other: Buffer): number =>
      one.reduce((sum, value, i) => sum + Math.abs(value - other[i]!), 0) / one.length
    // Both engines are ONNX Runtime's; their kernels round differently, and each step goes on from that.
    expect(between(again, once)).toBeLessThan(between(again, await pixels(photo)) / 4)
  }, 120_000)

  it('gives a zip that the command line goes on with', async () => {
    const { path } = await page.download('Run folder (ZIP)')
    const folder = join(work, 'brought')
    for (const [name, bytes] of Object.entries(unzipSync(readFileSync(path)))) {
      const file = join(folder, ...name.split('/').slice(1))
      await mkdir(join(file, '..'), { recursive: true })
      await writeFile(file, bytes)
    }
    const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
    const { stdout } = await promisify(execFile)(process.execPath, [
      main,
      'image',
      '--resume',
      folder,
      '--steps',
      '3',
      '--json',
    ])
    const steps = stdout
      .split('\n')
      .flatMap((line) => (line === '' ? [] : [JSON.parse(line) as { type: string; step?: number }]))
    // The second edit had made two.
    expect(steps.flatMap(({ type, step }) => (type === 'step' ? [step] : []))).toEqual([3])
    expect(steps.at(-1)).toMatchObject({ type: 'done', step: 3 })
  }, 120_000)

  it('keeps what was made: a list to open, recall and delete', async () => {
    await page.tab.getByRole('button', { name: 'New photo' }).click()
    expect(await page.tab.locator('.run').count()).toBe(2)
    await page.tab.locator('.run-open', { hasText: 'golden teapot' }).click()
    await page.state('finished')
    expect(await page.tab.getByLabel('Prompt', { exact: true }).inputValue()).toBe('golden teapot')
    // A run keeps its photo as photo.png; what is saved of it is called as the photo was.
    expect((await page.download('Layers (PSD)')).name).toBe('pot-layers.psd')
    await page.tab.locator('.run', { hasText: 'blue teapot' }).getByRole('button', { name: 'Delete' }).click()
    await page.tab.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click()
    await page.tab.locator('.run', { hasText: 'blue teapot' }).waitFor({ state: 'detached' })
  }, 60_000)

  it('says what it cannot read', async () => {
    await page.tab.getByRole('button', { name: 'New photo' }).click()
    const bad = join(work, 'photo.tiff')
    await sharp(teapot).resize(64).tiff().toFile(bad)
    const chooser = page.tab.waitForEvent('filechooser')
    await page.tab.getByRole('button', { name: 'choose a file' }).click()
    await (await chooser).setFiles(bad)
    await page.tab.getByRole('alert').getByText('text2live studio').waitFor()
  })
})
