import { describe, expect, it } from 'vitest'
import { boxMean } from './boxMean.js'
import { guidedFilter, refineLayer } from './guided.js'
import type { FloatImage } from './image.js'
import { resize } from './resample.js'

function image(
  width: number,
  height: number,
  channels: 1 | 3 | 4,
  at: (x: number, y: number, c: number) => number,
): FloatImage {
  const plane = width * height
  const data = Float32Array.from({ length: channels * plane }, (_, i) =>
    at(i % width, Math.floor((i % plane) / width), Math.floor(i / plane)),
  )
  return { width, height, channels, data }
}
function noise(x: number, y: number, c: number) {
  const s = Math.sin(x * 12.9898 + y * 78.233 + c * 37.719) * 43758.5453
  return s - Math.floor(s)
}

describe('boxMean', () => {
  it('equals the mean of the cut window, also when the window is wider than the image', () => {
    const [w, h] = [7, 5]
    const plane = image(w, h, 1, noise).data
    for (const radius of [0, 1, 2, 9]) {
      const means = boxMean(plane, w, h, radius)
      for (let y = 0; y < h; y++) {
        for (let x = 0; x < w; x++) {
          let [sum, count] = [0, 0]
          for (let v = Math.max(0, y - radius); v <= Math.min(h - 1, y + radius); v++) {
            for (let u = Math.max(0, x - radius); u <= Math.min(w - 1, x + radius); u++, count++)
              sum += plane[v * w + u]!
          }
          expect(means[y * w + x]).toBeCloseTo(sum / count, 12)
        }
      }
    }
  })
})

describe('guidedFilter', () => {
  const guide = image(40, 30, 3, (x, _y, c) => (x < 20 ? 0.2 : 0.8) + 0.05 * c)

  it('gives a target back that is an affine function of the guide', () => {
    const target = image(40, 30, 1, (x) => 0.3 * (x < 20 ? 0.2 : 0.8) + 0.1)
    const out = guidedFilter(guide, target, 4, 1e-8)
    expect(Math.max(...out.data.map((v, i) => Math.abs(v - target.data[i]!)))).toBeLessThan(1e-4)
  })

  it("snaps a blurred step to the guide's edge", () => {
    const blurred = image(40, 30, 1, (x) => Math.min(1, Math.max(0, (x - 15.5) / 8)))
    const out = guidedFilter(guide, blurred, 6, 1e-4)
    const jump = (m: FloatImage) => m.data[15 * 40 + 20]! - m.data[15 * 40 + 19]!
    expect(jump(blurred)).toBeCloseTo(0.125, 6)
    expect(jump(out)).toBeGreaterThan(0.4)
  })

  it('with a flat guide only smooths, and follows an edge that is in colour alone', () => {
    const flat = guidedFilter(
      image(20, 20, 3, () => 0.5),
      image(20, 20, 1, (x, y) => noise(x, y, 0)),
      3,
      1e-4,
    )
    expect(Math.max(...flat.data) - Math.min(...flat.data)).toBeLessThan(0.5)
    // Equal luma on both sides: a grey guide would not see this edge.
    const colour = image(
      40,
      20,
      3,
      (x, _y, c) =>
        [
          [0.5, 0.3, 0.3],
          [0.2, 0.4527, 0.3],
        ][x < 20 ? 0 : 1]![c]!,
    )
    const out = guidedFilter(
      colour,
      image(40, 20, 1, (x) => Math.min(1, Math.max(0, (x - 15.5) / 8))),
      6,
      1e-5,
    )
    expect(out.data[10 * 40 + 20]! - out.data[10 * 40 + 19]!).toBeGreaterThan(0.4)
  })

  it('refuses sizes that differ', () => {
    expect(() =>
      guidedFilter(
        guide,
        image(39, 30, 1, () => 0),
        4,
        1e-4,
      ),
    ).toThrow('40x30, 39x30')
  })
})

