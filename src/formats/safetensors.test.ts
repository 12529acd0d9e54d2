import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Text2LiveError } from '../errors.js'
import { float32Tensor, readSafetensors, writeSafetensors } from './safetensors.js'
import type { SafetensorsTensor } from './safetensors.js'
import { safetensorsDtypes } from './safetensorsHeader.js'
import type { SafetensorsDtype } from './safetensorsHeader.js'

/** A file with exactly this header text and this many zero bytes of data. */
function fileOf(header: string | object, dataLength: number, claimed?: bigint): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  const file = new Uint8Array(8 + json.byteLength + dataLength)
  new DataView(file.buffer).setBigUint64(0, claimed ?? BigInt(json.byteLength), true)
  file.set(json, 8)
  return file
}

function messageFor(file: Uint8Array): string {
  try {
    readSafetensors(file, 'model.safetensors')
  } catch (error) {
    expect(error).toBeInstanceOf(Text2LiveError)
    expect((error as Text2LiveError).code).toBe('SAFETENSORS_INVALID')
    return (error as Text2LiveError).message
  }
  throw new Error('the file was accepted')
}

const f32 = (shape: unknown, begin: number, end: number): object => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
})

const anyTensor: fc.Arbitrary<SafetensorsTensor> = fc
  .record({
    dtype: fc.constantFrom(...(Object.keys(safetensorsDtypes) as SafetensorsDtype[])),
    shape: fc.array(fc.nat({ max: 4 }), { maxLength: 4 }),
    seed: fc.integer(),
  })
  .map(({ dtype, shape, seed }) => {
    const length = shape.reduce((product, size) => product * size, safetensorsDtypes[dtype])
    return { dtype, shape, bytes: Uint8Array.from({ length }, (_, i) => (seed + 31 * i) & 255) }
  })
const anyTensors = fc
  .array(fc.tuple(fc.string({ unit: 'binary', maxLength: 12 }), anyTensor), { maxLength: 6 })
  .map((pairs) => new Map(pairs.filter(([name]) => name !== '__metadata__')))

describe('round trip', () => {
  it('returns every tensor and the metadata, aligned to their elements', () => {
    fc.assert(
      fc.property(anyTensors, fc.dictionary(fc.string(), fc.string()), (tensors, metadata) => {
        const back = readSafetensors(writeSafetensors(tensors, metadata))
        expect(Object.entries(back.metadata)).toEqual(Object.entries(metadata))
        expect([...back.tensors.keys()].sort()).toEqual([...tensors.keys()].sort())
        for (const [name, tensor] of tensors) {
          const read = back.tensors.get(name)!
          expect({ ...read, bytes: [...read.bytes] }).toEqual({ ...tensor, bytes: [...tensor.bytes] })
          expect(read.bytes.byteOffset % safetensorsDtypes[tensor.dtype]).toBe(0)
        }
      }),
      { numRuns: 200 },
    )
  })

  it('writes the same bytes whatever the order of insertion', () => {
    const a = float32Tensor([2], Float32Array.of(1, 2))
    const b: SafetensorsTensor = { dtype: 'U8', shape: [3], bytes: Uint8Array.of(1, 2, 3) }
    expect(
      writeSafetensors(
        new Map([
          ['a', a],
          ['b', b],
        ]),
      ),
    ).toEqual(
      writeSafetensors(
        new Map([
          ['b', b],
          ['a', a],
        ]),
      ),
    )
  })

  it('refuses to write bytes that do not match the shape, and the reserved name', () => {
    expect(() => writeSafetensors(new Map([['w', float32Tensor([3], new Float32Array(2))]]))).toThrow(
      'Tensor "w" (F32, [3]) needs 12 bytes, it has 8.',
    )
    expect(() => writeSafetensors(new Map([['__metadata__', float32Tensor([1], new Float32Array(1))]]))).toThrow(
      'reserves that name',
    )
  })
})

