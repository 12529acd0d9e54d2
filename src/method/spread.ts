/** The mean of some values; 0 for none. */
export const meanValue = (values: Float32Array): number =>
  values.reduce((sum, x) => sum + x, 0) / Math.max(values.length, 1)

/** Mean and standard deviation of some values; 0 for none. */
export function spreadOf(values: Float32Array): { readonly mean: number; readonly deviation: number } {
  const mean = meanValue(values)
  const squares = values.reduce((sum, x) => sum + (x - mean) ** 2, 0)
  return { mean, deviation: Math.sqrt(squares / Math.max(values.length, 1)) }
}
