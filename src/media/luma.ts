// Each a constant of its own: in loops over pixels an array's items cost half as much again.
const RED = 0.299
const GREEN = 0.587
const BLUE = 0.114

/** Luma of sRGB-encoded red, green and blue (ITU-R BT.601). */
export const LUMA = [RED, GREEN, BLUE] as const

/** Luma of one colour, in the units of its channels. */
export const lumaOf = (r: number, g: number, b: number): number => RED * r + GREEN * g + BLUE * b

/** Luma at pixel i of planes of n each. */
export const lumaAt = (planes: Float32Array, i: number, n: number): number =>
  lumaOf(planes[i]!, planes[n + i]!, planes[2 * n + i]!)
