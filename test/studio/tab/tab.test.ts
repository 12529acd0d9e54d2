import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { unzipSync } from 'fflate'
import { type Browser, type BrowserContext, chromium, type Page as Tab } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { siteFileList } from '../../../scripts/site/siteFileList.js'
import type { GivenOptions } from '../../../src/options/imageOptions.js'
import { buildTrainer } from '../../../src/run/buildTrainer.js'
import { imageJobOf } from '../../../src/run/imageJob.js'
import { runImageJob } from '../../../src/run/runImageJob.js'
import { lookIn } from '../../../src/run/runFolder.js'
import { outputFiles, type RunEvent } from '../../../src/session/events.js'
import { zipRun } from '../../../src/session/queue/runZip.js'
import { runFiles } from '../../../src/session/runFiles.js'
import type { Answer } from './page.js'
import { asIs, buildSite, serveSite, type SiteServer } from './servePlain.js'

const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
const teapot = fileURLToPath(new URL('../../../examples/teapot.jpg', import.meta.url))
const [width, height] = [256, 192]
const options: GivenOptions = {
  prompt: ['golden teapot'],
  source: ['teapot'],
  region: ['none'],
  preset: 'preview',
  size: 192,
  views: 1,
  start: 'random',
  generatorWidth: 8,
  generatorLevels: 4,
  steps: 3,
  previewEvery: 2,
  seed: 7,
  device: 'cpu',
}

