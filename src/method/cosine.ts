/**
 * The cosine of the angle between two vectors of one length; 0 where one of them has no length: an edit that changed
 * nothing went in no direction.
 */
export function cosine(a: Float32Array, b: Float32Array): number {
  let [dot, aa, bb] = [0, 0, 0]
  a.forEach((x, i) => {
    dot += x * b[i]!
    aa += x * x
    bb += b[i]! * b[i]!
  })
  return aa === 0 || bb === 0 ? 0 : dot / Math.sqrt(aa * bb)
}
