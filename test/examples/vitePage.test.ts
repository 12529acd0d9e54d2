import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import sharp from 'sharp'
import { expect, test } from 'vitest'
import { build, preview } from 'vite'

const root = fileURLToPath(new URL('../..', import.meta.url))
const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'

test.skipIf(!existsSync(executablePath) && process.env['TEXT2LIVE_REQUIRE_BROWSER'] === undefined)(
  'a page with a worker, built by Vite, edits a photo',
  async () => {
    const home = mkdtempSync(join(tmpdir(), 'text2live-vite-'))
    cpSync(join(root, 'examples/vite'), home, { recursive: true })
    mkdirSync(join(home, 'node_modules'))
    symlinkSync(root, join(home, 'node_modules/text2live'))
    symlinkSync(join(root, 'node_modules/onnxruntime-web'), join(home, 'node_modules/onnxruntime-web'))
    await build({ root: home, logLevel: 'error' })
    const server = await preview({ root: home, logLevel: 'error', preview: { port: 0, host: '127.0.0.1' } })
    const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
    try {
      const tab = await browser.newPage()
      await tab.goto(server.resolvedUrls!.local[0]!)
      const photo = await sharp(join(root, 'examples/teapot.jpg')).resize(200).jpeg().toBuffer()
      await tab.setInputFiles('[name=photo]', { name: 'teapot.jpg', mimeType: 'image/jpeg', buffer: photo })
      const toy = { preset: 'preview', steps: 1, size: 192, views: 1, generatorWidth: 8, generatorLevels: 4 }
      await tab.fill('[name=options]', JSON.stringify({ ...toy, start: 'random', region: 'none', device: 'cpu' }))
      await tab.click('button')
      await tab.waitForFunction(() => /done|[A-Z]/.test(document.querySelector('output')!.value), null, {
        timeout: 200_000,
      })
      expect(await tab.textContent('output')).toBe('done')
      await tab.waitForFunction(() => document.querySelector('img')!.naturalWidth === 200)
    } finally {
      await browser.close()
      await server.close()
      rmSync(home, { recursive: true, force: true })
    }
  },
  300_000,
)
