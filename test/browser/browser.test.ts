import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Browser, type Page as Tab, chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNodeRuntime } from '../../src/engine/node/createNodeRuntime.js'
import { readClip } from '../../src/media/node/readClip.js'
import { createBundledTokenizer } from '../../src/models/bundledTokenizer.js'
import { loadGuidance } from '../../src/models/loadGuidance.js'
import { folderSource } from '../../src/models/node/folderSource.js'
import { readBundledVocabulary } from '../../src/models/node/readBundledVocabulary.js'
import { overBlack, psnr, softShapes } from '../support/softShapes.js'
import { differingLosses, twoSteps } from '../support/twoSteps.js'
import { openTab } from './openTab.js'
import type { Page } from './page.js'
import { servePage } from './servePage.js'
import { trainsAsNode } from './trainsAsNode.js'

declare const page: Page

const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
const present = existsSync(executablePath)
if (!present && process.env['TEXT2LIVE_REQUIRE_BROWSER'] === '1')
  throw new Error(`TEXT2LIVE_REQUIRE_BROWSER=1, and there is no browser at ${executablePath}`)

/** Between Node's CPU kernels and WebAssembly's. */
const STARTER_TOLERANCE = { first: 1e-4, updated: 3e-2 }

/**
 * Between the frames that Chromium's decoders and libav's give, of 255: the same YUV samples by the same arithmetic.
 */
const FRAME_TOLERANCE = 0
/** Of what VP9 keeps of soft shapes, dB; Node's own encoder is held to the same. */
const ENCODED_PSNR = 34

const folder = (path: string) => fileURLToPath(new URL(path, import.meta.url))
describe.skipIf(!present)('the core in Chromium', () => {
  let site: Awaited<ReturnType<typeof servePage>>
  let browser: Browser
  let tab: Tab
  const cpu = createNodeRuntime({ device: 'cpu', threads: 2 })

  beforeAll(async () => {
    site = await servePage()
    browser = await chromium.launch({
      executablePath,
      args: ['--no-sandbox'],
    })
    tab = await openTab(browser, site.address)
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
    const expected = await twoSteps(
      cpu,
      await loadGuidance(await folderSource(folder('../../models/starter')), cpu),
      await folderSource(folder('../../models/outline')),
      { preset: 'fast' },
    )
    const losses = await tab.evaluate(() => page.runSteps('cpu', 'starter', { preset: 'fast' }))
    expect(differingLosses(losses, expected, STARTER_TOLERANCE)).toEqual([])
    expect(differingLosses([losses[1]!, losses[0]!], expected, STARTER_TOLERANCE).length).toBeGreaterThan(6)
  }, 600_000)

  it('trains two steps with a small CLIP on WebAssembly, with the losses of Node', async () => {
    await trainsAsNode(tab, 'cpu')
  }, 300_000)

  it.each([
    ['/examples/swan.mp4', { frames: 8, size: 96 }],
    ['/fixtures/clips/variable.mp4', {}],
    ['/fixtures/clips/turned90.mp4', {}],
    ['/fixtures/clips/ntsc.mov', {}],
    ['/fixtures/clips/fullRange.mp4', {}],
    ['/fixtures/clips/odd.webm', {}],
    ['/fixtures/clips/wide.mp4', {}],
  ])(
    'decodes %s as Node does',
    async (address, options) => {
      const path = folder(`../..${address.replace('/fixtures/', '/test/fixtures/')}`)
      const expected = await readClip(path, options)
      const { width, height, timing, frames } = await tab.evaluate(([from, asked]) => page.decodeClip(from, asked), [
        address,
        options,
      ] as const)
      expect({ width, height, count: frames.length }).toEqual({
        width: expected.frames.width,
        height: expected.frames.height,
        count: expected.frames.pixels.length,
      })
      for (const [t, time] of timing.timestamps.entries()) expect(time).toBeCloseTo(expected.timing.timestamps[t]!, 5)
      for (const [t, time] of timing.durations.entries()) expect(time).toBeCloseTo(expected.timing.durations[t]!, 5)
      const worst = Math.max(
        ...frames.map((text, t) =>
          Buffer.from(text, 'base64').reduce(
            (most, value, i) => Math.max(most, Math.abs(value - expected.frames.pixels[t]![i]!)),
            0,
          ),
        ),
      )
      expect(worst).toBeLessThanOrEqual(FRAME_TOLERANCE)
      // Another frame is told apart.
      expect(Buffer.from(frames[0]!, 'base64').equals(Buffer.from(expected.frames.pixels.at(-1)!))).toBe(false)
    },
    120_000,
  )

  it.each([
    ['webm-alpha', 64, 48],
    ['webm-alpha', 67, 45],
    ['mp4', 64, 48],
    ['prores', 64, 48],
  ] as const)(
    'encodes a clip as %s of %ix%i that Node reads, or says that it cannot',
    async (format, width, height) => {
      const channels = format === 'mp4' ? 3 : 4
      const timing = {
        timestamps: [0, 1, 2, 3, 4, 5].map((t) => t / 25),
        durations: [0, 1, 2, 3, 4, 5].map(() => 1 / 25),
      }
      const frames = timing.timestamps.map((_, t) => softShapes(width, height, t, channels))
      const written = await tab.evaluate(([...asked]) => page.encodeClip(...asked), [
        format,
        width,
        height,
        timing,
        frames.map((frame) => Buffer.from(frame).toString('base64')),
      ] as const)
      if ('code' in written) {
        // VP9 is in every Chromium; an encoder for H.264 is not, and one for ProRes in none.
        expect([format, written.code]).toEqual([expect.stringMatching(/^(mp4|prores)$/), 'CLIP_CODEC_MISSING'])
        return
      }
      const place = await mkdtemp(join(tmpdir(), 'text2live-browser-'))
      try {
        const path = join(place, format === 'mp4' ? 'a.mp4' : 'a.webm')
        await writeFile(path, Buffer.from(written.file, 'base64'))
        const clip = await readClip(path)
        expect(clip.frames).toMatchObject({ width, height })
        for (const [t, time] of timing.timestamps.entries()) expect(clip.timing.timestamps[t]).toBeCloseTo(time, 3)
        for (const [t, pixels] of clip.frames.pixels.entries())
          expect(
            psnr(channels === 4 ? overBlack(frames[t]!) : frames[t]!, pixels, channels, width, height),
          ).toBeGreaterThan(ENCODED_PSNR)
      } finally {
        await rm(place, { recursive: true })
      }
    },
    120_000,
  )
})
