import { existsSync, readFileSync } from 'node:fs'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { unzipSync } from 'fflate'
import { type Browser, chromium } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readPsd } from '../support/readPsd.js'
import { startToyStudio, token, type ToyStudio } from '../serve/toyStudio.js'
import { chromiumPath, openStudio, StudioPage } from './studioPage.js'

const teapot = fileURLToPath(new URL('../../examples/teapot.jpg', import.meta.url))
const swan = fileURLToPath(new URL('../../examples/swan.mp4', import.meta.url))
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

  it('makes variations by seed, of which one is picked, and copies its command line', async () => {
    await page.tab.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await page.set({ steps: 2 })
    await page.say({ Prompt: 'red teapot', Variations: '2', Seed: '7' })
    await page.start('Start on top')
    const variations = page.tab.getByRole('radiogroup', { name: 'Pick one' })
    await variations.getByRole('radio', { name: 'seed 8' }).click()
    await variations.getByRole('radio', { name: 'seed 8', checked: true }).waitFor()
    await page.state('finished')
    await page.start('Copy command line')
    await page.tab.getByText('Copied.').waitFor()
    const copied = await page.tab.evaluate(() => navigator.clipboard.readText())
    expect(copied).toMatch(/^npx text2live image pot\.png 'red teapot' .*--seed 8/)
    expect(copied).toContain('--over')
  }, 60_000)

  it('renames and reorders layers, makes one again, and takes it off', async () => {
    const layers = page.tab.locator('.layer:not(.base)')
    await page.start('Rename')
    await page.tab.getByLabel('Name of the layer').fill('copper teapot')
    await page.tab.getByLabel('Name of the layer').press('Enter')
    await layers.first().getByText('copper teapot').waitFor()
    await page.start('Move down')
    await layers.nth(1).getByText('copper teapot').waitFor()
    await page.tab.getByText('Trained in another order').waitFor()
    await page.start('Move up')
    await page.tab.getByText('Trained in another order').waitFor({ state: 'detached' })
    expect(await page.tab.getByRole('button', { name: 'Move up' }).isDisabled()).toBe(true)
    await page.start('Edit again')
    expect(await page.tab.getByLabel('Seed', { exact: true }).inputValue()).toBe('8')
    await page.say({ Prompt: 'bronze teapot' })
    await page.start('Start again')
    await layers.first().getByText('bronze teapot').waitFor()
    await page.state('finished')
    expect([await layers.count(), await page.tab.getByRole('radio').count()]).toEqual([3, 3])
    await page.start('Take off')
    expect(await layers.count()).toBe(2)
  }, 60_000)

  it('lets jobs wait in an order that can be changed, stops the one at work, and gives it more steps', async () => {
    await page.tab.getByRole('button', { name: 'New photo' }).click()
    await page.openPhoto(join(work, 'pot.png'))
    await page.set({ preset: 'reference', size: 192, steps: 400, device: 'cpu' })
    await page.say({ Prompt: 'stone teapot', Variations: '3', Seed: '20' })
    await page.start()
    const waiting = page.tab.locator('.run[data-state=waiting]')
    await waiting.nth(1).getByText('seed 22').waitFor()
    await waiting.nth(1).getByRole('button', { name: 'Earlier' }).click()
    await waiting.first().getByText('seed 22').waitFor()
    await waiting.nth(1).getByRole('button', { name: 'Cancel' }).click()
    await waiting.nth(1).waitFor({ state: 'detached' })
    await page.state('running')
    await page.tab.waitForFunction(() => document.querySelector<HTMLProgressElement>('.progress progress')!.value >= 1)
    await page.start('Stop and keep')
    await page.state('stopped')
    expect(await page.tab.getByRole('button', { name: 'Picture (PNG)' }).isEnabled()).toBe(true)
    await page.tab.locator('.run[data-state=running]').getByText('seed 22').waitFor()
    await page.start('50 steps more')
    await page.state('waiting')
    const [, step, steps] = /step (\d+) of (\d+)/.exec(await page.tab.locator('.progress').innerText()) ?? []
    expect(Number(steps)).toBe(Number(step) + 50)
    expect(await page.tab.getByRole('button', { name: 'Start on top' }).isDisabled()).toBe(true)
    for (const seed of ['seed 20', 'seed 22']) {
      await page.tab.getByRole('radio', { name: seed }).click()
      await page.start('Stop and keep')
      await page.state('stopped')
    }
  }, 90_000)

  it('takes what is dropped or pasted, an example, and the zip of a run; of a folder it says who reads it', async () => {
    const file = page.tab.locator('.top .file')
    await copyFile((await page.download('Run folder (ZIP)')).path, join(work, 'run.zip'))
    await page.tab.getByRole('button', { name: 'New photo' }).click()
    await page.tab.locator('.examples button').first().click()
    await file.getByText('teapot.jpg').waitFor()
    expect(await page.tab.getByLabel('Prompt', { exact: true }).inputValue()).toBe('golden teapot')

    const browserItself = await page.tab.context().newCDPSession(page.tab)
    const drop = async (path: string): Promise<void> => {
      const data = { items: [], files: [path], dragOperationsMask: 1 }
      for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
        await browserItself.send('Input.dispatchDragEvent', { type, x: 600, y: 300, data })
    }
    await drop(work)
    await page.tab.getByRole('alert').getByText('npx text2live video').waitFor()
    await drop(join(work, 'pot.png'))
    await file.getByText('pot.png').waitFor()
    await drop(join(work, 'run.zip'))
    await page.tab.locator('.layer', { hasText: 'stone teapot' }).waitFor()

    await page.tab.evaluate(() => {
      const clipboardData = new DataTransfer()
      const canvas = document.createElement('canvas')
      canvas.toBlob((blob) => {
        clipboardData.items.add(new File([blob!], 'pasted.png', { type: 'image/png' }))
        dispatchEvent(new ClipboardEvent('paste', { clipboardData }))
      })
    })
    await file.getByText('pasted.png').waitFor()
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

  it('gives an edit once, however often it is asked, and shows the option that a browser would refuse unseen', async () => {
    await page.openPhoto(join(work, 'pot.png'))
    await page.say({ Prompt: 'brass teapot' })
    await page.set({ preset: 'reference', size: 192, steps: -1, device: 'cpu' })
    const drawer = page.tab.locator('details.drawer')
    await drawer.locator('summary').first().click()
    await page.start()
    const steps = drawer.getByLabel('steps', { exact: true })
    await expect.poll(() => steps.evaluate((field) => field === document.activeElement)).toBe(true)
    await page.set({ steps: 2 })
    await page.tab.getByRole('button', { name: 'Start', exact: true }).evaluate((button: HTMLButtonElement) => {
      button.click()
      button.click()
    })
    await page.state('finished')
    expect(await page.tab.locator('.layer:not(.base)').count()).toBe(1)
    expect(await page.tab.locator('.run', { hasText: 'brass teapot' }).count()).toBe(1)
  }, 60_000)

  it('keeps the focus near what had it, and takes the keys of the stage all over the page', async () => {
    const focused = (selector: string): Promise<void> =>
      page.tab.waitForFunction((one) => document.activeElement?.matches(one), selector).then(() => undefined)
    await page.tab.getByRole('button', { name: 'Rename', exact: true }).press('Enter')
    await page.tab.getByLabel('Name of the layer').press('Escape')
    await focused('button.name')
    const run = page.tab.locator('.run', { hasText: 'brass teapot' })
    await run.getByRole('button', { name: 'Delete' }).press('Enter')
    await focused('[role=alertdialog] button:not(.danger)')
    await page.tab.keyboard.press('Escape')
    await page.tab.getByRole('alertdialog').waitFor({ state: 'detached' })
    await focused('.panel.runs')

    await page.start('Brush')
    const size = page.tab.getByLabel('Size', { exact: true })
    const before = Number(await size.inputValue())
    await page.tab.keyboard.press(']')
    await expect.poll(async () => Number(await size.inputValue())).toBeGreaterThan(before)
    // The mask that an earlier test painted on this photo is back.
    const clear = page.tab.getByRole('button', { name: 'Clear', exact: true })
    if (await clear.isEnabled()) await clear.click()
    await page.tab.getByText('Without a mask').waitFor()
    await page.start('Invert')
    await page.tab.getByText('The edit stays inside the mask.').waitFor()
    await page.tab.keyboard.press('Control+z')
    await page.tab.getByText('Without a mask').waitFor()
    await page.tab.getByLabel('Prompt', { exact: true }).press('e')
    expect(await page.tab.getByRole('button', { name: 'Brush', pressed: true }).count()).toBe(1)
  }, 60_000)

  it('keeps a mask without holding the page up', async () => {
    const worker = page.tab.waitForEvent('worker', { predicate: (one) => one.url().includes('maskWorker') })
    await page.brush([0.48, 0.5], [0.55, 0.5])
    await worker
    await page.start('Clear')
  }, 30_000)

  it('hands out pictures where there are some', async () => {
    const picture = page.tab.getByRole('button', { name: 'Picture (PNG)' })
    await page.tab.getByLabel('Show brass teapot').uncheck()
    await page.tab.getByText('Every edit is hidden').waitFor()
    expect(await picture.isDisabled()).toBe(true)
    await page.tab.getByLabel('Show brass teapot').check()
    await page.tab.getByText('Every edit is hidden').waitFor({ state: 'detached' })
    expect(await picture.isEnabled()).toBe(true)
    await page.say({ Prompt: 'tin teapot', Variations: '2' })
    await page.set({ steps: 400 })
    await page.start('Start on top')
    // The second one waits; where it is taken out it has no picture.
    const waiting = page.tab.locator('.run[data-state=waiting]')
    await waiting.waitFor()
    expect(await waiting.getByRole('button', { name: /Later|Earlier/ }).count()).toBe(0)
    // The one at work has no mask that could be taken off it.
    expect(await page.tab.getByRole('button', { name: 'Take it off the run at work' }).count()).toBe(0)
    await page.tab.getByRole('radio').nth(1).click()
    await page.start('Stop and keep')
    await page.state('stopped')
    await page.tab.getByText('once each edit that is shown is done').waitFor()
    expect(await picture.isDisabled()).toBe(true)
    await page.tab.getByRole('radio').first().click()
    await page.start('Stop and keep')
    await page.state('stopped')
    await page.say({ Variations: '3' })
    await page.tab.getByLabel('Prompt', { exact: true }).focus()
    await page.tab.waitForTimeout(500)
    await page.tab.reload()
    await expect.poll(() => page.tab.getByLabel('Variations').inputValue()).toBe('3')
  }, 60_000)

  it('works over plain HTTP from another machine, where a browser hashes and copies nothing', async () => {
    const context = await browser.newContext({ locale: 'en' })
    await context.addInitScript(() => {
      Object.defineProperty(globalThis, 'isSecureContext', { value: false })
      Object.defineProperty(Crypto.prototype, 'subtle', { value: undefined })
      Object.defineProperty(Crypto.prototype, 'randomUUID', { value: undefined })
      Object.defineProperty(Navigator.prototype, 'clipboard', { value: undefined })
    })
    const remote = new StudioPage(await context.newPage())
    await remote.tab.goto(`${studio.address}?token=${token}`)
    await remote.openPhoto(join(work, 'pot.png'))
    await remote.say({ Prompt: 'jade teapot' })
    await remote.set({ preset: 'reference', size: 192, steps: 2, device: 'cpu' })
    await remote.start()
    await remote.state('finished')
    await remote.start('Copy command line')
    expect(await remote.tab.getByLabel('Command line').inputValue()).toMatch(
      /^npx text2live image pot\.png 'jade teapot'/,
    )
    // Clips need more than that (WebCodecs), which only the browser itself can withhold from a worker.
    await remote.tab.getByRole('button', { name: 'New photo' }).click()
    await remote.openPhoto(swan)
    await remote.tab.getByRole('slider', { name: 'Frame' }).waitFor()
    await context.close()
  }, 60_000)

  it('tells who comes without a token to open the printed address', async () => {
    const stranger = await browser.newContext()
    const tab = await stranger.newPage()
    await tab.goto(studio.address)
    await tab.getByText('A token is needed').waitFor()
    await stranger.close()
  }, 30_000)
})
