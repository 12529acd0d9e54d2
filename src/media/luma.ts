/** Luma of sRGB-encoded red, green and blue (ITU-R BT.601). */
export const LUMA = [0.299, 0.587, 0.114] as const

/** Luma of one colour, in the units of its channels. */
export const lumaOf = (r: number, g: number, b: number): number => LUMA[0] * r + LUMA[1] * g + LUMA[2] * b

/** Luma at pixel i of planes of n each. */
export const lumaAt = (planes: Float32Array, i: number, n: number): number =>
  lumaOf(planes[i]!, planes[n + i]!, planes[2 * n + i]!)
