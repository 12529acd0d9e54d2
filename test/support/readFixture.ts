import { readFileSync } from 'node:fs'
import { readSafetensors } from '../../src/formats/safetensors.js'
import { toFloat32 } from '../../src/formats/toFloat32.js'

export interface FixtureTensor {
  readonly shape: readonly number[]
  readonly data: Float32Array
}

const folder = new URL('../fixtures/', import.meta.url)

/** The tensors of `test/fixtures/<name>.safetensors` as float32. */
export function readFixtureTensors(name: string): (tensor: string) => FixtureTensor {
  const { tensors } = readSafetensors(readFileSync(new URL(`${name}.safetensors`, folder)), name)
  return (tensor) => {
    const found = tensors.get(tensor)
    if (!found)
      throw new Error(`fixture ${name} has no tensor ${tensor}; it has ${[...tensors.keys()].slice(0, 20).join(', ')}`)
    return { shape: found.shape, data: toFloat32(found, tensor) }
  }
}

/** `test/fixtures/<name>.json`. */
export function readFixtureJson<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8')) as T
}

/** max |a - b| / max |b|: the largest difference in units of the reference's largest value. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity
  let difference = 0
  let scale = 0
  for (let i = 0; i < expected.length; i++) {
    const d = Math.abs(actual[i]! - expected[i]!)
    if (!(d <= difference)) difference = Number.isNaN(d) ? Infinity : d
    scale = Math.max(scale, Math.abs(expected[i]!))
  }
  return difference / (scale || 1)
}
