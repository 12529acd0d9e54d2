import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { readFixtureTensors, relativeError } from '../../test/support/readFixture.js'
import { Graph } from '../engine/graph.js'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import { bindWeights, weightFeeds } from './guidance.js'
import { memorySource } from './fileSource.js'
import { folderSource } from './node/folderSource.js'
import { loadOutline, outlineGraph, outlineMap, type OutlineModel } from './outline.js'

const folder = fileURLToPath(new URL('../../models/outline', import.meta.url))
const runtime = createNodeRuntime({ device: 'cpu', threads: 2 })
/** Largest |difference| allowed: float32 sums in another order. */
const TOLERANCE = 2e-5

let model: OutlineModel
beforeAll(async () => {
  model = await loadOutline(await folderSource(folder))
})

describe('the outline network', () => {
  const fixture = readFixtureTensors('outline')

  it.each(['square', 'wide'])(
    'answers a %s picture as the published graph does with the same weights',
    async (name) => {
      const pixels = fixture(`${name}.pixels`)
      const [, height, width] = pixels.shape as [number, number, number]
      const graph = new Graph()
      const { inputs, used } = bindWeights(graph, model)
      const map = outlineGraph(graph.input('picture', [1, 3, height, width]), model, inputs)
      const program = await runtime.compile(graph, { map })
      const most = Math.max(...pixels.data)
      const result = await program.run({
        ...weightFeeds(used, runtime),
        picture: new runtime.Tensor(
          'float32',
          pixels.data.map((x) => x / most),
          [1, 3, height, width],
        ),
      })
      expect(relativeError((await result.map!.getData()) as Float32Array, fixture(`${name}.map`).data)).toBeLessThan(
        TOLERANCE,
      )
      await program.release()
    },
  )

  it.each([
    [96, 32],
    [30, 200],
  ])('finds a disc in a picture of %s x %s', async (width, height) => {
    const inside = (i: number): boolean =>
      ((i % width) - width / 2) ** 2 + (Math.floor(i / width) - height / 2) ** 2 < (0.3 * Math.min(width, height)) ** 2
    const colours = [
      [0.9, 0.3],
      [0.5, 0.35],
      [0.1, 0.4],
    ] as const
    const data = Float32Array.from(
      { length: 3 * width * height },
      (_, i) => colours[Math.floor(i / (width * height))]![inside(i % (width * height)) ? 0 : 1],
    )
    const map = await outlineMap({ width, height, channels: 3, data }, model, runtime)
    expect([map.width, map.height, map.channels]).toEqual([width, height, 1])
    const mean = (of: boolean): number => {
      const values = [...map.data].filter((_, i) => inside(i) === of)
      return values.reduce((sum, x) => sum + x, 0) / values.length
    }
    expect(mean(true)).toBeGreaterThan(0.8)
    expect(mean(false)).toBeLessThan(0.1)
  })

  it('is refused by name where a file is missing or damaged', async () => {
    await expect(loadOutline(memorySource(new Map()))).rejects.toMatchObject({ code: 'GUIDANCE_INVALID' })
    const config = new TextEncoder().encode(
      '{"format":"text2live-outline-1","architecture":"u2netp","image_size":320,"mean":[0,0,0],"std":[1,1,0]}',
    )
    await expect(loadOutline(memorySource(new Map([['config.json', config]])))).rejects.toMatchObject({
      code: 'GUIDANCE_INVALID',
      message: expect.stringContaining('std.2') as string,
    })
  })
})
