/** Numbers in [-1, 1) that the oracles make too (`hashed` in scripts/reference/generator.py): entry i of stream k. */
export function hashed(count: number, k: number): Float64Array {
  const salt = Math.imul(k + 1, 0x85ebca77)
  return Float64Array.from({ length: count }, (_, i) => {
    let x = Math.imul(i + 1, 0x9e3779b1) ^ salt
    x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d)
    x = Math.imul(x ^ (x >>> 12), 0x297a2d39)
    return ((x ^ (x >>> 15)) >>> 0) / 2 ** 31 - 1
  })
}
