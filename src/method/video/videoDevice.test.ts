import { beforeAll, describe, expect, it } from 'vitest'
import { smallClipConfig } from '../../../test/support/smallClipConfig.js'
import { type DeviceRuntime, deviceRuntime } from '../../../test/support/deviceRuntime.js'
import { sharePrograms } from '../../../test/support/sharePrograms.js'
import { createNodeRuntime } from '../../engine/node/createNodeRuntime.js'
import { randomStream } from '../../engine/random.js'
import type { Runtime } from '../../engine/runtime.js'
import type { FloatImage } from '../../media/image.js'
import type { GuidanceModel } from '../../models/guidance.js'
import { randomClip } from '../../models/randomClip.js'
import { resolveVideoSettings } from '../../options/resolveVideoSettings.js'
import { drawStepShares, drawStepViews } from '../stepDraws.js'
import { vectorNames } from '../stepRunner.js'
import type { TextTargets } from '../textTargets.js'
import { VideoStepRunner, type VideoStepRequest } from './videoStepRunner.js'

/** Of the atlas crop and of the frames. */
const [atlasSize, frameSize] = [
  { width: 76, height: 70 },
  { width: 48, height: 40 },
]
const generator = { width: 4, skipWidth: 2, levels: 2 }
const settings = resolveVideoSettings([{ preset: 'fast', prompt: ['a'], source: ['b'], views: 2, seed: 5 }], () => 0)
const cpu = sharePrograms(createNodeRuntime({ device: 'cpu', threads: 1 }))
let guidance: GuidanceModel
beforeAll(async () => {
  guidance = await randomClip(smallClipConfig(), cpu, { seed: 0 })
})

const random = randomStream(4, 'pictures')
const noise = (count: number, low: number, high: number) =>
  Float32Array.from({ length: count }, () => random.uniform(low, high))
const picture = ({ width, height }: { width: number; height: number }): FloatImage => ({
  width,
  height,
  channels: 3,
  data: noise(3 * width * height, 0, 1),
})
const [atlas, frame] = [picture(atlasSize), picture(frameSize)]
const grid = noise(2 * frameSize.width * frameSize.height, -0.9, 0.9)
const text = { shape: [1, 8] as const, data: noise(8, -0.5, 0.5) }
const targets: TextTargets = { composition: text, screen: text, direction: text, region: null }

const request = (k: number, crop = atlas): VideoStepRequest => ({
  atlas: crop,
  mapped: [{ size: frameSize, grid, views: drawStepViews(settings, [guidance], 'frame 0', k, frameSize) }],
  direct: [{ picture: frame, views: drawStepViews(settings, [guidance], 'direct', k, frameSize) }],
  shares: drawStepShares(settings, k, targets),
  learningRate: 1e-3,
  bootstrapWeight: 0,
  k,
})

const runnerOn = (runtime: Runtime, tiledFrom?: number) =>
  new VideoStepRunner({
    runtime,
    guidance: [guidance],
    targets: [targets],
    settings,
    generator,
    ...(tiledFrom === undefined ? {} : { tiledFrom }),
  })

describe('a clip trained on a device', () => {
  it.each([
    ['whole', undefined],
    ['in strips', 4 * 76 * 70],
  ] as const)(
    'has the steps of the CPU, large crops %s, and leaves nothing there but its state',
    async (_, tiledFrom) => {
      const device = deviceRuntime(cpu)
      const [here, there] = [runnerOn(cpu), runnerOn(device, tiledFrom)]
      for (const k of [0, 1]) {
        const [expected, found] = [await here.step(request(k)), await there.step(request(k))]
        for (const [name, value] of Object.entries(expected.losses))
          expect(Math.abs(found.losses[name as 'total'] - value), name).toBeLessThan(1e-4)
        stateAlone(device)
      }
      const [layer, expected] = [await there.layer(atlas), await here.layer(atlas)]
      expect(layer.data.reduce((most, x, i) => Math.max(most, Math.abs(x - expected.data[i]!)), 0)).toBeLessThan(1e-3)
      stateAlone(device)
      await there.dispose()
      await here.dispose()
      expect(device.alive.size).toBe(0)
    },
  )

  it('frees what a step made that came to no finite numbers, and keeps the state of before', async () => {
    const device = deviceRuntime(cpu)
    const runner = runnerOn(device)
    await runner.step(request(0))
    const before = await runner.vectors()
    // The frame crop has left its gradient when the frame that reads the atlas fails.
    await expect(runner.step(request(1, { ...atlas, data: atlas.data.map(() => NaN) }))).rejects.toMatchObject({
      code: 'LOSS_NOT_FINITE',
    })
    stateAlone(device)
    const after = await runner.vectors()
    for (const name of vectorNames) expect(after[name]).toEqual(before[name])
    await runner.dispose()
  })
})

/** Parameters and both sums; what they started from came from the CPU and stays there. */
function stateAlone({ alive }: DeviceRuntime): void {
  expect(alive.size).toBe(3)
}
