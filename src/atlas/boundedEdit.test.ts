import { expect, test } from 'vitest'
import { boundedEdit } from './boundedEdit.js'

test('the edit stays where the clip is opaque, and the frame is the layer over the original', () => {
  const original = Uint8Array.of(10, 20, 30, 10, 20, 30, 0, 0, 0)
  const layer = Uint8Array.of(200, 100, 50, 200, 200, 100, 50, 200, 200, 100, 50, 255)
  const rendered = { layer, frame: new Uint8Array(9) }
  expect(boundedEdit(rendered, original, null)).toBe(rendered)
  const { frame, layer: bounded } = boundedEdit(rendered, original, Uint8Array.of(255, 102, 0))
  expect([bounded[3], bounded[7], bounded[11]]).toEqual([200, 80, 0])
  expect([...frame]).toEqual([
    ...[200, 100, 50].map((colour, c) => Math.round((200 * colour + 55 * original[c]!) / 255)),
    ...[200, 100, 50].map((colour, c) => Math.round((80 * colour + 175 * original[c]!) / 255)),
    0,
    0,
    0,
  ])
})
