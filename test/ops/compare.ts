/** What is allowed between a float32 result and the oracle: |got - wanted| <= absolute + relative * |wanted|. */
export interface Tolerance {
  readonly name: string
  readonly absolute: number
  readonly relative: number
}

/** The largest violation, or null: says the shape, the largest error and where it is. */
export function findMismatch(
  got: Float32Array,
  gotShape: readonly number[],
  wanted: Float32Array,
  shape: readonly number[],
  allowed: Tolerance,
): string | null {
  if (gotShape.length !== shape.length || gotShape.some((n, i) => n !== shape[i]))
    return `shape [${gotShape.join(', ')}], expected [${shape.join(', ')}]`
  if (got.length !== wanted.length) return `${got.length} values, expected ${wanted.length}`
  let worst = 0
  let at = -1
  for (let i = 0; i < wanted.length; i++) {
    const excess = Math.abs(got[i]! - wanted[i]!) / (allowed.absolute + allowed.relative * Math.abs(wanted[i]!))
    // Written so that NaN counts as the worst.
    if (!(excess <= worst)) [worst, at] = [excess, i]
    if (Number.isNaN(worst)) break
  }
  if (worst <= 1) return null
  const error = Math.abs(got[at]! - wanted[at]!)
  return (
    `shape [${shape.join(', ')}], max error ${error.toExponential(2)} (tolerance ${allowed.name}: ${allowed.absolute} + ${allowed.relative} |expected|) ` +
    `at [${unravel(at, shape).join(', ')}]: expected ${wanted[at]}, came ${got[at]}`
  )
}

/** The first element whose bits differ, or null. */
export function findBitDifference(a: Float32Array, b: Float32Array): string | null {
  const x = new Uint32Array(a.buffer, a.byteOffset, a.length)
  const y = new Uint32Array(b.buffer, b.byteOffset, b.length)
  if (x.length !== y.length) return `${x.length} values, then ${y.length}`
  const at = x.findIndex((bits, i) => bits !== y[i])
  return at < 0 ? null : `element ${at}: ${a[at]}, then ${b[at]}`
}

function unravel(index: number, shape: readonly number[]): number[] {
  const at: number[] = []
  let rest = index
  for (const n of [...shape].reverse()) {
    at.unshift(rest % n)
    rest = Math.floor(rest / n)
  }
  return at
}
