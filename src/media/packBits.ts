/** Room that `length` bytes may take packed. */
export const packedRoom = (length: number): number => length + Math.ceil(length / 128) + 1

/**
 * Run-length coding of one row as Photoshop reads it (PackBits): 257 - n and a byte stand for n times that byte, n - 1
 * for the n bytes that follow, n up to 128. Runs begin at three equal bytes: nothing is gained by shorter ones.
 *
 * @param out `packedRoom(row.length)` bytes from `at` on
 * @returns where in `out` the row ends
 */
export function packBits(row: Uint8Array, out: Uint8Array, at: number): number {
  const { length } = row
  let x = 0
  while (x < length) {
    let run = runAt(row, x)
    if (run >= 3) {
      out[at++] = 257 - run
      out[at++] = row[x]!
      x += run
      continue
    }
    const start = x
    while (x < length && x - start < 128) {
      run = runAt(row, x)
      if (run >= 3) break
      x++
    }
    out[at++] = x - start - 1
    for (let i = start; i < x; i++) out[at++] = row[i]!
  }
  return at
}

/** How many bytes from `x` on are equal, at most 128. */
function runAt(row: Uint8Array, x: number): number {
  const end = Math.min(row.length, x + 128)
  const value = row[x]
  let n = x + 1
  while (n < end && row[n] === value) n++
  return n - x
}
