import { describe, expect, it } from 'vitest'
import { readFixtureJson } from '../../test/support/readFixture.js'
import { randomStream } from '../engine/random.js'
import { type ViewDraw, drawJitter, drawViews, viewSize } from './viewDraws.js'

/** Standard deviations of a count that a true rate may be off by. */
const DEVIATIONS = 4
const STREAMS = 400
const VIEWS = 6
const source = { height: 173, width: 241 }
const view = viewSize(source, 224, 320)

const { viewSizes } = readFixtureJson<{ viewSizes: { rows: [number, number, number, number, number, number][] } }>(
  'views',
)
const perStream = Array.from({ length: STREAMS }, (_, step) =>
  drawViews(randomStream(5, 'views', step), VIEWS, source, view),
)
const all = perStream.flat()
const of = <T>(pick: (draw: ViewDraw) => T | null): T[] => all.map(pick).filter((x): x is T => x !== null)

function expectRate(hits: number, of: number, p: number, what: string): void {
  expect(Math.abs(hits / of - p), `${what}: ${hits} of ${of}`).toBeLessThan(DEVIATIONS * Math.sqrt((p * (1 - p)) / of))
}

/** All within [low, high], and some within a twentieth of the range of each end. */
function expectFills(values: readonly number[], low: number, high: number, what: string): void {
  const near = (high - low) / 20
  expect(Math.min(...values), `${what} from`).toBeGreaterThanOrEqual(low)
  expect(Math.min(...values), `${what} from`).toBeLessThan(low + near)
  expect(Math.max(...values), `${what} to`).toBeLessThanOrEqual(high)
  expect(Math.max(...values), `${what} to`).toBeGreaterThan(high - near)
}

describe('viewSize', () => {
  it.each(viewSizes.rows)(
    '%i x %i becomes %i x %i (long side at most 320) and %i x %i (380)',
    (height, width, h320, w320, h380, w380) => {
      expect(viewSize({ height, width }, 224, 320)).toEqual({ height: h320, width: w320 })
      expect(viewSize({ height, width }, 224, 380)).toEqual({ height: h380, width: w380 })
    },
  )

  it('a narrow picture keeps a row of image tokens, its aspect too', () => {
    expect(viewSize({ height: 90, width: 970 }, 224, 320)).toEqual({ height: 32, width: 344 })
    expect(viewSize({ height: 970, width: 90 }, 224, 380)).toEqual({ height: 380, width: 35 })
    expect(viewSize({ height: 3200, width: 64 }, 224, 320)).toEqual({ height: 1600, width: 32 })
    expect(viewSize({ height: 40, width: 2000 }, 336, 480)).toEqual({ height: 48, width: 2400 })
  })
})

