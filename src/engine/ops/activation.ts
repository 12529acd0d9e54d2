import { type Value, withGradient } from '../graph.js'
import { add, clip, erf, exp, mul, sigmoid, sub } from './elementwise.js'

/** x where x > 0, else slope * x. */
export function leakyRelu(x: Value, slope: number): Value {
  return x.graph.apply({
    op: 'LeakyRelu',
    inputs: [x],
    shape: x.shape,
    attributes: { alpha: { float: slope } },
    // The sign of y is the sign of x; scaling and clipping it is the fastest mask on the CPU provider.
    gradient: (g, y) => [() => mul(g, clip(mul(y, 1e30), slope, 1))],
  })
}

/** min(max(x, 0), 6); gradient where 0 < x < 6, as in PyTorch. */
export function relu6(x: Value): Value {
  const graph = x.graph
  return graph.apply({
    op: 'Clip',
    inputs: [x, graph.scalar(0), graph.scalar(6)],
    shape: x.shape,
    gradient: (g, y) => [() => mul(g, clip(mul(mul(y, sub(6, y)), 1e30), 0, 1)), null, null],
  })
}

/** max(x, 0). */
export function relu(x: Value): Value {
  return x.graph.apply({
    op: 'Relu',
    inputs: [x],
    shape: x.shape,
    gradient: (g, y) => [() => mul(g, clip(mul(y, 1e30), 0, 1))],
  })
}

/** x sigmoid(x). */
export function silu(x: Value): Value {
  const s = sigmoid(x)
  const y = mul(x, s)
  return withGradient(y, [x], (g) => [() => mul(g, sub(add(s, y), mul(s, y)))])
}

/** x sigmoid(1.702 x), OpenAI CLIP's approximation of GELU. */
export function quickGelu(x: Value): Value {
  return mul(silu(mul(x, 1.702)), 1 / 1.702)
}

/** x Phi(x) with the exact normal distribution function. */
export function gelu(x: Value): Value {
  const phi = mul(add(erf(mul(x, Math.SQRT1_2)), 1), 0.5)
  const density = () => mul(exp(mul(mul(x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI))
  return withGradient(mul(x, phi), [x], (g) => [() => mul(g, add(phi, mul(x, density())))])
}
