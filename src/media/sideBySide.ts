import { Text2LiveError } from '../errors.js'

/**
 * Two frames of one size in one picture, for previews.
 *
 * @param left `height * width * 3` bytes, RGB
 * @param right the same
 * @returns `height * 2 width * 3` bytes
 * @throws Text2LiveError SHAPE_MISMATCH
 */
export function sideBySide(left: Uint8Array, right: Uint8Array, width: number, height: number): Uint8Array {
  const row = 3 * width
  if (left.length !== row * height || right.length !== row * height) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      `sideBySide expected two frames of ${width}x${height}x3 bytes, got ${left.length} and ${right.length} bytes.`,
    )
  }
  const out = new Uint8Array(2 * row * height)
  for (let y = 0; y < height; y++) {
    out.set(left.subarray(y * row, (y + 1) * row), 2 * y * row)
    out.set(right.subarray(y * row, (y + 1) * row), (2 * y + 1) * row)
  }
  return out
}
