import { readSafetensors } from '../../src/formats/safetensors.js'

/**
 * One oracle case of `test/fixtures/ops.json`: gradients are of sum(output * cotangent), null where an input takes
 * none.
 */
export interface OpCase {
  readonly name: string
  readonly op: string
  readonly attrs: Readonly<Record<string, unknown>>
  readonly inputs: readonly string[]
  readonly output: string
  readonly cotangent: string
  readonly gradients: readonly (string | null)[]
  readonly note?: string
}

export interface Stored {
  readonly shape: readonly number[]
  readonly data: Float32Array
}

export interface OpFixture {
  readonly cases: readonly OpCase[]
  tensor(name: string): Stored
}

/** Reads the PyTorch oracle from its two files; the same in Node and in a page. */
export function readOpFixture(json: string, bytes: Uint8Array): OpFixture {
  const { cases } = JSON.parse(json) as { cases: OpCase[] }
  const { tensors } = readSafetensors(bytes, 'ops.safetensors')
  return {
    cases,
    tensor(name) {
      const found = tensors.get(name)
      if (found?.dtype !== 'F32') throw new Error(`ops.safetensors holds no float32 tensor "${name}"`)
      return { shape: found.shape, data: new Float32Array(found.bytes.slice().buffer) }
    },
  }
}
