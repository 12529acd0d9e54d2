import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { build, preview } from 'vite'

const root = fileURLToPath(new URL('../..', import.meta.url))
const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'

describe.skipIf(!existsSync(executablePath) && process.env['TEXT2LIVE_REQUIRE_BROWSER'] === undefined)(
  'a page that edits a photo in a worker',
  () => {
    let home: string
    let browser: Browser
    beforeAll(async () => {
      home = mkdtempSync(join(tmpdir(), 'text2live-pages-'))
      browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
    })
    afterAll(async () => {
      await browser.close()
      rmSync(home, { recursive: true, force: true })
    })

    /** The example in a project that has the packages installed. */
    function project(name: string): string {
      const folder = join(home, name)
      cpSync(join(root, 'examples', name), folder, { recursive: true })
      mkdirSync(join(folder, 'node_modules'))
      symlinkSync(root, join(folder, 'node_modules/text2live'))
      symlinkSync(join(root, 'node_modules/onnxruntime-web'), join(folder, 'node_modules/onnxruntime-web'))
      return folder
    }

    /** Serves a folder as it is, and makes an edit on its page. */
    async function edit(project: string, outDir: string): Promise<void> {
      const server = await preview({
        root: project,
        logLevel: 'error',
        build: { outDir },
        preview: { port: 0, host: '127.0.0.1' },
      })
      const tab = await browser.newPage()
      try {
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
        await tab.close()
        await server.close()
      }
    }

    test('built by Vite', { timeout: 300_000 }, async () => {
      const folder = project('vite')
      await build({ root: folder, logLevel: 'error' })
      await edit(folder, 'dist')
    })

    test('as it stands, without a bundler', { timeout: 300_000 }, async () => {
      await edit(project('plain'), '.')
    })
  },
)
