import type { SafetensorsDtype } from './safetensorsHeader.js'
import { PickleObject, PickleTensor, type PickleValue, readPickle } from './pickle.js'
import { toFloat32 } from './toFloat32.js'
import { type RandomAccess, invalidArchive, readZipEntries, zipEntryStart } from './zipEntries.js'

/** A file of `torch.save` or `torch.jit.save`: what was saved, its tensors still on the disk. */
export interface PyTorchFile {
  readonly root: PickleValue
  /**
   * The numbers of a tensor, row-major, as float32.
   * @throws PYTORCH_FILE_INVALID when they do not lie in the file, or are no numbers we read
   */
  read(tensor: PickleTensor): Promise<Float32Array>
}

/** Kinds of storage and bytes of one number. */
const storages: Readonly<Record<string, readonly [SafetensorsDtype, number]>> = {
  FloatStorage: ['F32', 4], HalfStorage: ['F16', 2], BFloat16Storage: ['BF16', 2], DoubleStorage: ['F64', 8], LongStorage: ['I64', 8],
  IntStorage: ['I32', 4], ShortStorage: ['I16', 2], CharStorage: ['I8', 1], ByteStorage: ['U8', 1], BoolStorage: ['BOOL', 1],
}

/** Saved objects are small: their numbers lie elsewhere. */
const longestPickle = 100_000_000
/** Numbers of the largest tensor that is read: 8 GB as float32. */
const largestTensor = 2 ** 31

/**
 * Opens a file of PyTorch. Nothing in it is run: see `readPickle`.
 * @throws PYTORCH_FILE_INVALID, PICKLE_UNSAFE
 */
export async function openPyTorchFile(file: RandomAccess): Promise<PyTorchFile> {
  const entries = await readZipEntries(file)
  const pickle = [...entries.keys()].find(name => /^[^/]+\/data\.pkl$/.test(name))
  if (pickle === undefined) throw invalidArchive(file, 'there is no data.pkl in it')
  const folder = pickle.slice(0, -'data.pkl'.length)

  const part = async (name: string, from: number, to: number): Promise<Uint8Array> => {
    const entry = entries.get(name)
    if (!entry) throw invalidArchive(file, `there is no ${name} in it`)
    if (to > entry.size) throw invalidArchive(file, `${name} has ${entry.size} bytes, a tensor needs ${to}`)
    const start = await zipEntryStart(file, name, entry)
    return await file.read(start + from, start + to)
  }
  const whole = async (name: string): Promise<Uint8Array> => {
    const size = entries.get(name)!.size
    if (size > longestPickle) throw invalidArchive(file, `${name} has ${size} bytes`)
    return await part(name, 0, size)
  }
  const order = entries.has(`${folder}byteorder`) ? new TextDecoder().decode(await whole(`${folder}byteorder`)) : 'little'
  if (order !== 'little') throw invalidArchive(file, `its numbers are ${order}-endian`)

  return {
    root: readPickle(await whole(pickle), file.location),
    async read({ storage, offset, shape, strides }) {
      const [dtype, width] = storages[storage.dtype] ?? []
      if (dtype === undefined || width === undefined) throw invalidArchive(file, `a tensor of it is a ${storage.dtype}`)
      const count = shape.reduce((product, n) => product * n, 1)
      if (count > largestTensor) throw invalidArchive(file, `a tensor of it has ${count} numbers`)
      if (count === 0) return new Float32Array(0)
      const span = 1 + shape.reduce((sum, n, axis) => sum + (n - 1) * strides[axis]!, 0)
      const bytes = await part(`${folder}data/${storage.key}`, offset * width, (offset + span) * width)
      const numbers = toFloat32({ dtype, shape: [span], bytes }, file.location)
      return isRowMajor(shape, strides) ? numbers : gather(numbers, shape, strides, count)
    },
  }
}

function isRowMajor(shape: readonly number[], strides: readonly number[]): boolean {
  let step = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== step) return false
    step *= shape[axis]!
  }
  return true
}

function gather(numbers: Float32Array, shape: readonly number[], strides: readonly number[], count: number): Float32Array {
  const out = new Float32Array(count)
  const index = shape.map(() => 0)
  let at = 0
  for (let i = 0; i < count; i++) {
    out[i] = numbers[at]!
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]! += 1
      at += strides[axis]!
      if (index[axis]! < shape[axis]!) break
      at -= index[axis]! * strides[axis]!
      index[axis] = 0
    }
  }
  return out
}

/** Modules do not nest deeper. */
const deepest = 64

/**
 * The tensors of what was saved by their path: keys, attributes and indices joined with dots, as in a state dict. What is held in several places has the
 * path where it stands first.
 */
export function tensorsByPath(root: PickleValue): Map<string, PickleTensor> {
  const tensors = new Map<string, PickleTensor>()
  const seen = new Set<PickleValue>()
  const walk = (value: PickleValue, path: readonly string[]): void => {
    if (value instanceof PickleTensor) tensors.set(path.join('.'), value)
    const children = value instanceof PickleObject ? value.attributes : value instanceof Map || Array.isArray(value) ? value : null
    if (children === null || seen.has(value) || path.length === deepest) return
    seen.add(value)
    for (const [key, child] of children.entries()) {
      if (typeof key === 'string' || typeof key === 'number') walk(child, [...path, String(key)])
    }
  }
  walk(root, [])
  return tensors
}