describe('refineLayer', () => {
  const [w, h, scale] = [60, 48, 4]
  const inside = (x: number, y: number) => Math.hypot(x - 120, y - 96) < 60
  const full = image(
    w * scale,
    h * scale,
    3,
    (x, y, c) => (inside(x, y) ? 0.75 - 0.1 * c : 0.2) + 0.03 * (noise(x, y, c) - 0.5),
  )
  const small = resize(full, w, h, { filter: 'bilinear', antialias: true })
  const truth = image(w * scale, h * scale, 1, (x, y) => (inside(x, y) ? 1 : 0))
  const alphaSmall = resize(truth, w, h, { filter: 'bilinear', antialias: true })
  const layer = image(w, h, 4, (x, y, c) =>
    c === 3 ? alphaSmall.data[y * w + x]! : 0.5 * small.data[(c * h + y) * w + x]! + 0.3,
  )
  const refined = refineLayer(full, layer, small)
  const plane = full.width * full.height
  const alpha = refined.data.subarray(3 * plane)

  it("has the photo's size, RGBA in [0, 1]", () => {
    expect([refined.width, refined.height, refined.channels, refined.data.length]).toEqual([240, 192, 4, 4 * 240 * 192])
    expect(refined.data.every((v) => v >= 0 && v <= 1)).toBe(true)
  })

  it("alpha follows the photo's edge: less than half the error of an upsampled alpha", () => {
    const error = (plane: Float32Array) => plane.reduce((sum, v, i) => sum + Math.abs(v - truth.data[i]!), 0)
    const upsampled = resize(alphaSmall, full.width, full.height, { filter: 'bicubic', antialias: true })
    expect(error(alpha)).toBeLessThan(0.5 * error(upsampled.data))
  })

  it('alpha is exactly 0 away from the object and 1 well inside it', () => {
    for (let y = 0; y < full.height; y++) {
      for (let x = 0; x < full.width; x++) {
        const distance = Math.hypot(x - 120, y - 96)
        if (distance > 60 + 5 * scale) expect(alpha[y * full.width + x]).toBe(0)
        if (distance < 60 - 5 * scale) expect(alpha[y * full.width + x]).toBeGreaterThan(0.999)
      }
    }
  })

  it('an alpha of 1/255 everywhere is nothing, and one of 3/255 stays', () => {
    const faint = (value: number) =>
      refineLayer(
        full,
        image(w, h, 4, (_x, _y, c) => (c === 3 ? value : 0.5)),
        small,
      ).data.subarray(3 * plane)
    expect(faint(1 / 255).every((v) => v === 0)).toBe(true)
    expect(faint(3 / 255).every((v) => Math.abs(v - 3 / 255) < 1e-4)).toBe(true)
  })

  it("colour that is a function of the photo carries the photo's full detail inside the object", () => {
    let worst = 0
    for (let y = 60; y < 130; y++) {
      for (let x = 85; x < 155; x++) {
        if (Math.hypot(x - 120, y - 96) > 40) continue
        for (let c = 0; c < 3; c++) {
          const i = c * plane + y * full.width + x
          worst = Math.max(worst, Math.abs(refined.data[i]! - (0.5 * full.data[i]! + 0.3)))
        }
      }
    }
    expect(worst).toBeLessThan(0.015)
  })

  it('alpha that the photo does not explain keeps its shape', () => {
    const clear = image(w * scale, h * scale, 3, () => 0.6)
    const smoke = image(w, h, 4, (x, y, c) => (c === 3 ? 0.5 + 0.4 * Math.sin(x / 3) * Math.cos(y / 4) : 0.9))
    const out = refineLayer(clear, smoke, resize(clear, w, h, { filter: 'bilinear', antialias: true }))
    const expected = resize(
      { width: w, height: h, channels: 1, data: smoke.data.slice(3 * w * h) },
      w * scale,
      h * scale,
      { filter: 'bicubic', antialias: true },
    )
    // The cubic kernel overshoots a crest by this much; alpha stays within the small layer's range.
    expect(Math.max(...out.data.subarray(3 * plane).map((v, i) => Math.abs(v - expected.data[i]!)))).toBeLessThan(0.02)
  })

  it("at the training size colours are the layer's own", () => {
    const same = refineLayer(small, layer, small)
    const colours = same.data.subarray(0, 3 * w * h)
    expect(Math.max(...colours.map((v, i) => Math.abs(v - layer.data[i]!)))).toBeLessThan(1e-5)
  })

  it('refuses a layer of another size', () => {
    expect(() =>
      refineLayer(
        full,
        image(w, h + 1, 4, () => 0),
        small,
      ),
    ).toThrow('4x49x60')
  })
})
