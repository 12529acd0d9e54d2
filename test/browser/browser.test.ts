import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Browser, type Page as Tab, chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNodeRuntime } from '../../src/engine/node/createNodeRuntime.js'
import { createBundledTokenizer } from '../../src/models/bundledTokenizer.js'
import { loadGuidance } from '../../src/models/loadGuidance.js'
import { folderSource } from '../../src/models/node/folderSource.js'
import { readBundledVocabulary } from '../../src/models/node/readBundledVocabulary.js'
import { differingLosses, tinyClip, twoSteps } from '../support/twoSteps.js'
import type { Page } from './page.js'
import { servePage } from './servePage.js'

declare const page: Page

const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
const present = existsSync(executablePath)
if (!present && process.env['TEXT2LIVE_REQUIRE_BROWSER'] === '1') throw new Error(`TEXT2LIVE_REQUIRE_BROWSER=1, and there is no browser at ${executablePath}`)

/** Between Node's CPU kernels and WebAssembly's or a graphics processor's. */
const TOLERANCE = { first: 1e-4, updated: 1e-2 }
const STARTER_TOLERANCE = { first: 1e-4, updated: 3e-2 }

const folder = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const oneSize = { preset: 'fast', cropsMinCover: 1, scaleMin: 1, scaleMax: 1, wholeImageEvery: 0 } as const

describe.skipIf(!present)('the core in Chromium', () => {
  let site: Awaited<ReturnType<typeof servePage>>
  let browser: Browser
  let tab: Tab
  const cpu = createNodeRuntime({ device: 'cpu', threads: 2 })

  beforeAll(async () => {
    site = await servePage()
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'] })
    tab = await browser.newPage()
    tab.on('console', (message) => message.type() === 'error' && process.stderr.write(`page: ${message.text()}\n`))
    await tab.goto(site.address)
    await tab.waitForFunction('globalThis.page')
  }, 300_000)

  afterAll(async () => {
    await browser.close()
    await site.close()
  })

  it('may use threads', async () => expect(await tab.evaluate(() => page.isolated)).toBe(true))

  it("tokenizes as CLIP's own tokenizer does", async () => {
    const texts = ["swan rubik's cube!", 'caf\u00c3\u00a9 &amp; &eacute;t&#233; \ufb01re ΣΑΣ', '👩‍🚀 你好']
    const node = await createBundledTokenizer(await readBundledVocabulary())
    const ids = await tab.evaluate((asked) => page.tokenize(asked), texts)
    expect(ids[0]).toEqual([49406, 12530, 27856, 330, 568, 11353, 256, 49407])
    expect(ids).toEqual(texts.map((text) => node(text).ids))
  })

  it('has every op of the oracle on WebAssembly', async () => {
    const { count, failures } = await tab.evaluate(() => page.runOps('cpu'))
    expect(failures).toEqual([])
    expect(count).toBeGreaterThan(200)
  }, 300_000)

  it('trains two steps with the starter model on WebAssembly, with the losses of Node', async () => {
    const expected = await twoSteps(cpu, await loadGuidance(await folderSource(folder('../../models/starter')), cpu), { preset: 'fast' })
    const losses = await tab.evaluate(() => page.runSteps('cpu', 'starter', { preset: 'fast' }))
    expect(differingLosses(losses, expected, STARTER_TOLERANCE)).toEqual([])
    expect(differingLosses([losses[1]!, losses[0]!], expected, STARTER_TOLERANCE).length).toBeGreaterThan(6)
  }, 600_000)

  // A software adapter takes minutes to compile the shaders, so WebGPU is tried where it is asked for.
  const devices = process.env['TEXT2LIVE_REQUIRE_WEBGPU'] === '1' ? ['cpu', 'webgpu'] as const : ['cpu'] as const

  it.each(devices)('trains two steps with a small CLIP on %s, with the losses of Node', async (device) => {
    const source = await folderSource(folder('../fixtures/tinyClip'))
    const expected = await twoSteps(cpu, await tinyClip(source, cpu), oneSize)
    const losses = await tab.evaluate(([on, options]) => page.runSteps(on, 'tinyClip', options), [device, oneSize] as const)
    expect(differingLosses(losses, expected, TOLERANCE)).toEqual([])
    expect(differingLosses([losses[1]!, losses[0]!], expected, TOLERANCE).length).toBeGreaterThan(6)
  }, 900_000)
})
