// Screenshots of the studio's main states, light and dark, from a real edit by a studio that this starts.
// Usage: npm run build && node scripts/studioScreens.mjs <folder to write> [photo]; needs Chromium (CHROMIUM names another).
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

const [out, photo = fileURLToPath(new URL('../examples/teapot.jpg', import.meta.url))] = process.argv.slice(2)
if (out === undefined) throw new Error('expected the folder to write: node scripts/studioScreens.mjs <folder> [photo]')
await mkdir(out, { recursive: true })
const runs = await mkdtemp(join(tmpdir(), 'text2live-screens-'))
const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
const server = spawn(process.execPath, [main, 'studio', '--no-open', runs], {
  stdio: ['ignore', 'pipe', 'inherit'],
})
const address = await new Promise((done, fail) => {
  let said = ''
  server.stdout.on('data', (data) => {
    said += data
    const found = /http:\/\/\S+/.exec(said)
    if (found !== null) done(found[0])
  })
  server.once('exit', (code) => fail(new Error(`the studio ended with ${code}`)))
})
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
})

try {
  const context = await browser.newContext({ viewport: { width: 1360, height: 860 } })
  const tab = await context.newPage()
  const shoot = async (name) => {
    for (const colorScheme of ['light', 'dark']) {
      await tab.emulateMedia({ colorScheme })
      // The stage is drawn in the frame after.
      await tab.waitForTimeout(400)
      await tab.screenshot({ path: resolve(out, `${name}-${colorScheme}.jpg`), type: 'jpeg', quality: 82 })
    }
    console.log(name)
  }
  await tab.goto(address)
  await tab.getByRole('button', { name: 'choose a file' }).waitFor()
  await shoot('begin')
  const chooser = tab.waitForEvent('filechooser')
  await tab.getByRole('button', { name: 'choose a file' }).click()
  await (await chooser).setFiles(photo)
  await tab.getByLabel('Prompt', { exact: true }).fill('golden teapot')
  await tab.getByLabel('Source', { exact: true }).fill('teapot')
  await tab.getByRole('button', { name: 'Show where the words are' }).click()
  await tab.getByRole('button', { name: 'Make it the mask' }).waitFor({ timeout: 600_000 })
  await shoot('where')
  await tab.getByRole('button', { name: 'Make it the mask' }).click()
  await tab.getByRole('button', { name: 'Eraser', exact: true }).click()
  const stage = await tab.getByRole('application').boundingBox()
  const at = (x, y) => [stage.x + x * stage.width, stage.y + y * stage.height]
  await tab.mouse.move(...at(0.36, 0.62))
  await tab.mouse.down()
  await tab.mouse.move(...at(0.76, 0.66), { steps: 20 })
  await tab.mouse.up()
  await shoot('mask')
  await tab.getByRole('button', { name: 'Start', exact: true }).click()
  await tab.waitForFunction(() => document.querySelector('.progress progress')?.value >= 12, null, { timeout: 900_000 })
  await tab.locator('.losses summary').first().click()
  await shoot('training')
  await tab.locator('.progress[data-state=finished]').waitFor({ timeout: 1_800_000 })
  await tab.locator('.losses summary').first().click()
  await tab.locator('.view-bar select').selectOption('compare')
  await shoot('compare')
  await tab.locator('.view-bar select').selectOption('layer')
  await shoot('layer')
  await tab.getByRole('button', { name: 'New photo' }).click()
  const clipChooser = tab.waitForEvent('filechooser')
  await tab.getByRole('button', { name: 'choose a file' }).click()
  await (await clipChooser).setFiles(fileURLToPath(new URL('../examples/swan.mp4', import.meta.url)))
  await tab.getByLabel('Prompt', { exact: true }).fill('golden swan')
  await tab.getByLabel('Source', { exact: true }).fill('swan')
  await tab.getByRole('slider', { name: 'Frame' }).fill('4')
  await tab.getByLabel('Preset').selectOption('preview')
  await tab.locator('.drawer summary').first().click()
  await tab.locator('.drawer').getByLabel('frames', { exact: true }).fill('12')
  await tab.locator('.drawer').getByLabel('size', { exact: true }).fill('240')
  await tab.locator('.drawer summary').first().click()
  await tab.getByRole('button', { name: 'Show where the words are' }).click()
  await tab.getByRole('button', { name: 'Make it the mask' }).click({ timeout: 600_000 })
  await shoot('clip-object')
  await tab.getByRole('button', { name: 'Start', exact: true }).click()
  await tab.locator('.progress[data-state=finished]').waitFor({ timeout: 3_600_000 })
  await tab.locator('.view-bar select').selectOption('compare')
  await shoot('clip')
  await tab.getByLabel('What is shown').selectOption('foreground')
  await shoot('clip-atlas')
  await tab.setViewportSize({ width: 420, height: 860 })
  await tab.locator('.view-bar select').selectOption('result')
  await shoot('narrow')
} finally {
  await browser.close()
  server.kill('SIGINT')
  await new Promise((done) => server.once('exit', done))
  await rm(runs, { recursive: true, force: true })
}
