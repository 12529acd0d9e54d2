import { fileURLToPath } from 'node:url'
import axe from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import { build } from 'vite'

/** Settings that make a run of a few seconds, by their names in the drawer. */
export const tinyRun = {
  preset: 'preview',
  size: 192,
  views: 1,
  steps: 3,
  previewEvery: 1,
  start: 'random',
  generatorWidth: 8,
  generatorLevels: 4,
  device: 'cpu',
} as const

export const chromiumPath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'

/** The static site, as `npm run build:site` makes it, in a folder of its own. */
export async function buildSite(outDir: string): Promise<void> {
  await build({
    configFile: fileURLToPath(new URL('../../vite.studio.ts', import.meta.url)),
    mode: 'tab',
    logLevel: 'error',
    build: { outDir, emptyOutDir: true },
  })
}

/** The page in a browser of its own kind: nothing is stored yet. */
export async function openStudio(browser: Browser, address: string): Promise<StudioPage> {
  const context = await browser.newContext({
    acceptDownloads: true,
    viewport: { width: 1280, height: 800 },
    locale: 'en',
  })
  const page = new StudioPage(await context.newPage())
  page.tab.on('pageerror', (error) => process.stderr.write(`page: ${error.message}\n`))
  await page.tab.goto(address)
  return page
}

/** What a person does on the studio's page, by what he sees there. */
export class StudioPage {
  readonly tab: Page

  constructor(tab: Page) {
    this.tab = tab
  }

  async openPhoto(path: string): Promise<void> {
    const chooser = this.tab.waitForEvent('filechooser')
    await this.tab.getByRole('button', { name: 'choose a file' }).click()
    await (await chooser).setFiles(path)
    await this.tab.getByLabel('Prompt', { exact: true }).waitFor()
  }

  async fetchModels(): Promise<void> {
    await this.tab.getByRole('button', { name: /^Fetch the models/ }).click()
    await this.tab.getByRole('heading', { name: 'Models' }).waitFor({ state: 'detached' })
  }

  async say(words: Readonly<Record<string, string>>): Promise<void> {
    for (const [label, value] of Object.entries(words)) await this.tab.getByLabel(label, { exact: true }).fill(value)
  }

  /** Sets options of the drawer, and the preset. */
  async set({ preset, ...options }: Readonly<Record<string, string | number>>): Promise<void> {
    if (preset !== undefined) await this.tab.getByLabel('Preset').selectOption(String(preset))
    const drawer = this.tab.locator('details.drawer')
    if (!(await drawer.evaluate((element: HTMLDetailsElement) => element.open)))
      await drawer.locator('summary').first().click()
    for (const [name, value] of Object.entries(options)) {
      const control = drawer.getByLabel(
        name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`),
        { exact: true },
      )
      if ((await control.evaluate((element) => element.tagName)) === 'SELECT') await control.selectOption(String(value))
      else {
        await control.fill(String(value))
        await control.blur()
      }
    }
  }

  /** Brushes along a line over the stage, from and to parts of its width and height. */
  async brush(from: readonly [number, number], to: readonly [number, number]): Promise<void> {
    await this.tab.getByRole('button', { name: 'Brush', exact: true }).click()
    const box = (await this.tab.getByRole('application').boundingBox())!
    const at = ([x, y]: readonly [number, number]): [number, number] => [box.x + x * box.width, box.y + y * box.height]
    await this.tab.mouse.move(...at(from))
    await this.tab.mouse.down()
    await this.tab.mouse.move(...at(to), { steps: 8 })
    await this.tab.mouse.up()
  }

  async start(name = 'Start'): Promise<void> {
    await this.tab.getByRole('button', { name, exact: true }).click()
  }

  /** Waits for the state that the training panel tells. */
  async state(state: string, timeout = 120_000): Promise<void> {
    await this.tab.locator(`.progress[data-state=${state}]`).waitFor({ timeout })
  }

  async download(button: string): Promise<{ readonly name: string; readonly path: string }> {
    const download = this.tab.waitForEvent('download')
    await this.tab.getByRole('button', { name: button, exact: true }).click()
    const file = await download
    return { name: file.suggestedFilename(), path: await file.path() }
  }
}

/** What axe-core calls serious or critical. */
export async function seriousFaults({ tab }: StudioPage): Promise<string[]> {
  await tab.evaluate(axe.source)
  const { violations } = await tab.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run())
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`)
}