describe.skipIf(!existsSync(executablePath))('the studio in a tab, from a static site', () => {
  let site: Awaited<ReturnType<typeof buildSite>>
  let server: SiteServer
  let browser: Browser
  let context: BrowserContext
  let work: string
  let photo: string
  /** Addresses that pages and workers asked for elsewhere, and what they refused to do. */
  const strange: string[] = []

  async function openTab(query = '', at = server, within = context): Promise<Tab> {
    const tab = await within.newPage()
    tab.on('console', (message) => {
      // The test breaks some downloads off.
      if (message.type() === 'error' && !message.text().includes('ERR_CONTENT_LENGTH_MISMATCH'))
        strange.push(message.text())
    })
    await tab.goto(at.address + query)
    await tab.waitForFunction('globalThis.studio')
    return tab
  }
  async function is(tab: Tab, run: string, state: string): Promise<void> {
    await tab.waitForFunction(
      ([name, wanted]) =>
        studio.runs().some((entry) => entry.name === name && [wanted, 'failed'].includes(entry.state)),
      [run, state] as const,
      { timeout: 200_000 },
    )
    expect(await entry(tab, run)).toMatchObject({ state, error: null })
  }
  const heard = (tab: Tab, run: string, type: string) =>
    tab.waitForFunction(([name, one]) => studio.events(name).includes(one), [run, type] as const, { timeout: 200_000 })
  const stepped = (tab: Tab, run: string, step: number) =>
    tab.waitForFunction(([name, least]) => studio.steps(name).some((made) => made >= least), [run, step] as const, {
      timeout: 200_000,
    })
  const states = (tab: Tab) => tab.evaluate(() => studio.runs().map(({ name, state }) => `${name} ${state}`))
  const entry = async (tab: Tab, run: string) =>
    (await tab.evaluate(() => studio.runs())).find(({ name }) => name === run)!
  const file = async (tab: Tab, run: string, name: string): Promise<Buffer | null> => {
    const text = await tab.evaluate(([one, two]) => studio.file(one, two), [run, name] as const)
    return text === null ? null : Buffer.from(text, 'base64')
  }
  const ask = (tab: Tab, run: string, what: 'pause' | 'go' | 'render' | 'delete') =>
    tab.evaluate(([name, asked]) => studio.ask(name, { do: asked }), [run, what] as const)
  async function submit(tab: Tab, more: GivenOptions = {}): Promise<string> {
    const given = [{ ...options, ...more }, photo] as const
    const name = await tab.evaluate(([asked, bytes]) => studio.submit(asked, bytes, 'teapot.jpg'), given)
    if ('done' in name) return name.done
    throw new Error(`${name.code}: ${name.message}`)
  }
  const code = <T>(answer: Answer<T>): string | null => ('code' in answer ? answer.code : null)

  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), 'text2live-tab-'))
    photo = (await sharp(teapot).resize(width, height).png().toBuffer()).toString('base64')
    site = await buildSite()
    server = await serveSite(site.folder)
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
    context = await browser.newContext()
    context.on('request', (request) => {
      if (!/^(blob|data):/.test(request.url()) && !request.url().startsWith(server.address)) strange.push(request.url())
    })
  }, 300_000)

  afterAll(async () => {
    await browser.close()
    await server.close()
    await site.remove()
    await rm(work, { recursive: true, force: true })
  })

  it('fetches models and engine when it is told to: told before, in parts, checked, and never twice', async () => {
    const tab = await openTab()
    expect(await tab.evaluate(() => studio.isolated)).toBe(false)
    const needed = (await siteFileList()).filter(({ file: { part } }) => part !== 'webgpu')
    const total = needed.reduce((sum, { file: { bytes } }) => sum + bytes, 0)
    expect(await tab.evaluate(() => studio.models())).toEqual({ state: 'none', here: 0, total })
    expect((await tab.evaluate(() => studio.machine())).guidance).toEqual([])

    expect(code(await tab.evaluate(() => studio.fetchModels(12_000_000)))).toBe('INTERRUPTED')
    const { state, here } = await tab.evaluate(() => studio.models())
    expect(state).toBe('partial')
    expect(here).toBeGreaterThan(8_000_000)

    // Other bytes than the page was built with are refused, however often they come.
    server.spoil = (path, bytes) => (path.endsWith('outline/config.json') ? Buffer.from(bytes).fill(0x20) : bytes)
    expect(code(await tab.evaluate(() => studio.fetchModels()))).toBe('MODEL_DAMAGED')
    // A connection that breaks off is tried again.
    const broken = new Set<string>()
    server.spoil = (path, bytes) => {
      if (!path.startsWith('models/') || broken.has(path)) return bytes
      broken.add(path)
      return null
    }
    const told = await tab.evaluate(() => studio.fetchModels())
    server.spoil = asIs
    if ('code' in told) throw new Error(told.message)
    expect(broken).toContain('models/outline/config.json')
    expect(told.done.at(-1)).toBe(total)
    expect(await tab.evaluate(() => studio.models())).toEqual({ state: 'ready', here: total, total })
    expect((await tab.evaluate(() => studio.machine())).guidance).toEqual(['starter'])

    const before = server.asked.length
    expect(await tab.evaluate(() => studio.fetchModels())).toEqual({ done: [total] })
    expect(server.asked.slice(before).filter((path) => !path.endsWith('serviceWorker.js'))).toEqual([])
    await tab.evaluate(() => studio.kept)
    await tab.close()
  }, 120_000)

  it('trains; another tab sees the same, reads its files meanwhile, and goes on when the first is closed', async () => {
    const first = await openTab('?isolated=no')
    const whole = await submit(first)
    expect(whole).toBe('teapot-1')
    const second = await openTab('?isolated=no')
    await is(second, whole, 'running')
    const cut = await submit(second)
    expect(cut).toBe('teapot-2')
    expect(await states(second)).toEqual(['teapot-1 running', 'teapot-2 waiting'])
    await heard(second, whole, 'preview')
    const thumbnail = (await entry(second, whole)).thumbnail!
    expect(thumbnail).toMatch(/^previews\//)
    expect((await sharp((await file(second, whole, thumbnail))!).metadata()).width).toBe(width)
    await is(first, whole, 'finished')
    const [one, two] = [
      await first.evaluate((name) => studio.events(name), whole),
      await second.evaluate((name) => studio.events(name), whole),
    ]
    expect(one.filter((type) => ['run-start', 'preview', 'step', 'output', 'done'].includes(type))).toEqual([
      'run-start',
      'step',
      'step',
      'preview',
      'step',
      ...Array<string>(Object.keys(outputFiles).length).fill('output'),
      'done',
    ])
    expect(one.slice(-two.length)).toEqual(two)
    expect(await first.evaluate((name) => studio.previews(name), whole)).toEqual([
      (await file(first, whole, 'previews/step-000002.png'))!.length,
    ])

    // The first tab, which works, is closed in the middle; then the page of the other is loaded again.
    const letGo = async (tab: Tab): Promise<void> => {
      await ask(tab, cut, 'pause')
      await heard(tab, cut, 'paused')
      await ask(tab, cut, 'go')
    }
    await stepped(second, cut, 1)
    await letGo(second)
    await first.close()
    await heard(second, cut, 'resumed')
    await stepped(second, cut, 2)
    await second.reload()
    await second.waitForFunction('globalThis.studio')
    await is(second, cut, 'finished')
    expect((await entry(second, cut)).step).toBe(3)
    const log = (await file(second, cut, runFiles.events))!.toString().trim().split('\n')
    const events = log.map((line) => JSON.parse(line) as RunEvent)
    expect(events.filter(({ type }) => type === 'resumed').length).toBeGreaterThanOrEqual(1)
    expect(events.flatMap((event) => (event.type === 'step' ? [event.step] : []))).toEqual([1, 2, 3])
    for (const name of [runFiles.checkpoint, outputFiles.composite, outputFiles.edit, outputFiles.layersPsd]) {
      const [kept, again] = [(await file(second, whole, name))!, (await file(second, cut, name))!]
      expect(kept.length, name).toBeGreaterThan(100)
      expect(kept.equals(again), name).toBe(true)
    }
    await second.close()
  }, 300_000)

  it('a run leaves as a zip that Node continues, and a zip of a run of Node opens here', async () => {
    const tab = await openTab('?isolated=no')
    const zip = Buffer.from(await tab.evaluate(() => studio.zip('teapot-2')), 'base64')
    for (const [name, data] of Object.entries(unzipSync(zip))) {
      await mkdir(dirname(join(work, name)), { recursive: true })
      await writeFile(join(work, name), data)
    }
    const folder = join(work, 'teapot-2')
    expect(await readdir(folder)).toEqual(expect.arrayContaining([runFiles.config, runFiles.checkpoint, 'photo.png']))
    const events: RunEvent[] = []
    const result = await runImageJob(
      imageJobOf({ resume: folder, steps: 4 }, false),
      { open: buildTrainer, signal: new AbortController().signal },
      (event) => events.push(event),
    )
    expect(result).toMatchObject({ finished: true, step: 4 })
    expect(events).toContainEqual(expect.objectContaining({ type: 'resumed', step: 3 }))

    const pieces: Uint8Array[] = []
    for await (const piece of zipRun(lookIn(folder), 'teapot-2')) pieces.push(piece)
    const given = [Buffer.concat(pieces).toString('base64'), 'teapot-2.zip'] as const
    const brought = await tab.evaluate(([bytes, name]) => studio.bring(bytes, name), given)
    expect(brought).toEqual({ done: 'teapot-3' })
    expect(await entry(tab, 'teapot-3')).toMatchObject({ state: 'finished', step: 4, title: 'golden teapot' })
    const node = (await file(tab, 'teapot-3', outputFiles.composite))!
    expect(code(await ask(tab, 'teapot-3', 'render'))).toBeNull()
    await heard(tab, 'teapot-3', 'output')
    await is(tab, 'teapot-3', 'finished')
    const here = (await file(tab, 'teapot-3', outputFiles.composite))!
    const [a, b] = [await sharp(node).raw().toBuffer(), await sharp(here).raw().toBuffer()]
    expect(a.length).toBe(3 * width * height)
    // Both engines are ONNX Runtime's; their kernels round differently.
    expect(a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0)).toBeLessThanOrEqual(2)

    const refused = await tab.evaluate(() => studio.bring(btoa('no zip'), 'x.zip'))
    expect(code(refused)).toBe('RUN_INVALID')
    expect(code(await ask(tab, 'nowhere', 'go'))).toBe('RUN_NOT_FOUND')
    expect(code(await ask(tab, 'teapot-1', 'delete'))).toBeNull()
    expect(await states(tab)).toEqual(['teapot-3 finished', 'teapot-2 finished'])
    await tab.close()
  }, 240_000)

  it('a run whose graphics card is lost goes on from its checkpoint on the CPU, and says so', async () => {
    const folder = join(work, 'lost')
    await runImageJob(
      imageJobOf({ ...options, photo: Buffer.from(photo, 'base64'), steps: 2, previewEvery: 0, out: folder }, false),
      { open: buildTrainer, signal: new AbortController().signal },
      () => undefined,
    )
    const config = join(folder, runFiles.config)
    await writeFile(config, (await readFile(config, 'utf8')).replace('device: cpu', 'device: webgpu'))
    const pieces: Uint8Array[] = []
    for await (const piece of zipRun(lookIn(folder), 'lost-1')) pieces.push(piece)
    // The processor plays the card.
    const args = ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader']
    const playing = await chromium.launch({ executablePath, args })
    try {
      const tab = await openTab('', server, await playing.newContext())
      tab.on('worker', (worker) => void worker.evaluate(keepDevices).catch(() => undefined))
      expect(code(await tab.evaluate(() => studio.fetchModels()))).toBeNull()
      const zip = Buffer.concat(pieces).toString('base64')
      expect(await tab.evaluate((bytes) => studio.bring(bytes, 'lost-1.zip'), zip)).toEqual({ done: 'lost-1' })
      expect(code(await tab.evaluate(() => studio.ask('lost-1', { do: 'steps', steps: 3 })))).toBeNull()
      await heard(tab, 'lost-1', 'resumed')
      const lost = await Promise.all(tab.workers().map((worker) => worker.evaluate(destroyDevices).catch(() => 0)))
      expect(Math.max(...lost)).toBeGreaterThan(0)
      await is(tab, 'lost-1', 'finished')
      const told = await tab.evaluate(() => studio.events('lost-1'))
      expect(told.filter((words) => words.startsWith('device: '))).toEqual([
        expect.stringContaining('device: cpu, on from the checkpoint, since webgpu failed'),
      ])
      const events = (await file(tab, 'lost-1', runFiles.events))!
        .toString()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as RunEvent)
      expect(events.filter(({ type }) => type === 'resumed').at(-1)).toMatchObject({ step: 2 })
      expect(events.findLast(({ type }) => type === 'step')).toMatchObject({ step: 3, device: 'cpu' })
    } finally {
      await playing.close()
    }
  }, 240_000)

  it('without a network the page opens, isolated and with threads, finds its runs and trains; a refused WebGPU is the CPU', async () => {
    await server.close()
    await context.setOffline(true)
    const tab = await openTab()
    expect(await tab.evaluate(() => studio.isolated)).toBe(true)
    await is(tab, 'teapot-2', 'finished')
    const run = await submit(tab, { steps: 1, device: 'webgpu', previewEvery: 0, threads: 2 })
    await heard(tab, run, 'run-start')
    expect(tab.workers().filter((worker) => worker.url().endsWith('ort-wasm-simd-threaded.js'))).toHaveLength(1)
    await is(tab, run, 'finished')
    const told = await tab.evaluate((name) => studio.events(name), run)
    expect(told.filter((words) => words.startsWith('device: cpu, since webgpu does not work here'))).toHaveLength(1)
    const log = (await file(tab, run, runFiles.events))!.toString()
    expect(log).toContain('device: cpu, since webgpu')
    expect(log).toContain('"device":"cpu"')
    expect((await file(tab, run, runFiles.config))!.toString()).toContain('device: cpu')

    // Nothing to look for: the map is everywhere.
    const found = await tab.evaluate(([asked, bytes]) => studio.locate(asked, bytes), [options, photo] as const)
    if ('code' in found) throw new Error(found.message)
    expect(found.done.share).toBe(1)
    expect((await sharp(Buffer.from(found.done.map, 'base64')).metadata()).width).toBe(width)
    await tab.close()
  }, 240_000)

  it('asks nobody else for anything', () => {
    expect(strange).toEqual([])
  })

  it('is isolated from the first load where the host sends the headers', async () => {
    const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' }
    const sending = await serveSite(site.folder, headers)
    const other = await browser.newContext()
    try {
      const tab = await openTab('', sending, other)
      expect(await tab.evaluate(() => studio.isolated)).toBe(true)
    } finally {
      await other.close()
      await sending.close()
    }
  })
})

/** What TypeScript's library lacks of WebGPU. */
interface Card {
  GPUAdapter?: { prototype: { requestDevice: (this: unknown, ...asked: unknown[]) => Promise<{ destroy(): void }> } }
  devices?: { destroy(): void }[]
}

/** In a worker: keeps the devices that it gets from now on. */
function keepDevices(): void {
  const here = globalThis as unknown as Card
  const adapter = here.GPUAdapter?.prototype
  if (adapter === undefined) return
  const { requestDevice } = adapter
  here.devices = []
  adapter.requestDevice = async function (...asked) {
    const device = await requestDevice.apply(this, asked)
    here.devices!.push(device)
    return device
  }
}

/** In a worker: as if the card were gone. @returns how many devices it had */
function destroyDevices(): number {
  const { devices = [] } = globalThis as unknown as Card
  for (const device of devices) device.destroy()
  return devices.length
}
