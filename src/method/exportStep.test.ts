import { beforeAll, expect, it } from 'vitest'
import { smallClipConfig } from '../../test/support/smallClipConfig.js'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import { loadOnnxRuntime } from '../engine/node/loadOnnxRuntime.js'
import type { GuidanceModel } from '../models/guidance.js'
import { randomClip } from '../models/randomClip.js'
import type { GivenOptions } from '../options/imageOptions.js'
import { resolveSettings } from '../options/resolveSettings.js'
import { exportStep } from './exportStep.js'

let guidance: GuidanceModel
beforeAll(async () => {
  guidance = await randomClip(smallClipConfig(), createNodeRuntime({ device: 'cpu', threads: 1 }))
})

/** The maps that the exported step of these settings is fed. */
async function mapsOf(given: GivenOptions): Promise<string[]> {
  const settings = resolveSettings(
    [{ prompt: 'gold', region: 'teapot', views: 1, generatorWidth: 8, generatorLevels: 2, seed: 1, ...given }],
    () => 1,
  )
  const session = await loadOnnxRuntime().InferenceSession.create(
    exportStep({ size: 192, settings, guidance: [guidance] }),
  )
  const names = session.inputNames.filter((name) => ['mask', 'relevancy', 'emphasis'].includes(name)).sort()
  await session.release()
  return names
}

it('the exported step has the maps that a training with its settings feeds', async () => {
  expect(await mapsOf({ preset: 'fast' })).toEqual(['emphasis', 'mask', 'relevancy'])
  expect(await mapsOf({ preset: 'fast', regionBound: 0 })).toEqual(['emphasis', 'relevancy'])
  expect(await mapsOf({ preset: 'fast', regionBound: 0, mask: 'mask.png' })).toEqual(['emphasis', 'mask', 'relevancy'])
  expect(await mapsOf({ preset: 'fast', region: 'none' })).toEqual([])
  expect(await mapsOf({ preset: 'reference' })).toEqual([])
})