describe('drawViews', () => {
  it('shows all of the picture first, then crops of .6 to 1 of both sides, anywhere', () => {
    for (const [first, ...others] of perStream) {
      expect(first!.crop).toBeNull()
      expect(others).toHaveLength(VIEWS - 1)
      for (const { crop } of others) {
        const { top, left, height, width } = crop!
        // One share for both sides: each is a floor, so the two shares differ by less than a pixel.
        expect(Math.abs(height / source.height - width / source.width)).toBeLessThan(1 / source.height)
        expect(Math.min(top, left)).toBeGreaterThanOrEqual(0)
        expect(top + height).toBeLessThanOrEqual(source.height)
        expect(left + width).toBeLessThanOrEqual(source.width)
      }
    }
    const crops = of((draw) => draw.crop)
    expectFills(
      crops.map((crop) => crop.height),
      Math.floor(0.6 * source.height),
      source.height,
      'height of a crop',
    )
    const roomy = crops.filter((crop) => source.width - crop.width >= 20)
    expectFills(
      roomy.map((crop) => crop.left / (source.width - crop.width)),
      0,
      1,
      'place of a crop',
    )
  })

  it('takes each stage at its rate', () => {
    expectRate(all.filter((draw) => draw.flip).length, all.length, 0.5, 'flip')
    expectRate(of((draw) => draw.affine).length, all.length, 0.8, 'affine')
    expectRate(of((draw) => draw.perspective).length, all.length, 0.5, 'perspective')
    expectRate(of((draw) => draw.jitter).length, all.length, 0.7, 'jitter')
    expectRate(all.filter((draw) => draw.grayscale).length, all.length, 0.15, 'grayscale')
    expectRate(
      all.filter((draw) => draw.flip && draw.perspective).length,
      all.length,
      0.25,
      'flip and perspective together',
    )
  })

  it('rotates by up to 15 degrees and shifts by whole pixels, up to a tenth of a side', () => {
    const affine = of((draw) => draw.affine)
    expectFills(
      affine.map(({ angle }) => angle),
      -15,
      15,
      'angle',
    )
    for (const [axis, side] of [
      [0, view.width],
      [1, view.height],
    ] as const) {
      const shifts = affine.map(({ translate }) => translate[axis])
      expect(shifts.every(Number.isInteger)).toBe(true)
      expectFills(shifts, -Math.round(0.1 * side), Math.round(0.1 * side), `shift along axis ${axis}`)
    }
  })

  it('moves every corner inwards by up to .4 of half a side', () => {
    const [dx, dy] = [Math.floor(0.4 * Math.floor(view.width / 2)), Math.floor(0.4 * Math.floor(view.height / 2))]
    const [right, bottom] = [view.width - 1, view.height - 1]
    const drawn = of((draw) => draw.perspective)
    for (const { startpoints } of drawn)
      expect(startpoints).toEqual([
        [0, 0],
        [right, 0],
        [right, bottom],
        [0, bottom],
      ])
    const inwards = drawn[0]!.startpoints.map(([x, y], corner) => ({
      x: drawn.map(
        ({ endpoints }) => Math.abs(endpoints[corner]![0] - x) * (within(endpoints[corner]![0], right) ? 1 : NaN),
      ),
      y: drawn.map(
        ({ endpoints }) => Math.abs(endpoints[corner]![1] - y) * (within(endpoints[corner]![1], bottom) ? 1 : NaN),
      ),
    }))
    for (const [corner, { x, y }] of inwards.entries()) {
      expect([...x, ...y].every(Number.isInteger), `corner ${corner} on whole pixels of the view`).toBe(true)
      expectFills(x, 0, dx, `corner ${corner} sideways`)
      expectFills(y, 0, dy, `corner ${corner} up and down`)
    }
  })

  it('is what its stream says, and no two views or steps are alike', () => {
    expect(drawViews(randomStream(5, 'views', 3), VIEWS, source, view)).toEqual(perStream[3])
    expect(new Set(all.map((draw) => JSON.stringify(draw))).size).toBeGreaterThan(0.99 * all.length)
  })
})

describe('drawJitter', () => {
  it('changes brightness, contrast and saturation by 10 %, hue by a tenth of a turn, in any order', () => {
    const drawn = Array.from({ length: 1200 }, (_, step) => drawJitter(randomStream(6, 'jitter', step)))
    for (const name of ['brightness', 'contrast', 'saturation'] as const)
      expectFills(
        drawn.map((draw) => draw[name]),
        0.9,
        1.1,
        name,
      )
    expectFills(
      drawn.map(({ hue }) => hue),
      -0.1,
      0.1,
      'hue',
    )
    const orders = new Map<string, number>()
    for (const { order } of drawn) {
      expect([...order].sort()).toEqual([0, 1, 2, 3])
      orders.set(order.join(), (orders.get(order.join()) ?? 0) + 1)
    }
    expect(orders.size).toBe(24)
    for (const [order, count] of orders) expectRate(count, drawn.length, 1 / 24, `order ${order}`)
  })
})

function within(at: number, last: number): boolean {
  return at >= 0 && at <= last
}
