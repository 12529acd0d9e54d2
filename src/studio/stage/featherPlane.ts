import type { GreyPlane } from './growPlane.js'
import type { Slices } from './slices.js'

/** The px to each side that one of the three running means takes in. */
export const featherReach = (px: number): number => Math.max(1, Math.round(px / 2))

/**
 * Softens a plane in place, nearly as a Gaussian of half `px` does: three running means along rows, then along columns,
 * rounded once for each. Beyond the plane its border goes on.
 */
export async function featherPlane(plane: GreyPlane, px: number, slices: Slices): Promise<void> {
  const { width, height, data } = plane
  const reach = featherReach(px)
  const pad = 3 * reach
  const room = Math.max(width, height) + 2 * pad
  const lines = [new Float64Array(room), new Float64Array(room)] as const
  for (let y = 0; y < height; y++) {
    softenLine(data, y * width, 1, width, reach, lines)
    if (slices.spent) await slices.next()
  }
  for (let x = 0; x < width; x++) {
    softenLine(data, x, width, height, reach, lines)
    if (slices.spent) await slices.next()
  }
}

function softenLine(
  data: Uint8Array,
  start: number,
  step: number,
  length: number,
  reach: number,
  [first, second]: readonly [Float64Array, Float64Array],
): void {
  const pad = 3 * reach
  const whole = length + 2 * pad
  let same = true
  for (let i = 0, at = start; i < length; i++, at += step) {
    const value = data[at]!
    first[pad + i] = value
    if (value !== first[pad]) same = false
  }
  if (same) return
  first.fill(first[pad]!, 0, pad)
  first.fill(first[pad + length - 1]!, pad + length, whole)
  let [from, to] = [first, second]
  for (let pass = 0; pass < 3; pass++) {
    // Sums of whole numbers, exact; they are divided once at the end. Each pass leaves `reach` px less to each side.
    const [begin, end] = [reach * (pass + 1), whole - reach * (pass + 1)]
    let sum = 0
    for (let i = begin - reach; i < begin + reach; i++) sum += from[i]!
    for (let i = begin; i < end; i++) {
      sum += from[i + reach]!
      to[i] = sum
      sum -= from[i - reach]!
    }
    const done = from
    from = to
    to = done
  }
  const part = 1 / (2 * reach + 1) ** 3
  for (let i = 0, at = start; i < length; i++, at += step) data[at] = from[pad + i]! * part + 0.5
}