describe('hostile and broken files', () => {
  it.each<[string, Uint8Array, string]>([
    ['no bytes', new Uint8Array(0), 'expected at least 8 bytes for the header length, the file has 0'],
    ['a 2 GB header', fileOf('{}', 0, 2n ** 31n), 'claims a header of 2147483648 bytes, the limit is 100000000'],
    ['a 2^64-1 header', fileOf('{}', 0, 2n ** 64n - 1n), 'claims a header of 18446744073709551615 bytes'],
    ['a header past the end', fileOf('{}', 0, 3n), 'claims a header of 3 bytes, only 2 bytes follow the length'],
    ['no header', fileOf('', 0), 'expected its header to begin with "{"'],
    ['a byte order mark', fileOf('\uFEFF{}', 0), 'expected its header to begin with "{"'],
    ['a list', fileOf('[]', 0), 'expected its header to begin with "{", it begins with "["'],
    ['not JSON', fileOf('{"w": nope}', 0), 'its header is not JSON'],
    ['an open string', fileOf('{"w', 0), 'its header is not JSON'],
    ['a depth bomb', fileOf(`{"w":${'['.repeat(1_000_000)}`, 0), 'its header nests deeper than 3 levels'],
    ['a tensor that is null', fileOf({ w: null }, 0), 'expected tensor "w" to be a JSON object, it is null'],
    [
      'an unknown dtype',
      fileOf({ w: { dtype: 'F31', shape: [1], data_offsets: [0, 4] } }, 4),
      'tensor "w" has dtype "F31", expected one of BOOL, U8',
    ],
    [
      'a dtype from the prototype',
      fileOf({ w: { dtype: 'toString', shape: [1], data_offsets: [0, 4] } }, 4),
      'has dtype "toString"',
    ],
    ['no dtype', fileOf({ w: { shape: [1], data_offsets: [0, 4] } }, 4), 'tensor "w" has dtype none'],
    [
      'a negative size',
      fileOf({ w: f32([-1], 0, 4) }, 4),
      'tensor "w" has shape [-1], expected a list of whole numbers',
    ],
    ['a fractional size', fileOf({ w: f32([0.5], 0, 4) }, 4), 'tensor "w" has shape [0.5]'],
    [
      'a size beyond 2^53',
      fileOf('{"w":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4]}}', 4),
      'tensor "w" has shape [100000000000000000000]',
    ],
    [
      'sizes whose product overflows',
      fileOf({ w: f32([2 ** 40, 2 ** 40], 0, 4) }, 4),
      'needs 4.835703278458517e+24 bytes, its offsets give 4',
    ],
    [
      'a shape that does not match',
      fileOf({ w: f32([2], 0, 4) }, 4),
      'tensor "w" (F32, shape [2]) needs 8 bytes, its offsets give 4',
    ],
    [
      'one offset',
      fileOf({ w: { dtype: 'F32', shape: [1], data_offsets: [0] } }, 4),
      'tensor "w" has data_offsets [0], expected two whole numbers',
    ],
    ['an end before the begin', fileOf({ w: f32([1], 4, 0) }, 4), 'tensor "w" begins at byte 4, after its end at 0'],
    ['offsets past the end', fileOf({ w: f32([2], 0, 8) }, 4), 'tensor "w" ends at byte 8 of the data, the file has 4'],
    ['an overlap', fileOf({ a: f32([2], 0, 8), b: f32([1], 4, 8) }, 8), 'tensor "b" overlaps tensor "a" by 4 bytes'],
    [
      'a gap',
      fileOf({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12),
      '4 bytes between tensor "a" and tensor "b" belong to no tensor',
    ],
    [
      'data before the first tensor',
      fileOf({ a: f32([1], 4, 8) }, 8),
      '4 bytes between the header and tensor "a" belong to no tensor',
    ],
    ['data after the last tensor', fileOf({ a: f32([1], 0, 4) }, 5), '1 bytes after tensor "a" belong to no tensor'],
    [
      'a name twice',
      fileOf(
        '{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\\u0077" : {"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
        1,
      ),
      'has the name "w" twice',
    ],
    [
      'metadata that is no text',
      fileOf({ __metadata__: { n: 1 } }, 0),
      'expected metadata "n" to be a string, it is a number',
    ],
  ])('%s', (_, file, problem) => {
    expect(messageFor(file)).toContain(`model.safetensors is not a valid safetensors file: `)
    expect(messageFor(file)).toContain(problem)
  })

  it('refuses a header that is not UTF-8', () => {
    const file = fileOf('{"a":1}', 0)
    file[10] = 0xff
    expect(messageFor(file)).toContain('expected its header to be UTF-8 text')
  })

  it('keeps a tensor called "__proto__" and pollutes nothing', () => {
    const name = '__proto__'
    const back = readSafetensors(
      fileOf(`{"${name}":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"__metadata__":{"${name}":"x"}}`, 1),
    )
    expect([...back.tensors.keys()]).toEqual([name])
    expect(Object.entries(back.metadata)).toEqual([[name, 'x']])
    expect(Object.getPrototypeOf(back.metadata)).toBe(Object.prototype)
  })

  const sample = writeSafetensors(
    new Map([
      ['weight', float32Tensor([2, 3], new Float32Array(6))],
      ['ids', { dtype: 'I64', shape: [1], bytes: new Uint8Array(8) }],
    ]),
    { format: 'sample' },
  )

  it('refuses every truncation', () => {
    for (let length = 0; length < sample.byteLength; length++)
      expect(messageFor(sample.subarray(0, length))).toContain('is not a valid')
  })

  it('answers any change of bytes with a valid file or the coded error, never another', () => {
    const edits = fc.array(fc.tuple(fc.nat({ max: sample.byteLength - 1 }), fc.nat({ max: 255 })), {
      minLength: 1,
      maxLength: 4,
    })
    let refused = 0
    fc.assert(
      fc.property(edits, (list) => {
        const file = sample.slice()
        for (const [at, value] of list) file[at] = value
        try {
          readSafetensors(file)
        } catch (error) {
          refused++
          if (!(error instanceof Text2LiveError) || error.code !== 'SAFETENSORS_INVALID') throw error
        }
      }),
      { numRuns: 2000 },
    )
    expect(refused).toBeGreaterThan(100)
  })

  it('answers any bytes at all with the coded error, never another', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), fc.nat({ max: 16 }), (header, data) => {
        try {
          readSafetensors(fileOf(header, data))
        } catch (error) {
          if (!(error instanceof Text2LiveError) || error.code !== 'SAFETENSORS_INVALID') throw error
        }
      }),
      { numRuns: 500 },
    )
  })
})
