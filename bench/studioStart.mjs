// How soon the studio shows something: bytes and seconds to first paint, and to the first preview of an edit, in a tab
// and served, beside the command line. See docs/benchmarks.md.
import { spawn } from 'node:child_process'
import { createReadStream, existsSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { chromium } from 'playwright-core'
import { build } from 'vite'
import { count, digits, printTable, root } from './measure.mjs'

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '192' },
    steps: { type: 'string', default: '10' },
    'swiftshader-steps': { type: 'string', default: '1' },
    rows: { type: 'string', default: 'tab,swiftshader,served,command' },
  },
})
const [size, steps, swiftshaderSteps] = ['size', 'steps', 'swiftshader-steps'].map((name) => count(name, values[name]))
const rows = { tab: inTab, swiftshader: bySwiftshader, served, command: commandLine }
const asked = values.rows.split(',')
for (const row of asked)
  if (!(row in rows)) throw new Error(`expected --rows of ${Object.keys(rows).join(', ')}, got "${row}"`)

/** Without these its compiler is at work on the shaders of a step for longer than a bench should be. */
const swiftshaderOptions = { start: 'random', views: 1, 'generator width': 8, 'generator levels': 4 }

const photo = path.join(root, 'examples/teapot.jpg')
const main = path.join(root, 'dist/cli/main.js')
const words = { prompt: 'golden teapot', source: 'teapot' }
const work = await mkdtemp(path.join(tmpdir(), 'text2live-bench-'))
const site = path.join(work, 'site')

try {
  if (asked.some((row) => row === 'tab' || row === 'swiftshader')) await buildSite()
  const measured = []
  for (const row of asked) {
    measured.push(await rows[row]())
    // The rows take minutes.
    console.error(measured.at(-1).filter(Boolean).join(', '))
  }
  console.log(`examples/teapot.jpg at ${size} px, ${steps} steps of the preset preview\n`)
  printTable([
    ['', 'kB of script', 'first paint, s', 'models, MB', 'fetched in, s', 'first preview, s', 'whole edit, s'],
    ...measured,
  ])
} finally {
  await rm(work, { recursive: true, force: true })
}

async function buildSite() {
  await build({
    configFile: path.join(root, 'vite.studio.ts'),
    mode: 'tab',
    logLevel: 'error',
    build: { outDir: site, emptyOutDir: true },
  })
}

/** Calls `use` with a page of a new browser. */
async function withPage(args, use) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', ...args],
  })
  try {
    return await use(await browser.newPage({ viewport: { width: 1280, height: 800 }, locale: 'en' }))
  } finally {
    await browser.close()
  }
}

/** Everything in the tab, isolated, on the CPU. */
async function inTab() {
  return ['in the tab, WebAssembly', ...(await ofSite([], { device: 'cpu', steps }))]
}

/** The same by WebGPU, whose card the processor plays. */
async function bySwiftshader() {
  const args = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader']
  const row = await ofSite(args, { device: 'webgpu', steps: swiftshaderSteps, ...swiftshaderOptions })
  return [`in the tab, WebGPU by SwiftShader, small (steps: ${swiftshaderSteps})`, ...row]
}

