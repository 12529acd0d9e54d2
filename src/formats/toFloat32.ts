import { Text2LiveError } from '../errors.js'
import type { SafetensorsTensor } from './safetensors.js'

/**
 * The tensor's numbers as float32. Half-precision and 8-bit values are exact; 32- and 64-bit integers and F64 are
 * rounded to float32. F32 data that is aligned in memory is a view of the same bytes, everything else a copy.
 * @param name what the error calls the tensor
 * @throws SAFETENSORS_INVALID for a dtype that holds no numbers we read (8-bit floats)
 */
export function toFloat32({ dtype, bytes }: SafetensorsTensor, name = 'a tensor'): Float32Array {
  switch (dtype) {
    case 'F32': {
      const { buffer, byteOffset, byteLength } = alignedTo(bytes, 4)
      return new Float32Array(buffer, byteOffset, byteLength / 4)
    }
    case 'F16':
      return fromHalf(bytes)
    case 'BF16':
      return fromBfloat(bytes)
    case 'I8':
      return new Float32Array(new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength))
    case 'U8':
    case 'BOOL':
      return new Float32Array(bytes)
    default:
      return fromWide(dtype, bytes, name)
  }
}

/** The same bytes at an address that a typed array of `width`-byte elements accepts. */
function alignedTo(bytes: Uint8Array, width: number): Uint8Array {
  // Not `slice`: that of Node's Buffer is a view.
  return bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes)
}

function fromHalf(bytes: Uint8Array): Float32Array {
  const table = (halves ??= halfTable())
  const out = new Float32Array(bytes.byteLength / 2)
  for (let i = 0; i < out.length; i++) out[i] = table[bytes[2 * i]! | (bytes[2 * i + 1]! << 8)]!
  return out
}

/** bfloat16 is the upper half of a float32. */
function fromBfloat(bytes: Uint8Array): Float32Array {
  const bits = new Uint32Array(bytes.byteLength / 2)
  for (let i = 0; i < bits.length; i++) bits[i] = (bytes[2 * i]! | (bytes[2 * i + 1]! << 8)) << 16
  return new Float32Array(bits.buffer)
}

function fromWide(dtype: SafetensorsTensor['dtype'], bytes: Uint8Array, name: string): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const read = (width: number, at: (byte: number) => number): Float32Array =>
    new Float32Array(bytes.byteLength / width).map((_, i) => at(i * width))
  switch (dtype) {
    case 'I16':
      return read(2, (byte) => view.getInt16(byte, true))
    case 'U16':
      return read(2, (byte) => view.getUint16(byte, true))
    case 'I32':
      return read(4, (byte) => view.getInt32(byte, true))
    case 'U32':
      return read(4, (byte) => view.getUint32(byte, true))
    case 'F64':
      return read(8, (byte) => view.getFloat64(byte, true))
    case 'I64':
      return read(8, (byte) => Number(view.getBigInt64(byte, true)))
    case 'U64':
      return read(8, (byte) => Number(view.getBigUint64(byte, true)))
    default:
      throw new Text2LiveError(
        'SAFETENSORS_INVALID',
        `Expected ${name} as F32, F16, BF16 or integers, it is ${dtype}. Convert the weights to F16 or F32.`,
      )
  }
}

let halves: Float32Array | undefined

/** All 65,536 half-precision numbers (IEEE 754 binary16). */
function halfTable(): Float32Array {
  return new Float32Array(65536).map((_, bits) => {
    const sign = bits & 0x8000 ? -1 : 1
    const exponent = (bits >> 10) & 31
    const fraction = bits & 1023
    if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN
    return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25)
  })
}
