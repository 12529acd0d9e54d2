import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { unzipSync } from 'fflate'
import { type Browser, chromium } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readPsd } from '../support/readPsd.js'
import { startToyStudio, token, type ToyStudio } from '../serve/toyStudio.js'
import { chromiumPath, openStudio, type StudioPage } from './studioPage.js'

const teapot = fileURLToPath(new URL('../../examples/teapot.jpg', import.meta.url))
const built = fileURLToPath(new URL('../../dist/studio', import.meta.url))
const [width, height] = [256, 192]

describe.skipIf(!existsSync(chromiumPath))('the served studio, as a person uses it', () => {
  let studio: ToyStudio
  let browser: Browser
  let page: StudioPage
  let work: string

  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), 'text2live-served-page-'))
    await sharp(teapot).resize(width, height).png().toFile(join(work, 'pot.png'))
    studio = await startToyStudio({ page: built, delay: 150 })
    browser = await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox'] })
    page = await openStudio(browser, `${studio.address}?token=${token}`)
  }, 60_000)

  afterAll(async () => {
    await browser.close()
    await studio.close()
    await rm(work, { recursive: true, force: true })
    expect(studio.faults).toEqual([])
  })

  it('takes a photo to a PSD with a brushed mask; a second tab finds the run at work', async () => {
    await page.openPhoto(join(work, 'pot.png'))
    await page.say({ Prompt: 'golden teapot', Source: 'teapot' })
    await page.set({ preset: 'reference', size: 192, steps: 40, previewEvery: 10, device: 'cpu' })
    await page.brush([0.48, 0.5], [0.55, 0.5])
    await page.tab.getByText('The edit stays inside the mask.').waitFor()
    await page.start()
    await page.state('running')
    await page.tab.getByText('lies below and is not done yet').waitFor()
    expect(await page.tab.getByRole('button', { name: 'Start on top' }).isDisabled()).toBe(true)

    const second = await page.tab.context().newPage()
    await second.goto(studio.address)
    const listed = second.locator('.run', { hasText: 'golden teapot' })
    await listed.waitFor()
    await listed.locator('.run-open').click()
    await second.locator('.progress[data-state=running]').waitFor()
    await second.getByRole('button', { name: 'Pause', exact: true }).click()
    await page.state('paused')
    await page.tab.getByRole('button', { name: 'Go on', exact: true }).click()
    await second.locator('.progress[data-state=running]').waitFor()
    await second.close()
    await page.state('finished')

    const { name, path } = await page.download('Layers (PSD)')
    expect(name).toBe('pot-layers.psd')
    const psd = readPsd(readFileSync(path))
    expect([psd.width, psd.height]).toEqual([width, height])
    expect(psd.children!.map((layer) => layer.name)).toEqual(['photo', 'edit layer'])
    const { data } = psd.children![1]!.imageData!
    const alphas = Array.from({ length: width * height }, (_, i) => data[4 * i + 3]!)
    expect(alphas.some((alpha) => alpha > 0)).toBe(true)
    expect(alphas.slice(0, 20 * width).every((alpha) => alpha === 0)).toBe(true)
  }, 120_000)

  it('stacks a second edit, and gives the run as a zip', async () => {
    await page.say({ Prompt: 'blue teapot' })
    await page.start('Start on top')
    await page.tab.getByRole('button', { name: 'blue teapot', exact: true, pressed: true }).waitFor()
    await page.state('finished')
    const psd = readPsd(readFileSync((await page.download('Layers (PSD)')).path))
    expect(psd.children!.map((layer) => layer.name)).toEqual(['photo', 'golden teapot', 'blue teapot'])
    const { path } = await page.download('Run folder (ZIP)')
    expect(Object.keys(unzipSync(readFileSync(path))).map((file) => file.split('/').slice(1).join('/'))).toEqual(
      expect.arrayContaining(['config.yaml', 'checkpoint.safetensors', 'below-1.png', 'composite.png']),
    )
  }, 60_000)

  it('shows a photo that the browser cannot, and edits the file itself', async () => {
    const tiff = join(work, 'print.tif')
    await sharp(teapot).resize(width, height).toColourspace('rgb16').tiff().toFile(tiff)
    await page.tab.getByRole('button', { name: 'New photo' }).click()
    await page.openPhoto(tiff)
    await page.say({ Prompt: 'silver teapot' })
    await page.set({ preset: 'reference', size: 192, steps: 2, device: 'cpu' })
    await page.start()
    await page.state('finished')
    const psd = readPsd(readFileSync((await page.download('Layers (PSD)')).path))
    expect([psd.width, psd.height]).toEqual([width, height])
    expect(await page.tab.getByRole('alert').innerText()).toBe('')
  }, 60_000)

  it('says of a GIF who reads it', async () => {
    await page.tab.getByRole('button', { name: 'New photo' }).click()
    const gif = join(work, 'loop.gif')
    await sharp(teapot).resize(64).gif().toFile(gif)
    const chooser = page.tab.waitForEvent('filechooser')
    await page.tab.getByRole('button', { name: 'choose a file' }).click()
    await (await chooser).setFiles(gif)
    await page.tab.getByRole('alert').getByText('npx text2live video "loop.gif"').waitFor()
  }, 30_000)

  it('tells who comes without a token to open the printed address', async () => {
    const stranger = await browser.newContext()
    const tab = await stranger.newPage()
    await tab.goto(studio.address)
    await tab.getByText('A token is needed').waitFor()
    await stranger.close()
  }, 30_000)
})
