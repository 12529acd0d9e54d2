import { describe, expect, it } from 'vitest'
import { fitMatrix, keptInSight, scaleLimits, toPane, toPhoto, zoomMatrix } from './viewMatrix.js'

const photo = { width: 6000, height: 4000 }
const pane = { width: 800, height: 500 }

describe('the matrix of the stage', () => {
  it('fits the whole photo in the middle of the pane, and enlarges none', () => {
    const fit = fitMatrix(photo, pane, 1)
    const [first, last] = [toPane(fit, { x: 0, y: 0 }), toPane(fit, { x: 6000, y: 4000 })]
    expect(Math.min(first.x, first.y)).toBeCloseTo(12, 6)
    expect([first.x + last.x, first.y + last.y]).toEqual([expect.closeTo(800, 6), expect.closeTo(500, 6)])
    expect(fitMatrix({ width: 50, height: 40 }, pane, 2).scale).toBe(0.5)
  })

  it('leaves the px under the pointer where it is when it zooms', () => {
    const at = { x: 123, y: 321 }
    let matrix = fitMatrix(photo, pane, 2)
    const under = toPhoto(matrix, at)
    for (const factor of [1.3, 4, 0.2, 7]) {
      matrix = zoomMatrix(matrix, matrix.scale * factor, at)
      const now = toPhoto(matrix, at)
      expect([now.x, now.y]).toEqual([expect.closeTo(under.x, 6), expect.closeTo(under.y, 6)])
    }
  })

  it('gives back the px that it placed', () => {
    const matrix = { scale: 0.37, x: -120.5, y: 44.25 }
    const { x, y } = toPhoto(matrix, toPane(matrix, { x: 1234.5, y: 99 }))
    expect([x, y]).toEqual([expect.closeTo(1234.5, 9), expect.closeTo(99, 9)])
  })

  it('keeps some of the photo in the pane, wherever it is moved', () => {
    for (const [x, y] of [
      [9000, 9000],
      [-90000, -90000],
      [9000, -90000],
    ] as const) {
      const kept = keptInSight({ scale: 2, x, y }, photo, pane)
      expect(kept.x).toBeLessThanOrEqual(pane.width - 48)
      expect(kept.y).toBeLessThanOrEqual(pane.height - 48)
      expect(kept.x + photo.width * 2).toBeGreaterThanOrEqual(48)
      expect(kept.y + photo.height * 2).toBeGreaterThanOrEqual(48)
    }
    expect(keptInSight({ scale: 2, x: -300, y: -200 }, photo, pane)).toEqual({ scale: 2, x: -300, y: -200 })
  })

  it('ends at 64 device px for each px', () => {
    expect(scaleLimits(photo, pane, 2).most).toBe(32)
    expect(scaleLimits(photo, pane, 1).least).toBeCloseTo(fitMatrix(photo, pane, 1).scale / 2, 9)
  })
})
