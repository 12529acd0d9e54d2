/** Mean and standard deviation of some values; 0 for none. */
export function spreadOf(values: Float32Array): { readonly mean: number; readonly deviation: number } {
  const n = Math.max(values.length, 1)
  const mean = values.reduce((sum, x) => sum + x, 0) / n
  return { mean, deviation: Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / n) }
}
