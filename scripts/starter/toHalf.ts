const word = new Float32Array(1)
const bits = new Uint32Array(word.buffer)

/** float32 as IEEE half precision, rounded to nearest, ties to even. */
export function toHalf(values: Float32Array): Uint16Array {
  const out = new Uint16Array(values.length)
  for (let i = 0; i < values.length; i++) {
    word[0] = values[i]!
    out[i] = halfOf(bits[0]!)
  }
  return out
}

function halfOf(x: number): number {
  const sign = (x >>> 16) & 0x8000
  const exponent = (x >>> 23) & 0xff
  const mantissa = x & 0x7fffff
  if (exponent === 0xff) return sign | 0x7c00 | (mantissa ? 0x200 : 0)
  if (exponent >= 143) return sign | 0x7c00
  if (exponent < 102) return sign
  if (exponent < 113) return sign | rounded(mantissa | 0x800000, 126 - exponent)
  // A mantissa that rounds up to 2 carries into the exponent, as it should.
  return sign | rounded(((exponent - 112) << 23) | mantissa, 13)
}

/** x / 2^shift, to nearest, ties to even. */
function rounded(x: number, shift: number): number {
  const rest = x & ((1 << shift) - 1)
  const half = 1 << (shift - 1)
  const whole = x >>> shift
  return rest > half || (rest === half && whole & 1) ? whole + 1 : whole
}
