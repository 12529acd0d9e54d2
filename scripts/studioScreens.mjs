// Screenshots of the studio's main states, light and dark, from real edits by a studio that this starts.
// Usage: npm run build && node scripts/studioScreens.mjs <folder to write> [photo | clip]; needs Chromium (CHROMIUM
// names another).
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

const [out, only] = process.argv.slice(2)
const parts = { photo: photoStates, clip: clipStates }
if (out === undefined || (only !== undefined && !(only in parts)))
  throw new Error(
    'expected the folder to write, and which states: node scripts/studioScreens.mjs <folder> [photo | clip]',
  )
const example = (name) => fileURLToPath(new URL(`../examples/${name}`, import.meta.url))
const wide = { width: 1360, height: 860 }
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

const tab = await browser.newPage({ viewport: wide, locale: 'en' })

try {
  await tab.goto(address)
  await tab.getByRole('button', { name: 'choose a file' }).waitFor()
  for (const [part, states] of Object.entries(parts)) if (only === undefined || only === part) await states()
} finally {
  await browser.close()
  server.kill('SIGINT')
  await new Promise((done) => server.once('exit', done))
  await rm(runs, { recursive: true, force: true })
}

async function photoStates() {
  await shoot('begin')
  await open(example('teapot.jpg'))
  await tab.getByLabel('Prompt', { exact: true }).fill('golden teapot')
  await tab.getByLabel('Source', { exact: true }).fill('teapot')
  await press('Show where the words are')
  await tab.getByRole('button', { name: 'Make it the mask' }).waitFor({ timeout: 600_000 })
  await shoot('where')
  await press('Make it the mask')
  await press('Eraser')
  const stage = await tab.getByRole('application').boundingBox()
  const at = (x, y) => [stage.x + x * stage.width, stage.y + y * stage.height]
  await tab.mouse.move(...at(0.36, 0.62))
  await tab.mouse.down()
  await tab.mouse.move(...at(0.76, 0.66), { steps: 20 })
  await tab.mouse.up()
  await shoot('mask')
  await press('Start')
  await tab.waitForFunction(() => document.querySelector('.progress progress')?.value >= 12, null, { timeout: 900_000 })
  await tab.locator('.losses summary').first().click()
  await shoot('training')
  await finished()
  await tab.locator('.losses summary').first().click()
  await look('compare')
  await shoot('compare')
  await look('layer')
  await shoot('layer')
  await look('result')
  await tab.setViewportSize({ width: 390, height: 844 })
  await shoot('narrow')
  await tab.setViewportSize(wide)
  await press('New photo')
}

async function clipStates() {
  await open(example('swan.mp4'))
  await tab.getByLabel('Prompt', { exact: true }).fill('golden swan')
  await tab.getByLabel('Source', { exact: true }).fill('swan')
  await tab.getByRole('slider', { name: 'Frame' }).fill('4')
  await tab.getByLabel('Preset').selectOption('preview')
  await tab.locator('.drawer summary').first().click()
  await tab.locator('.drawer').getByLabel('frames', { exact: true }).fill('12')
  await tab.locator('.drawer').getByLabel('size', { exact: true }).fill('240')
  await tab.locator('.drawer summary').first().click()
  await press('Show where the words are')
  await tab.getByRole('button', { name: 'Make it the mask' }).click({ timeout: 600_000 })
  await shoot('clip-object')
  await press('Start')
  await finished()
  await look('compare')
  await shoot('clip')
  await tab.getByLabel('What is shown').selectOption('foreground')
  await look('result')
  await shoot('clip-atlas')
}

async function shoot(name) {
  for (const colorScheme of ['light', 'dark']) {
    await tab.emulateMedia({ colorScheme })
    // The stage is drawn in the frame after.
    await tab.waitForTimeout(400)
    await tab.screenshot({ path: resolve(out, `${name}-${colorScheme}.jpg`), type: 'jpeg', quality: 82 })
  }
  console.log(name)
}

async function open(file) {
  const chooser = tab.waitForEvent('filechooser')
  await press('choose a file')
  await (await chooser).setFiles(file)
}

async function press(name) {
  await tab.getByRole('button', { name, exact: true }).click()
}

async function look(view) {
  await tab.locator('.view-bar select').selectOption(view)
}

async function finished() {
  const ended = tab.locator('.progress:is([data-state=finished], [data-state=failed])')
  await ended.waitFor({ timeout: 3_600_000 })
  if ((await ended.getAttribute('data-state')) === 'failed') throw new Error(await ended.innerText())
}
