import { describe, expect, it } from 'vitest'
import { type Arrays, evaluate } from '../../test/support/evaluate.js'
import { gradients } from '../engine/gradients.js'
import { Graph } from '../engine/graph.js'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import { randomStream } from '../engine/random.js'
import { crop } from '../media/crop.js'
import { flipHorizontal } from '../media/flipHorizontal.js'
import type { FloatImage } from '../media/image.js'
import { resize } from '../media/resample.js'
import { type ViewPlan, clipViews, viewFeed } from './clipViews.js'
import { type ViewDraw, drawViews } from './viewDraws.js'

/** Of the slope along a direction, in units of |gradient| |direction|: sums of float32 products. */
const ADJOINT_TOLERANCE = 1e-5
/** Between one sampling and two, of which one is the identity: positions to about 1e-5 px. */
const SAMPLING_TOLERANCE = 2e-4
const RESIZE_TOLERANCE = 1e-5
/** The composed jitter takes the mean luma before the other changes and clamps once. */
const JITTER_TOLERANCE = 0.01
/** A turn about the grey diagonal keeps the mean of the channels; what is left is float32. */
const MEAN_TOLERANCE = 1e-5

const source = { height: 40, width: 52 }
const view = { height: 30, width: 39 }
const plan: ViewPlan = { count: 1, source, view, sampling: 'composed', fill: 1, antialias: true }
const runtime = createNodeRuntime({ device: 'cpu', threads: 1 })
const nothing: ViewDraw = { crop: null, flip: false, affine: null, perspective: null, jitter: null, grayscale: false }
const affine = { angle: 11, translate: [3, -2] } as const
const [right, bottom] = [view.width - 1, view.height - 1]
const perspective = {
  startpoints: [
    [0, 0],
    [right, 0],
    [right, bottom],
    [0, bottom],
  ],
  endpoints: [
    [4, 2],
    [right - 2, 5],
    [right - 3, bottom - 1],
    [1, bottom - 4],
  ],
} as const

async function sample(
  picture: FloatImage,
  draws: readonly ViewDraw[],
  changes: Partial<ViewPlan> = {},
): Promise<Float32Array> {
  const own = { ...plan, ...changes, count: draws.length }
  const graph = new Graph()
  const views = clipViews(graph, 'set', own)(graph.input('picture', [1, 3, own.source.height, own.source.width]))
  return (await evaluate(runtime, graph, { views }, { ...viewFeed('set', draws, own), picture: planes(picture) }))
    .views!
}

function planes({ height, width, data }: FloatImage): Arrays[string] {
  return { shape: [1, 3, height, width], data }
}

const largest = (a: Float32Array, b: Float32Array, counts: (i: number) => boolean = () => true) =>
  a.reduce((worst, x, i) => (counts(i) ? Math.max(worst, Math.abs(x - b[i]!)) : worst), 0)

