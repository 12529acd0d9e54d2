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
  FloatStorage: ['F32', 4],
  HalfStorage: ['F16', 2],
  BFloat16Storage: ['BF16', 2],
  DoubleStorage: ['F64', 8],
  LongStorage: ['I64', 8],
  IntStorage: ['I32', 4],
  ShortStorage: ['I16', 2],
  CharStorage: ['I8', 1],
  ByteStorage: ['U8', 1],
  BoolStorage: ['BOOL', 1],
}

/** Saved objects are small, since their numbers lie elsewhere: those of the largest CLIP take some 200 kB. */
const longestPickle = 2 ** 24
/** A tensor that repeats what is stored (PyTorch's expand) may have so many numbers: a scalar, a small mask. */
const mostRepeated = 4096
/** Numbers of the largest tensor that is read: 8 GB as float32. */
const largestTensor = 2 ** 31

/**
 * Opens a file of PyTorch. Nothing in it is run: see `readPickle`.
 * @throws PYTORCH_FILE_INVALID, PICKLE_UNSAFE
 */
export async function openPyTorchFile(file: RandomAccess): Promise<PyTorchFile> {
  const entries = await readZipEntries(file)
  const pickle = [...entries.keys()].find((name) => /^[^/]+\/data\.pkl$/.test(name))
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
  const order = entries.has(`${folder}byteorder`)
    ? new TextDecoder().decode(await whole(`${folder}byteorder`))
    : 'little'
  if (order !== 'little') throw invalidArchive(file, `its numbers are ${order}-endian`)

  return {
    root: readPickle(await whole(pickle), file.location),
    async read({ storage, offset, shape, strides }) {
      const [dtype, width] = storages[storage.dtype] ?? []
      if (dtype === undefined || width === undefined) throw invalidArchive(file, `a tensor of it is a ${storage.dtype}`)
      const count = shape.reduce((product, n) => product * n, 1)
      if (count > largestTensor) throw invalidArchive(file, `a tensor of it has ${count} numbers`)
      if (count === 0) return new Float32Array(0)
      if (count > mostRepeated && !isStoredOnce(shape, strides))
        throw invalidArchive(file, `a tensor of it has ${count} numbers, and not all of them are stored`)
      const span = spanOf(shape, strides)
      const bytes = await part(`${folder}data/${storage.key}`, offset * width, (offset + span) * width)
      const numbers = toFloat32({ dtype, shape: [span], bytes }, file.location)
      return isRowMajor(shape, strides) ? numbers : gather(numbers, shape, strides, count)
    },
  }
}

/** Numbers from the first of a tensor to its last, both included. */
const spanOf = (shape: readonly number[], strides: readonly number[]): number =>
  1 + shape.reduce((sum, n, axis) => sum + (n - 1) * strides[axis]!, 0)

/** Has each number a place of its own: does every axis step over all that the axes of smaller steps reach? */
function isStoredOnce(shape: readonly number[], strides: readonly number[]): boolean {
  const axes = shape
    .map((n, axis) => ({ n, stride: strides[axis]! }))
    .filter(({ n }) => n > 1)
    .sort((a, b) => a.stride - b.stride)
  let reached = 0
  for (const { n, stride } of axes) {
    if (stride <= reached) return false
    reached += (n - 1) * stride
  }
  return true
}

/**
 * Weights are stored, number by number: a file whose tensors repeat what is stored, or share it over and over, would
 * become many times its size.
 * @throws PYTORCH_FILE_INVALID
 */
export function assertStored(
  file: Pick<RandomAccess, 'location' | 'size'>,
  tensors: ReadonlyMap<string, PickleTensor>,
): void {
  let bytes = 0
  for (const [name, { storage, shape, strides }] of tensors) {
    const count = shape.reduce((product, n) => product * n, 1)
    if (count > 0 && !isStoredOnce(shape, strides)) {
      throw invalidArchive(
        file,
        `its tensor "${name}" has the shape [${shape.join(', ')}] and the strides [${strides.join(', ')}], so not all of its numbers are stored`,
      )
    }
    bytes += count * (storages[storage.dtype]?.[1] ?? 1)
  }
  // Some models use a table twice: as the first layer and as the last.
  if (!(bytes <= 2 * file.size))
    throw invalidArchive(file, `its tensors take ${bytes} bytes, and the file has ${file.size}`)
}

function isRowMajor(shape: readonly number[], strides: readonly number[]): boolean {
  let step = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== step) return false
    step *= shape[axis]!
  }
  return true
}

function gather(
  numbers: Float32Array,
  shape: readonly number[],
  strides: readonly number[],
  count: number,
): Float32Array {
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
const mostTensors = 100_000
/** Characters of a path. */
const longestPath = 2000

/**
 * The tensors of what was saved by their path: keys, attributes and indices joined with dots, as in a state dict. What
 * is held in several places has the path where it stands first.
 * @throws PYTORCH_FILE_INVALID for more tensors than any network has
 */
export function tensorsByPath(root: PickleValue, location = 'the file'): Map<string, PickleTensor> {
  const tensors = new Map<string, PickleTensor>()
  const seen = new Set<PickleValue>()
  const walk = (value: PickleValue, path: string, depth: number): void => {
    if (value instanceof PickleTensor) {
      tensors.set(path, value)
      if (tensors.size > mostTensors) throw invalidArchive({ location }, `it has more than ${mostTensors} tensors`)
    }
    const children =
      value instanceof PickleObject ? value.attributes : value instanceof Map || Array.isArray(value) ? value : null
    if (children === null || seen.has(value) || depth === deepest) return
    seen.add(value)
    for (const [key, child] of children.entries()) {
      if (typeof key !== 'string' && typeof key !== 'number') continue
      const isThing = typeof child === 'object' && child !== null
      // What is no network may have names as long as itself.
      if (isThing && path.length + String(key).length < longestPath)
        walk(child, depth === 0 ? String(key) : `${path}.${key}`, depth + 1)
    }
  }
  walk(root, '', 0)
  return tensors
}
