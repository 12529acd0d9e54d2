import { chromium } from 'playwright-core'
import { it } from 'vitest'
import { servePage } from './servePage.js'
import { trainsAsNode } from './trainsAsNode.js'

// A software adapter takes minutes to compile the shaders of a step.
it('a page trains two steps on WebGPU, with the losses of Node', async () => {
  const site = await servePage()
  const browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
  })
  try {
    const tab = await browser.newPage()
    await tab.goto(site.address)
    await tab.waitForFunction('globalThis.page')
    await trainsAsNode(tab, 'webgpu')
  } finally {
    await browser.close()
    await site.close()
  }
}, 900_000)
