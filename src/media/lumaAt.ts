/** Luma of R, G and B (ITU-R BT.601) at pixel i of planes of n each. */
export const lumaAt = (planes: Float32Array, i: number, n: number): number =>
  0.299 * planes[i]! + 0.587 * planes[n + i]! + 0.114 * planes[2 * n + i]!
