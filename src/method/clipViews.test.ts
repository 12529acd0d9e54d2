import { describe, expect, it } from 'vitest'
import { readFixtureJson, readFixtureTensors, relativeError } from '../../test/support/readFixture.js'
import { gradients } from '../engine/gradients.js'
import { Graph } from '../engine/graph.js'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import { clipViews, viewFeed } from './clipViews.js'
import type { ViewDraw } from './viewDraws.js'

/** Positions of samples are exact to about 1e-5 pixels in float32. */
const VIEW_TOLERANCE = 1e-4
const GRADIENT_TOLERANCE = 5e-4

interface Case {
  name: string
  height: number
  width: number
  fill: number
  image: string
  draws: ViewDraw[]
  views: string
  cotangent: string
  gradient: string
}

const { cases } = readFixtureJson<{ cases: Case[] }>('views')
const tensor = readFixtureTensors('views')
const runtime = createNodeRuntime({ device: 'cpu', threads: 2 })

describe('CLIP views in their published order', () => {
  it.each(cases)('$name: views and gradient are those of PyTorch', async (example) => {
    const image = tensor(example.image)
    const [, , height, width] = image.shape.length === 4 ? image.shape : [1, ...image.shape]
    const plan = {
      count: example.draws.length,
      source: { height: height!, width: width! },
      view: { height: example.height, width: example.width },
      sampling: 'sequential' as const,
      fill: example.fill,
      antialias: false,
    }
    const graph = new Graph()
    const picture = graph.input('picture', [1, 3, height!, width!])
    const expected = tensor(example.views)
    const seed = graph.input('cotangent', expected.shape)
    const views = clipViews(graph, 'set', plan)(picture)
    const [gradient] = gradients(views, [picture], seed)
    const program = await runtime.compile(graph, { views, gradient: gradient! })
    const T = runtime.Tensor
    const feeds = viewFeed('set', example.draws, plan)
    const result = await program.run({
      ...feeds,
      picture: new T(
        'float32',
        image.data.map((v) => v / 255),
        [1, 3, height!, width!],
      ),
      cotangent: new T('float32', tensor(example.cotangent).data, expected.shape),
    })
    expect(relativeError(result.views!.data as Float32Array, expected.data)).toBeLessThan(VIEW_TOLERANCE)
    expect(relativeError(result.gradient!.data as Float32Array, tensor(example.gradient).data)).toBeLessThan(
      GRADIENT_TOLERANCE,
    )
    await program.release()
  })
})
