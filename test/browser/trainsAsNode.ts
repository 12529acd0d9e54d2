import { fileURLToPath } from 'node:url'
import type { Page as Tab } from 'playwright-core'
import { expect } from 'vitest'
import { createNodeRuntime } from '../../src/engine/node/createNodeRuntime.js'
import type { Device } from '../../src/engine/runtime.js'
import { folderSource } from '../../src/models/node/folderSource.js'
import { differingLosses, tinyClip, twoSteps } from '../support/twoSteps.js'
import type { Page } from './page.js'

declare const page: Page

/** Between Node's CPU kernels and WebAssembly's or a graphics processor's. */
const TOLERANCE = { first: 1e-4, updated: 1e-2 }

const options = {
  preset: 'fast',
  relevancy: 'edges',
  cropsMinCover: 1,
  scaleMin: 1,
  scaleMax: 1,
  wholeImageEvery: 0,
} as const

/** Two steps with a small CLIP on a device of the browser have the losses that Node's CPU gives. */
export async function trainsAsNode(tab: Tab, device: Device): Promise<void> {
  const folder = (path: string) => folderSource(fileURLToPath(new URL(path, import.meta.url)))
  const cpu = createNodeRuntime({ device: 'cpu', threads: 2 })
  const clip = await tinyClip(await folder('../fixtures/tinyClip'), cpu)
  const expected = await twoSteps(cpu, clip, await folder('../../models/outline'), options)
  const losses = await tab.evaluate(([on, asked]) => page.runSteps(on, 'tinyClip', asked), [device, options] as const)
  expect(differingLosses(losses, expected, TOLERANCE)).toEqual([])
  expect(differingLosses([losses[1]!, losses[0]!], expected, TOLERANCE).length).toBeGreaterThan(6)
}
