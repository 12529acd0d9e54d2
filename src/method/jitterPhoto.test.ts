import { expect, it } from 'vitest'
import { evaluate } from '../../test/support/evaluate.js'
import { Graph } from '../engine/graph.js'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import { randomStream } from '../engine/random.js'
import type { FloatImage } from '../media/image.js'
import { clipViews, viewFeed } from './clipViews.js'
import { jitterPhoto } from './jitterPhoto.js'
import { type JitterDraw, drawJitter } from './viewDraws.js'

/** Four roundings to 8 bits, the later stages carrying on the earlier ones. */
const ROUNDING = 3 / 255
const size = { height: 12, width: 16 }

const bytes = (value: (i: number) => number): FloatImage => ({
  ...size,
  channels: 3,
  data: Float32Array.from({ length: 3 * size.height * size.width }, (_, i) => Math.round(255 * value(i)) / 255),
})
const orders = permutations([0, 1, 2, 3])
const neutral: JitterDraw = { order: [0, 1, 2, 3], brightness: 1, contrast: 1, saturation: 1, hue: 0 }

it('has the colours of the exact stages of the views, in all 24 orders, up to 8-bit rounding', async () => {
  const random = randomStream(8, 'pixels')
  const photo = bytes(() => random.uniform())
  const draws = orders.map((order, step) => ({ ...drawJitter(randomStream(8, 'jitter', step)), order }))
  const plan = {
    count: draws.length,
    source: size,
    view: size,
    sampling: 'sequential' as const,
    fill: 1,
    antialias: false,
  }
  const graph = new Graph()
  const views = clipViews(graph, 'set', plan)(graph.input('picture', [1, 3, size.height, size.width]))
  const feed = viewFeed(
    'set',
    draws.map((jitter) => ({ crop: null, flip: false, affine: null, perspective: null, jitter, grayscale: false })),
    plan,
  )
  const result = await evaluate(
    createNodeRuntime({ device: 'cpu', threads: 1 }),
    graph,
    { views },
    {
      ...feed,
      picture: { shape: [1, 3, size.height, size.width], data: photo.data },
    },
  )
  draws.forEach((draw, v) => {
    const ours = jitterPhoto(photo, draw).data
    const exact = result.views!.subarray(v * ours.length, (v + 1) * ours.length)
    const worst = Math.max(...[...ours].map((x, i) => Math.abs(x - exact[i]!)))
    expect(worst, `order ${draw.order.join()}`).toBeLessThan(ROUNDING)
    expect(Math.max(...[...ours].map((x, i) => Math.abs(x - photo.data[i]!))), 'the jitter is seen').toBeGreaterThan(
      ROUNDING,
    )
    expect(
      [...ours].every((x) => Math.abs(x * 255 - Math.round(x * 255)) < 1e-4),
      'whole 255ths',
    ).toBe(true)
  })
})

it('changes nothing when neutral, and leaves its input alone', () => {
  const random = randomStream(9, 'pixels')
  const photo = bytes(() => random.uniform())
  const before = photo.data.slice()
  expect(jitterPhoto(photo, neutral)).toEqual(photo)
  jitterPhoto(photo, { ...neutral, brightness: 0.9 })
  expect(photo.data).toEqual(before)
})

it('brightens, clamps, and turns hues by thirds from red to green to blue', () => {
  const n = size.height * size.width
  const at = (image: FloatImage) => [0, 1, 2].map((c) => Math.round(image.data[c * n]! * 255))
  const red = bytes((i) => (i < n ? 0.8 : 0.2))
  expect(at(red)).toEqual([204, 51, 51])
  expect(at(jitterPhoto(red, { ...neutral, hue: 1 / 3 }))).toEqual([51, 204, 51])
  expect(at(jitterPhoto(red, { ...neutral, hue: -1 / 3 }))).toEqual([51, 51, 204])
  expect(at(jitterPhoto(red, { ...neutral, brightness: 1.1 }))).toEqual([224, 56, 56])
  expect(at(jitterPhoto(red, { ...neutral, brightness: 2 }))).toEqual([255, 102, 102])
  const luma = 0.2989 * 204 + 0.587 * 51 + 0.114 * 51
  expect(at(jitterPhoto(red, { ...neutral, saturation: 0 }))).toEqual([luma, luma, luma].map(Math.round))
})

function permutations(items: readonly number[]): number[][] {
  if (items.length < 2) return [[...items]]
  return items.flatMap((first) => permutations(items.filter((item) => item !== first)).map((rest) => [first, ...rest]))
}
