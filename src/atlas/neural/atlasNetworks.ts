import { sizeOf } from '../../engine/graph.js'
import { randomStream } from '../../engine/random.js'
import { type ImlpShape, imlpParameters } from './imlp.js'

/**
 * The four networks: mappings of foreground and background (x, y, t) -> (u, v), opacity (x, y, t) -> (a), colour of the
 * atlas (u, v) -> (r, g, b).
 */
export const networkNames = ['foreground', 'background', 'opacity', 'atlas'] as const
export type NetworkName = (typeof networkNames)[number]
export type NetworkShapes = Readonly<Record<NetworkName, ImlpShape>>

/** Parameters of one network by published name, row-major. */
export type NetworkWeights = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>
export type AtlasWeights = Readonly<Record<NetworkName, NetworkWeights>>

/** Kasten et al. 2021, supplement; config.json of the published code. 1,217,152 parameters. */
export const publishedNetworks: NetworkShapes = {
  foreground: { inputs: 3, outputs: 2, layers: 6, width: 256, frequencies: 0, skips: [] },
  background: { inputs: 3, outputs: 2, layers: 4, width: 256, frequencies: 0, skips: [] },
  opacity: { inputs: 3, outputs: 1, layers: 8, width: 256, frequencies: 5, skips: [] },
  atlas: { inputs: 2, outputs: 3, layers: 8, width: 256, frequencies: 10, skips: [4, 7] },
}

/** Fresh parameters of all networks as one vector, see `splitWeights`. */
export function initialWeights(shapes: NetworkShapes, seed: number): Float32Array {
  const flat = new Float32Array(networkNames.reduce((n, name) => n + weightCount(shapes[name]), 0))
  let offset = 0
  for (const name of networkNames) {
    for (const parameter of imlpParameters(shapes[name])) {
      const draws = randomStream(seed, `atlas ${name} ${parameter.name}`)
      const bound = 1 / Math.sqrt(parameter.fanIn)
      const end = offset + sizeOf(parameter.shape)
      while (offset < end) flat[offset++] = draws.uniform(-bound, bound)
    }
  }
  return flat
}

export function weightCount(shape: ImlpShape): number {
  return imlpParameters(shape).reduce((n, parameter) => n + sizeOf(parameter.shape), 0)
}

/**
 * The networks' parameters, cut from one vector in the order of `networkNames` and `imlpParameters`; they share its
 * memory.
 */
export function splitWeights(flat: Float32Array, shapes: NetworkShapes): AtlasWeights {
  let offset = 0
  const part = (shape: ImlpShape): NetworkWeights =>
    new Map(
      imlpParameters(shape).map((parameter) => {
        const from = offset
        offset += sizeOf(parameter.shape)
        return [parameter.name, { shape: parameter.shape, data: flat.subarray(from, offset) }]
      }),
    )
  return Object.fromEntries(networkNames.map((name) => [name, part(shapes[name])])) as AtlasWeights
}
