import type { ClipGraph } from './clipGraph.js'

/** What single nodes say of themselves. */
export interface Evidence {
  /** The value each node would have alone, [0, 1]. */
  readonly value: Float32Array
  /** How much that counts against the edges of weight 1; 0 says nothing. */
  readonly strength: Float32Array
}

const MOST_ITERATIONS = 150

/**
 * The value of every node that best agrees with the evidence and with its neighbours (random walks with priors, Grady
 * 2005): the minimum of sum strength (x - value)^2 + sum weight (x_i - x_j)^2, by conjugate gradients with a diagonal
 * preconditioner. It lies within the range of the evidence.
 *
 * @param start a first guess
 */
export function randomWalker(
  { count, start: rows, neighbour, weight }: ClipGraph,
  evidence: readonly Evidence[],
  start?: Float32Array,
): Float32Array {
  const diagonal = new Float64Array(count)
  const right = new Float64Array(count)
  for (const { value, strength } of evidence) {
    for (let i = 0; i < count; i++) {
      diagonal[i]! += strength[i]!
      right[i]! += strength[i]! * value[i]!
    }
  }
  for (let i = 0; i < count; i++) {
    // A trace of "nothing" keeps nodes without any evidence determined.
    diagonal[i]! += 1e-6
    for (let e = rows[i]!; e < rows[i + 1]!; e++) diagonal[i]! += weight[e]!
  }
  const apply = (x: Float64Array, out: Float64Array) => {
    for (let i = 0; i < count; i++) {
      let sum = diagonal[i]! * x[i]!
      for (let e = rows[i]!; e < rows[i + 1]!; e++) sum -= weight[e]! * x[neighbour[e]!]!
      out[i] = sum
    }
  }
  const x = start ? Float64Array.from(start) : new Float64Array(count)
  const product = new Float64Array(count)
  apply(x, product)
  const residual = right.map((value, i) => value - product[i]!)
  const direction = residual.map((value, i) => value / diagonal[i]!)
  let rho = dot(residual, direction)
  const goal =
    1e-6 *
    Math.max(
      right.reduce((sum, value, i) => sum + (value * value) / diagonal[i]!, 0),
      1e-12,
    )
  for (let iteration = 0; iteration < MOST_ITERATIONS && rho > goal; iteration++) {
    apply(direction, product)
    const step = rho / dot(direction, product)
    for (let i = 0; i < count; i++) {
      x[i]! += step * direction[i]!
      residual[i]! -= step * product[i]!
    }
    let next = 0
    for (let i = 0; i < count; i++) next += (residual[i]! * residual[i]!) / diagonal[i]!
    for (let i = 0; i < count; i++) direction[i] = residual[i]! / diagonal[i]! + (next / rho) * direction[i]!
    rho = next
  }
  return new Float32Array(x.map((value) => Math.min(Math.max(value, 0), 1)))
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}
