import { beforeAll, describe, expect, it } from 'vitest'
import { smallClipConfig } from '../../test/support/smallClipConfig.js'
import { colourWords } from '../../test/support/colourWords.js'
import { twoObjects } from '../../test/support/twoObjects.js'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import type { Runtime } from '../engine/runtime.js'
import { overlap } from '../media/changeMeasures.js'
import type { GuidanceModel } from '../models/guidance.js'
import { randomClip } from '../models/randomClip.js'
import { relevancyMap } from './relevancyMap.js'

const runtime = createNodeRuntime({ device: 'cpu', threads: 1 })
const { photo, disc, square } = twoObjects(96, 120)

let guidance: GuidanceModel
beforeAll(async () => {
  guidance = await colourWords({}, runtime)
})

const red = [1, -0.5, -0.5]
const blue = [-0.5, -0.5, 1]
const colours = (...texts: number[][]) => ({ shape: [texts.length, 3] as const, data: Float32Array.from(texts.flat()) })

describe('relevancyMap', () => {
  it('draws a coarse map to the outline of the object its text names', async () => {
    const map = await relevancyMap(photo, [{ model: guidance, texts: colours(red) }], runtime)
    expect([map.width, map.height, map.channels]).toEqual([photo.width, photo.height, 1])
    expect(overlap(map, disc.map)).toBeGreaterThan(0.9)
    expect(overlap(map, square)).toBe(0)
    expect(Math.min(...map.data)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...map.data)).toBeLessThanOrEqual(1)
    expect(
      overlap(await relevancyMap(photo, [{ model: guidance, texts: colours(blue) }], runtime), square),
    ).toBeGreaterThan(0.85)
  })

  it('is the same for the same photo, and takes the mean over several texts', async () => {
    const one = await relevancyMap(photo, [{ model: guidance, texts: colours(red) }], runtime)
    expect(await relevancyMap(photo, [{ model: guidance, texts: colours(red) }], runtime)).toEqual(one)
    expect(
      overlap(await relevancyMap(photo, [{ model: guidance, texts: colours(red, red) }], runtime), one),
    ).toBeGreaterThan(0.99)
  })

  it('is 0, not NaN, on a photo of one colour', async () => {
    const grey = { ...photo, data: photo.data.map(() => 0.5) }
    const map = await relevancyMap(grey, [{ model: guidance, texts: colours(red) }], runtime)
    for (const x of map.data) expect(Math.abs(x)).toBeLessThan(0.01)
  })

  it('brings the weights of a model to the device once for all scales, and frees all it took, also where it fails', async () => {
    const clip = await randomClip(
      smallClipConfig({
        projection: 3,
        vision: { hidden_size: 8, intermediate_size: 8, image_size: 64, patch_size: 16 },
      }),
      runtime,
    )
    for (const fails of [false, true]) {
      const held = { uploads: 0, programs: 0 }
      const taken = { uploads: 0, programs: 0 }
      const take = (what: keyof typeof held) => {
        held[what]++
        taken[what]++
      }
      const counting: Runtime = {
        ...runtime,
        async upload(tensors) {
          take('uploads')
          const uploaded = await runtime.upload(tensors)
          return {
            ...uploaded,
            release: () => {
              held.uploads--
              return uploaded.release()
            },
          }
        },
        async compile(...graph) {
          take('programs')
          const program = await runtime.compile(...graph)
          const failing = fails && taken.programs === 3
          return {
            ...program,
            run: (feeds) => (failing ? Promise.reject(new Error('the device is lost')) : program.run(feeds)),
            release: () => {
              held.programs--
              return program.release()
            },
          }
        },
      }
      const map = relevancyMap(photo, [{ model: clip, texts: colours(red) }], counting)
      if (fails) await expect(map).rejects.toThrow('the device is lost')
      else await map
      expect(taken).toEqual({ uploads: 1, programs: fails ? 3 : 4 })
      expect(held).toEqual({ uploads: 0, programs: 0 })
    }
  })

  it('runs a CLIP and gives a map in [0, 1]', async () => {
    const clip = await randomClip(
      smallClipConfig({
        projection: 3,
        vision: { hidden_size: 8, intermediate_size: 8, num_hidden_layers: 2, image_size: 64, patch_size: 16 },
      }),
      runtime,
    )
    const map = await relevancyMap(photo, [{ model: clip, texts: colours(red, blue) }], runtime)
    expect([...map.data].every((x) => x >= 0 && x <= 1)).toBe(true)
    expect(Math.max(...map.data)).toBeGreaterThan(Math.min(...map.data))
  })
})
