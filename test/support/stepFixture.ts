import { expect } from 'vitest'
import type { FloatImage } from '../../src/media/image.js'
import type { TextTargets } from '../../src/method/textTargets.js'
import type { FixtureTensor } from './readFixture.js'

/** |p - reference| <= tolerance * (|reference| + lr sqrt(n)), lengths of a tensor of n entries. */
const PARAMETER_TOLERANCE = 1e-3

/** What the fixtures of training steps hold alike, of photos and of clips. */
export function stepFixture(tensor: (name: string) => FixtureTensor) {
  const rows = (name: string) => {
    const {
      shape: [n, d],
      data,
    } = tensor(`texts.${name}`)
    return { shape: [n!, d!] as const, data }
  }
  return {
    tensor,
    targets: (): TextTargets => {
      const [composition, source] = [rows('composition'), rows('source')]
      const pairs = Math.min(composition.shape[0], source.shape[0])
      const d = composition.shape[1]
      return {
        composition,
        screen: rows('screen'),
        region: rows('bootstrap'),
        direction: {
          shape: [pairs, d],
          data: Float32Array.from({ length: pairs * d }, (_, i) => composition.data[i]! - source.data[i]!),
        },
      }
    },
    /** A picture of 8 bits in [0, 1]. */
    picture: (name: string): FloatImage => {
      const { shape, data } = tensor(name)
      const [height, width] = shape.slice(-2) as [number, number]
      return { width, height, channels: 3, data: data.map((x) => x / 255) }
    },
    /** Holds the flat vector of parameters to the tensors of a state, one by one. */
    compareParameters: (
      parameters: readonly { readonly name: string }[],
      actual: Float32Array,
      state: string,
      learningRate: number,
    ): void => {
      let offset = 0
      for (const { name } of parameters) {
        const expected = tensor(`${state}.${name}`).data
        const ours = actual.subarray(offset, (offset += expected.length))
        const difference = Math.hypot(...ours.map((x, i) => x - expected[i]!))
        const allowed = PARAMETER_TOLERANCE * (Math.hypot(...expected) + learningRate * Math.sqrt(expected.length))
        expect(difference, `${name} ${state}`).toBeLessThanOrEqual(allowed)
      }
    },
  }
}

/** The share of each text when these were picked, repeats included. */
export function shares(picks: readonly number[], count: number): Float32Array {
  const share = new Float32Array(count)
  for (const pick of picks) share[pick] = share[pick]! + 1 / picks.length
  return share
}