describe('composed views', () => {
  it('have a gradient that is the slope, with every stage drawn and the picture smoothed before it shrinks', async () => {
    const draws: ViewDraw[] = [
      ...drawViews(randomStream(1, 'views'), 4, source, view),
      {
        crop: { top: 3, left: 5, height: 30, width: 39 },
        flip: true,
        affine,
        perspective,
        grayscale: true,
        jitter: { order: [2, 0, 3, 1], brightness: 1.08, contrast: 0.92, saturation: 1.1, hue: -0.07 },
      },
      {
        ...nothing,
        affine,
        perspective,
        jitter: { order: [0, 1, 2, 3], brightness: 0.93, contrast: 1.09, saturation: 0.91, hue: 0.09 },
      },
    ]
    const own = { ...plan, count: draws.length }
    const graph = new Graph()
    const picture = graph.input('picture', [1, 3, source.height, source.width])
    const views = clipViews(graph, 'set', own)(picture)
    const cotangent = graph.input('cotangent', views.shape)
    const program = await runtime.compile(graph, { views, gradient: gradients(views, [picture], cotangent)[0]! })
    const random = randomStream(2, 'pixels')
    const noise = (n: number, low: number, high: number) =>
      Float32Array.from({ length: n }, () => random.uniform(low, high))
    const n = 3 * source.height * source.width
    // Away from 0 and 1 no stage clamps: the views are affine in the picture, and a step of any length gives the slope.
    const at = noise(n, 0.4, 0.6)
    const weight = noise(
      views.shape.reduce((a, b) => a * b),
      -1,
      1,
    )
    const run = async (data: Float32Array) => {
      return await program.run({ ...viewFeed('set', draws, own), picture: data, cotangent: weight })
    }
    const gradient = (await run(at)).gradient!.data as Float32Array
    expect(Math.hypot(...gradient)).toBeGreaterThan(1)
    const directions = [
      noise(n, -0.05, 0.05),
      noise(n, -0.05, 0.05),
      ...[0, 1, 2].map((c) => only(n, (c * source.height + 20) * source.width + 26)),
    ]
    for (const [k, direction] of directions.entries()) {
      const ahead = (await run(at.map((x, i) => x + direction[i]!))).views!.data as Float32Array
      const behind = (await run(at.map((x, i) => x - direction[i]!))).views!.data as Float32Array
      const slope = weight.reduce((sum, w, i) => sum + w * (ahead[i]! - behind[i]!), 0) / 2
      const claimed = gradient.reduce((sum, g, i) => sum + g * direction[i]!, 0)
      const scale = Math.hypot(...gradient) * Math.hypot(...direction)
      expect(Math.abs(slope - claimed), `direction ${k}: ${slope} for ${claimed}`).toBeLessThan(
        ADJOINT_TOLERANCE * scale,
      )
    }
    const again = await run(at)
    expect(again.gradient!.data).toEqual(gradient)
    await program.release()
  })

  it.each([
    ['neither', nothing],
    ['affine alone', { ...nothing, affine }],
    ['perspective alone', { ...nothing, perspective }],
    ['affine of a mirrored crop', { ...nothing, affine, flip: true, crop: { top: 4, left: 9, height: 31, width: 40 } }],
    ['perspective in grey', { ...nothing, perspective, grayscale: true }],
  ] as const)('are those of sequential sampling with %s', async (_, draw) => {
    for (const antialias of [false, true]) {
      const [composed, sequential] = [
        await sample(scene, [draw], { antialias }),
        await sample(scene, [draw], { antialias, sampling: 'sequential' }),
      ]
      const inside = (await sample(white, [draw], { fill: 0, sampling: 'sequential' })).map((x) => (x > 0.9999 ? 1 : 0))
      expect(inside.reduce((a, b) => a + b, 0)).toBeGreaterThan(0.5 * inside.length)
      expect(largest(composed, sequential, (i) => inside[i] === 1)).toBeLessThan(SAMPLING_TOLERANCE)
    }
  })

  it('compose affine and perspective in the order of the two samplings', async () => {
    // Interpolating a ramp is exact, so two samplings of it lose nothing against one.
    const draw = { ...nothing, affine, perspective }
    const [composed, sequential] = [
      await sample(ramps, [draw], { fill: 0, antialias: false }),
      await sample(ramps, [draw], { fill: 0, antialias: false, sampling: 'sequential' }),
    ]
    const n = view.height * view.width
    const inside = sequential.subarray(2 * n).map((x) => (x > 0.9999 ? 1 : 0))
    expect(inside.reduce((a, b) => a + b, 0)).toBeGreaterThan(0.4 * n)
    expect(
      largest(composed.subarray(0, 2 * n), sequential.subarray(0, 2 * n), (i) => inside[i % n] === 1),
    ).toBeLessThan(SAMPLING_TOLERANCE)
    // The opposite order is somewhere else.
    const alone = await sample(ramps, [{ ...nothing, affine }], { fill: 0, antialias: false })
    expect(largest(composed.subarray(0, n), alone.subarray(0, n), (i) => inside[i] === 1)).toBeGreaterThan(0.05)
  })

  it.each([false, true])('without warps are the resized picture (antialias %s)', async (antialias) => {
    const small = { height: 12, width: 17 }
    const options = { filter: 'bilinear', antialias } as const
    const whole = await sample(scene, [nothing], { antialias, view: small })
    expect(largest(whole, resize(scene, small.width, small.height, options).data)).toBeLessThan(RESIZE_TOLERANCE)
    const window = { top: 4, left: 7, height: 33, width: 41 }
    const mirrored = await sample(scene, [{ ...nothing, crop: window, flip: true }], { antialias, view: small })
    const expected = flipHorizontal(
      resize(crop(scene, window.left, window.top, window.width, window.height), small.width, small.height, options),
    )
    expect(largest(mirrored, expected.data)).toBeLessThan(RESIZE_TOLERANCE)
    const other = resize(scene, small.width, small.height, { filter: 'bilinear', antialias: !antialias })
    expect(largest(whole, other.data)).toBeGreaterThan(0.01)
  })

  it('take the fill outside the picture', async () => {
    const draw = { ...nothing, affine: { angle: 0, translate: [0, 20] as const } }
    for (const fill of [0, 1, 0.5]) {
      const shifted = await sample(scene, [draw], { fill })
      expect([...shifted.subarray(0, 19 * view.width)].every((x) => x === fill)).toBe(true)
      expect(
        largest(
          shifted.subarray(21 * view.width, 22 * view.width),
          (await sample(scene, [nothing])).subarray(view.width, 2 * view.width),
        ),
      ).toBeLessThan(SAMPLING_TOLERANCE)
    }
  })

  it('change brightness, contrast and saturation nearly as the exact stages do', async () => {
    const draws = drawViews(randomStream(7, 'views'), 24, source, view).map(({ jitter, grayscale }) => ({
      ...nothing,
      jitter: jitter && { ...jitter, hue: 0 },
      grayscale,
    }))
    expect(draws.filter(({ jitter }) => jitter).length).toBeGreaterThan(10)
    const [composed, exact, plain] = [
      await sample(scene, draws),
      await sample(scene, draws, { sampling: 'sequential' }),
      await sample(
        scene,
        draws.map(({ grayscale }) => ({ ...nothing, grayscale })),
      ),
    ]
    expect(largest(composed, exact)).toBeLessThan(JITTER_TOLERANCE)
    expect(distance(composed, exact)).toBeLessThan(distance(plain, exact) / 10)
  })

  it.each([0.05, -0.05, 0.1, -0.1])(
    'turn hues as the exact stage does, nearer to it than no turn (%d turns), and keep the mean of the channels',
    async (hue) => {
      const turned = (turns: number) => [
        { ...nothing, jitter: { order: [0, 1, 2, 3], brightness: 1, contrast: 1, saturation: 1, hue: turns } },
      ]
      const exact = await sample(scene, turned(hue), { sampling: 'sequential' })
      const composed = await sample(scene, turned(hue))
      const unturned = await sample(scene, [nothing])
      expect(distance(composed, exact)).toBeLessThan(0.9 * distance(unturned, exact))
      expect(largest(channelMeans(composed), channelMeans(unturned))).toBeLessThan(MEAN_TOLERANCE)
    },
  )
})

