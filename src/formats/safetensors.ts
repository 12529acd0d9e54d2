import { Text2LiveError } from '../errors.js'
import { headerStart, parseSafetensorsHeader, safetensorsDtypes, safetensorsHeaderLength } from './safetensorsHeader.js'
import type { SafetensorsDtype } from './safetensorsHeader.js'

/** One tensor: row-major, little-endian `bytes`. */
export interface SafetensorsTensor {
  readonly dtype: SafetensorsDtype
  readonly shape: readonly number[]
  readonly bytes: Uint8Array
}

export interface Safetensors {
  readonly metadata: Readonly<Record<string, string>>
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>
}

/**
 * Reads a safetensors file held in memory: u64 header length, JSON header, data. The tensors' `bytes` are views of
 * `file`, not copies.
 * @param source what the errors call the file, for instance its path
 * @throws SAFETENSORS_INVALID for anything truncated, contradictory or hostile
 */
export function readSafetensors(file: Uint8Array, source = 'The data'): Safetensors {
  const length = safetensorsHeaderLength(file.subarray(0, headerStart), file.byteLength, source)
  const { metadata, entries } = parseSafetensorsHeader(
    file.subarray(headerStart, headerStart + length),
    file.byteLength,
    source,
  )
  const tensors = new Map<string, SafetensorsTensor>()
  for (const [name, { dtype, shape, start, end }] of entries)
    tensors.set(name, { dtype, shape, bytes: file.subarray(start, end) })
  return { metadata, tensors }
}

/**
 * Writes a safetensors file. The tensors of widest dtype come first (then by name), so every tensor is aligned to its
 * element.
 * @throws SHAPE_MISMATCH when a tensor's bytes do not match its dtype and shape, or a name is reserved
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const inOrder = [...tensors].sort(
    ([nameA, a], [nameB, b]) => safetensorsDtypes[b.dtype] - safetensorsDtypes[a.dtype] || (nameA < nameB ? -1 : 1),
  )
  const described: [string, unknown][] = Object.keys(metadata).length > 0 ? [['__metadata__', metadata]] : []
  let dataLength = 0
  for (const [name, { dtype, shape, bytes }] of inOrder) {
    checkTensor(name, { dtype, shape, bytes })
    described.push([name, { dtype, shape, data_offsets: [dataLength, dataLength + bytes.byteLength] }])
    dataLength += bytes.byteLength
  }
  // Not JSON.stringify of an object: a tensor called "7" would jump ahead, one called "__proto__" would vanish.
  const json = `{${described.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`
  const unpadded = new TextEncoder().encode(json)
  const headerLength = Math.ceil(unpadded.byteLength / 8) * 8
  const file = new Uint8Array(headerStart + headerLength + dataLength)
  new DataView(file.buffer).setBigUint64(0, BigInt(headerLength), true)
  file.fill(0x20, headerStart, headerStart + headerLength)
  file.set(unpadded, headerStart)
  let at = headerStart + headerLength
  for (const [, { bytes }] of inOrder) {
    file.set(bytes, at)
    at += bytes.byteLength
  }
  return file
}

/** A float32 tensor ready to be written; shares the memory of `data`. */
export function float32Tensor(shape: readonly number[], data: Float32Array): SafetensorsTensor {
  return { dtype: 'F32', shape, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) }
}

function checkTensor(name: string, { dtype, shape, bytes }: SafetensorsTensor): void {
  const needed = shape.reduce((product, size) => product * size, safetensorsDtypes[dtype])
  if (needed !== bytes.byteLength) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      `Tensor "${name}" (${dtype}, [${shape.join(', ')}]) needs ${needed} bytes, it has ${bytes.byteLength}.`,
    )
  }
  if (name === '__metadata__')
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      'A tensor cannot be called "__metadata__": the format reserves that name.',
    )
}