/** An edit by the static site, from a server on this machine. */
async function ofSite(args, options) {
  const server = await serveFolder(site)
  return await withPage(args, async (tab) => {
    const [script, paint] = await openPage(tab, server.address)
    const button = tab.getByRole('button', { name: /^Fetch the models/ })
    const megabytes = Number(/\(([\d.]+) MB/.exec(await button.innerText())?.[1])
    const before = performance.now()
    await button.click()
    await tab.getByRole('heading', { name: 'Models' }).waitFor({ state: 'detached', timeout: 300_000 })
    const fetched = (performance.now() - before) / 1000
    return [script, paint, digits(megabytes, 0), digits(fetched, 1), ...(await edit(tab, options))]
  }).finally(() => server.close())
}

/** The page of `text2live studio`, trained by the Node engine. */
async function served() {
  const studio = spawn(process.execPath, [main, 'studio', '--no-open', path.join(work, 'runs')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const address = await new Promise((done, fail) => {
      studio.stdout.on('data', (data) => {
        const found = /http:\/\/\S+/.exec(String(data))
        if (found !== null) done(found[0])
      })
      studio.once('exit', (code) => fail(new Error(`the studio ended with ${code}`)))
    })
    return await withPage([], async (tab) => {
      const opened = await openPage(tab, address)
      return ['served by Node', ...opened, '', '', ...(await edit(tab, { device: 'cpu', steps }))]
    })
  } finally {
    studio.kill('SIGINT')
    await new Promise((done) => studio.once('exit', done))
  }
}

/** The same edit by `text2live image`, with its events. */
async function commandLine() {
  const edit = ['image', photo, words.prompt, '--source', words.source, '--preset', 'preview', '--device', 'cpu']
  const args = [...edit, '--size', String(size), '--steps', String(steps)]
  const before = performance.now()
  const seconds = () => digits((performance.now() - before) / 1000, 1)
  const command = spawn(process.execPath, [main, ...args, '--json', '--out', path.join(work, 'run')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let first = null
  command.stdout.on('data', (data) => {
    if (first === null && String(data).includes('"type":"preview"')) first = seconds()
  })
  await new Promise((done, fail) => command.once('exit', (code) => (code === 0 ? done() : fail(new Error(`${code}`)))))
  return ['command line', '', '', '', '', first, seconds()]
}

/** @returns kB of the page's script, gzipped, that were there at the first paint, and when that was, seconds */
async function openPage(tab, address) {
  const scripts = []
  tab.on('response', (response) => {
    // What a worker loads is painted over already.
    const isWorkers = /worker/i.test(response.url())
    if (response.request().resourceType() === 'script' && !isWorkers) scripts.push(response)
  })
  await tab.goto(address)
  await tab.getByRole('button', { name: 'choose a file' }).waitFor()
  const loaded = scripts.splice(0)
  const paint = await tab.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime)
  let bytes = 0
  for (const response of loaded) bytes += gzipSync(await response.body()).length
  return [digits(bytes / 1000, 0), digits(paint / 1000, 2)]
}

/** @returns seconds from the press of the button to the first preview and to the end */
async function edit(tab, options) {
  const chooser = tab.waitForEvent('filechooser')
  await tab.getByRole('button', { name: 'choose a file' }).click()
  await (await chooser).setFiles(photo)
  await tab.getByLabel('Prompt', { exact: true }).fill(words.prompt)
  await tab.getByLabel('Source', { exact: true }).fill(words.source)
  await tab.getByLabel('Preset').selectOption('preview')
  const drawer = tab.locator('.drawer')
  await drawer.locator('summary').first().click()
  for (const [name, value] of Object.entries({ size, ...options })) {
    const control = drawer.getByLabel(name, { exact: true })
    if (typeof value === 'string') await control.selectOption(value)
    else {
      await control.fill(String(value))
      await control.blur()
    }
  }
  const before = performance.now()
  await tab.getByRole('button', { name: 'Start', exact: true }).click()
  const ended = tab.locator('.progress:is([data-state=finished], [data-state=failed])')
  await tab.locator('.layer .thumbnail img').or(ended).first().waitFor({ timeout: 600_000 })
  const first = performance.now()
  await ended.waitFor({ timeout: 1_200_000 })
  const panel = tab.locator('.training')
  const on = options.device === 'webgpu' ? 'on webgpu' : 'on cpu'
  const told = await panel.innerText()
  if (!told.includes(on)) throw new Error(`expected an edit ${on}; the page says: ${told}`)
  return [digits((first - before) / 1000, 1), digits((performance.now() - before) / 1000, 1)]
}

/** A static server whose pages may use threads. */
async function serveFolder(folder) {
  const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' }
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    const file = path.join(folder, path.normalize(pathname), pathname.endsWith('/') ? 'index.html' : '')
    const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' }
    if (!existsSync(file) || !statSync(file).isFile()) {
      response.writeHead(404, headers).end()
      return
    }
    const type = types[path.extname(file)] ?? (file.endsWith('.wasm') ? 'application/wasm' : 'application/octet-stream')
    response.writeHead(200, { ...headers, 'Content-Type': type })
    createReadStream(file).pipe(response)
  })
  await new Promise((done) => server.listen(0, '127.0.0.1', done))
  return { address: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() }
}
