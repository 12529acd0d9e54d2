import type { Value } from '../../engine/graph.js'
import { add, div, mul, reduceSum, slice, sqrt, square, sub } from '../../engine/ops.js'

// The losses of layered neural atlases (Kasten et al. 2021, section 3.2) for one layer of one frame that ask
// nothing of its colours, on explicit lattices.

/**
 * How far the mapping is from a rotation: weighted mean of |G| + |(G + .001 I)^-1| (Frobenius) with G = J^T J, less 2
 * sqrt 2, which a rotation has.
 * @param across [2, h, w]: the slopes of the mapping along x
 * @param down the same along y
 * @param weights [h, w], summing to 1
 * @param zoom []: the scale of the frame in the atlas, which is no distortion
 */
export function rigidityLoss(
  across: Value,
  down: Value,
  weights: Value,
  zoom: Value,
): { readonly loss: Value; /** |(G + .001 I)^-1|, [h, w] */ readonly inverse: Value } {
  const dot = (p: Value, q: Value) => div(reduceSum(mul(p, q), [0]), square(zoom))
  const [a, b, d] = [dot(across, across), dot(across, down), dot(down, down)]
  const norm = (p: Value, q: Value, r: Value) => sqrt(add(add(square(p), square(r)), mul(square(q), 2)))
  const [ae, de] = [add(a, EPSILON), add(d, EPSILON)]
  const inverse = div(norm(de, b, ae), sub(mul(ae, de), square(b)))
  return { loss: sub(reduceSum(mul(weights, add(norm(a, b, d), inverse))), 2 * Math.SQRT2), inverse }
}

const EPSILON = 1e-3

/**
 * How far the mapping of points that flow connects lies apart, px: [k, 1, h, w].
 * @param places [2, h, w]: the mapping at the points
 * @param targets [k, 2, h, w]: where each of k neighbouring frames maps what the flow leads to
 */
export function flowDistance(places: Value, targets: Value): Value {
  const square2 = reduceSum(square(sub(targets, places)), [1], { keepDims: true })
  // A floor of .1 px under the root: near 0 the flow's own error is larger.
  return sqrt(add(square2, 0.01))
}

/**
 * Mean squared second differences of the control points [2, rows, columns] in units of their spacing: 0 where the
 * mapping is affine.
 */
export function bendingLoss(lattice: Value, spacing: number): Value {
  const [, rows, columns] = lattice.shape as readonly [number, number, number]
  const difference = (x: Value, axis: number) => {
    const n = x.shape[axis]!
    return sub(
      slice(x, { axes: [axis], starts: [1], ends: [n] }),
      slice(x, { axes: [axis], starts: [0], ends: [n - 1] }),
    )
  }
  const across = difference(lattice, 2)
  const down = difference(lattice, 1)
  const sum = add(
    add(reduceSum(square(difference(across, 2))), reduceSum(square(difference(down, 1)))),
    mul(reduceSum(square(difference(across, 1))), 2),
  )
  return mul(sum, 1 / (rows * columns * spacing * spacing))
}
