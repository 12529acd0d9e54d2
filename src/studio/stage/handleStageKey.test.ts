import { describe, expect, it } from 'vitest'
import { handleStageKey } from './handleStageKey.js'
import { StageModel } from './stageModel.js'

const press = (model: StageModel, key: string, more: Partial<KeyboardEvent> = {}): boolean =>
  handleStageKey(model, { key, code: '', ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...more })

/** A model with a photo of 2000x1000 px in a stage of 500x400. */
function staged(): StageModel {
  const model = new StageModel()
  model.size.value = { width: 500, height: 400 }
  model.show({ width: 1000, height: 500, close: () => undefined }, { width: 2000, height: 1000 })
  return model
}

describe('the keys of the stage', () => {
  it('choose the tool', () => {
    const model = staged()
    for (const [key, tool] of [
      ['b', 'brush'],
      ['E', 'eraser'],
      ['h', 'pan'],
    ] as const) {
      expect(press(model, key)).toBe(true)
      expect(model.tool.value).toBe(tool)
    }
  })

  it('change the size and the hardness of the brush, within bounds, on keyboards without brackets too', () => {
    const model = staged()
    model.brush.value = { size: 100, hardness: 0.5, opacity: 0.4 }
    press(model, ']')
    expect(model.brush.value).toEqual({ size: 120, hardness: 0.5, opacity: 0.4 })
    press(model, '[')
    press(model, 'ü', { code: 'BracketLeft' })
    expect(model.brush.value.size).toBe(83)
    press(model, '{', { shiftKey: true, code: 'BracketLeft' })
    expect(model.brush.value.hardness).toBe(0.4)
    for (let i = 0; i < 12; i++) press(model, '*', { shiftKey: true, code: 'BracketRight' })
    expect(model.brush.value.hardness).toBe(1)
    for (let i = 0; i < 60; i++) press(model, '[')
    expect(model.brush.value.size).toBe(1)
    press(model, ']')
    expect(model.brush.value.size).toBe(2)
    for (let i = 0; i < 90; i++) press(model, ']')
    expect(model.brush.value.size).toBe(4000)
  })

  it('zoom about the middle, fit, and show px as they are', () => {
    const model = staged()
    model.density.value = 2
    const fit = model.matrix.value
    press(model, '+')
    expect(model.matrix.value.scale).toBeCloseTo(fit.scale * 1.25, 9)
    press(model, '-')
    expect(model.matrix.value.x).toBeCloseTo(fit.x, 6)
    press(model, '1')
    expect([model.zoom.value, model.matrix.value.scale]).toEqual([1, 0.5])
    press(model, '0')
    expect(model.matrix.value).toEqual(fit)
    expect(model.fitted.value).toBe(true)
  })

  it('undo and redo strokes', () => {
    const model = staged()
    expect(press(model, 'z', { ctrlKey: true })).toBe(false)
    const mask = model.paintable()!
    expect([mask.width, mask.height]).toEqual([2000, 1000])
    mask.begin({ x: 50, y: 50, pressure: 1 }, model.brush.value)
    mask.end()
    press(model, 'z', { metaKey: true })
    expect(mask.isEmpty).toBe(true)
    press(model, 'Z', { ctrlKey: true, shiftKey: true })
    expect(mask.isEmpty).toBe(false)
    press(model, 'z', { ctrlKey: true })
    press(model, 'y', { ctrlKey: true })
    expect(mask.isEmpty).toBe(false)
  })

  it('leave all others to the page', () => {
    const model = staged()
    for (const key of ['a', 'Tab', 'Enter', 'F1']) expect(press(model, key)).toBe(false)
    expect(press(model, 'b', { altKey: true })).toBe(false)
    expect(press(model, '0', { ctrlKey: true })).toBe(false)
  })

  it('keep the matrix fitted while the stage changes its size, until it is moved', () => {
    const model = staged()
    model.size.value = { width: 1000, height: 400 }
    expect(model.matrix.value.scale).toBeCloseTo(376 / 1000, 9)
    model.view.value = 'side'
    expect(model.matrix.value.scale).toBeCloseTo(476 / 2000, 9)
    press(model, 'ArrowLeft')
    const { scale } = model.matrix.value
    model.size.value = { width: 1200, height: 400 }
    expect(model.matrix.value.scale).toBe(scale)
  })
})