/** Mean of the three channels of each pixel of one view. */
function channelMeans(view: Float32Array): Float32Array {
  const n = view.length / 3
  return Float32Array.from({ length: n }, (_, i) => (view[i]! + view[n + i]! + view[2 * n + i]!) / 3)
}

/** Mean absolute difference. */
function distance(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, x, i) => sum + Math.abs(x - b[i]!), 0) / a.length
}

function only(n: number, at: number): Float32Array {
  const direction = new Float32Array(n)
  direction[at] = 0.1
  return direction
}

function drawn(value: (x: number, y: number, c: number) => number): FloatImage {
  const { height, width } = source
  const data = Float32Array.from({ length: 3 * height * width }, (_, i) =>
    value(i % width, Math.floor(i / width) % height, Math.floor(i / (height * width))),
  )
  return { height, width, channels: 3, data }
}

/** Smooth shapes of muted colours over fine texture. */
const scene = drawn(
  (x, y, c) =>
    0.5 + [0.12, -0.05, 0.04][c]! * Math.sin(x / 5 + c) + 0.1 * Math.cos(y / 4 - x / 9) + 0.08 * ((x + y) % 2) - 0.04,
)
const white = drawn(() => 1)
const ramps = drawn((x, y, c) => [x / 60, y / 60, 1][c]!)
