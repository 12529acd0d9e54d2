import { zipSync } from 'fflate'

export interface SavedTensor {
  readonly shape: readonly number[]
  readonly data: Float32Array
}

/** What `torch.save` writes of a state dict of float32 tensors. */
export function writeTorchFile(tensors: ReadonlyMap<string, SavedTensor>): Uint8Array {
  const entries = [...tensors]
  const pickle = [
    0x80,
    2,
    text('}('),
    ...entries.flatMap(([name, tensor], i) => [unicode(name), ...rebuilt(tensor, String(i))]),
    text('u.'),
  ]
  return zipSync(
    {
      'archive/data.pkl': bytesOf(pickle),
      'archive/byteorder': new TextEncoder().encode('little'),
      ...Object.fromEntries(
        entries.map(([, { data }], i) => [
          `archive/data/${i}`,
          new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
        ]),
      ),
      'archive/version': new TextEncoder().encode('3\n'),
    },
    { level: 0 },
  )
}

type Piece = number | Uint8Array

/** `_rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks)` */
function rebuilt({ shape, data }: SavedTensor, key: string): Piece[] {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, n) => product * n, 1))
  return [
    text('ctorch._utils\n_rebuild_tensor_v2\n(('),
    unicode('storage'),
    text('ctorch\nFloatStorage\n'),
    unicode(key),
    unicode('cpu'),
    int(data.length),
    text('tQ'),
    int(0),
    text('('),
    ...shape.map(int),
    text('t('),
    ...strides.map(int),
    text('t'),
    0x89,
    text('ccollections\nOrderedDict\n)RtR'),
  ]
}

const text = (characters: string): Uint8Array => Uint8Array.from(characters, (character) => character.charCodeAt(0))
const int = (value: number): Uint8Array =>
  Uint8Array.from([0x4a, value & 255, (value >> 8) & 255, (value >> 16) & 255, value >> 24])
const unicode = (value: string): Uint8Array =>
  Uint8Array.from([0x58, value.length & 255, value.length >> 8, 0, 0, ...text(value)])
const bytesOf = (pieces: readonly Piece[]): Uint8Array =>
  Uint8Array.from(pieces.flatMap((piece) => (typeof piece === 'number' ? [piece] : [...piece])))
