import type { Value } from '../../engine/graph.js'
import { concat, cos, gemm, mul, relu, reshape, sin, stopGradient, tanh } from '../../engine/ops.js'

/** A multilayer perceptron over coordinates (published code: IMLP). */
export interface ImlpShape {
  readonly inputs: number
  readonly outputs: number
  /** Linear layers, the last included. */
  readonly layers: number
  /** Numbers between the layers. */
  readonly width: number
  /** Of the positional encoding; 0: the coordinates as they are. */
  readonly frequencies: number
  /** Layers that read the encoded input as well. */
  readonly skips: readonly number[]
}

export interface ImlpParameter {
  /** Name in the published state dict: `hidden.<i>.weight` [out, in] or `hidden.<i>.bias` [out]. */
  readonly name: string
  readonly shape: readonly number[]
  /** Inputs of its layer: fresh parameters are uniform in +-1 / sqrt(fanIn) (PyTorch's Linear). */
  readonly fanIn: number
}

/** The parameters, layer by layer, weight before bias. */
export function imlpParameters({ inputs, outputs, layers, width, frequencies, skips }: ImlpShape): ImlpParameter[] {
  const encoded = frequencies > 0 ? 2 * inputs * frequencies : inputs
  return Array.from({ length: layers }, (_, i) => {
    const fanIn = i === 0 ? encoded : skips.includes(i) ? width + encoded : width
    const out = i === layers - 1 ? outputs : width
    return [
      { name: `hidden.${i}.weight`, shape: [out, fanIn], fanIn },
      { name: `hidden.${i}.bias`, shape: [out], fanIn },
    ]
  }).flat()
}

/**
 * Linear layers with ReLU between and tanh behind: x [n, inputs] -> [n, outputs] in (-1, 1). The encoding that skips
 * read is cut from the gradient, so the gradient of x goes through the first layer alone.
 */
export function imlp(x: Value, parameters: ReadonlyMap<string, Value>, shape: ImlpShape): Value {
  const parameter = (name: string) => {
    const value = parameters.get(name)
    if (!value) throw new RangeError(`the network has no parameter ${name}`)
    return value
  }
  const encoded = shape.frequencies > 0 ? positionalEncoding(x, shape.frequencies) : x
  let h = encoded
  for (let i = 0; i < shape.layers; i++) {
    if (i > 0) h = relu(h)
    if (shape.skips.includes(i)) h = concat([h, stopGradient(encoded)], 1)
    h = gemm(h, parameter(`hidden.${i}.weight`), parameter(`hidden.${i}.bias`), { transB: true })
  }
  return tanh(h)
}

/** [n, d] -> [n, 2 d K]: for each k of K, sin(2^k pi x) of all d coordinates, then cos(2^k pi x) of them. */
function positionalEncoding(x: Value, frequencies: number): Value {
  const [n, d] = x.shape as [number, number]
  // PyTorch keeps 2^k pi in float32.
  const scales = x.graph.constant(
    Array.from({ length: frequencies }, (_, k) => 2 ** k * Math.PI),
    [1, frequencies, 1],
  )
  const angles = mul(reshape(x, [n, 1, d]), scales)
  return reshape(concat([sin(angles), cos(angles)], 2), [n, 2 * d * frequencies])
}
