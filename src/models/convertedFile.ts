import { headerStart } from '../formats/safetensorsHeader.js'
import type { RandomAccess } from '../formats/zipEntries.js'
import type { FileSource } from './fileSource.js'
import type { WeightShapes } from './weightFile.js'

/** A file that is made when it is read. */
export type MadeFile = Omit<RandomAccess, 'location'>

export const inMemory = (bytes: Uint8Array): MadeFile => ({
  size: bytes.length,
  read: (start, end) => Promise.resolve(bytes.subarray(start, end)),
})

export const jsonFile = (value: unknown): MadeFile => inMemory(new TextEncoder().encode(JSON.stringify(value, null, 2)))

/** The files of `source`, those of `made` before its own. */
export function withFiles(source: FileSource, made: ReadonlyMap<string, MadeFile>): FileSource {
  return {
    location: source.location,
    size: async (name) => made.get(name)?.size ?? (await source.size(name)),
    list: async () => [...new Set([...made.keys(), ...((await source.list?.()) ?? [])])],
    async read(name, start = 0, end) {
      const file = made.get(name)
      return file === undefined ? await source.read(name, start, end) : await file.read(start, end ?? file.size)
    },
  }
}

/** The bytes of a safetensors file with these tensors as float32; a tensor is read when its bytes are asked for. */
export function safetensorsOf(shapes: WeightShapes, tensor: (name: string) => Promise<Float32Array>): MadeFile {
  let length = 0
  const places = [...shapes].map(([name, shape]) => {
    const begin = length
    length += 4 * shape.reduce((product, n) => product * n, 1)
    return { name, shape, begin, end: length }
  })
  const json = new TextEncoder().encode(
    JSON.stringify(
      Object.fromEntries(
        places.map(({ name, shape, begin, end }) => [name, { dtype: 'F32', shape, data_offsets: [begin, end] }]),
      ),
    ),
  )
  const head = new Uint8Array(headerStart + Math.ceil(json.length / 8) * 8).fill(0x20)
  head.set(json, headerStart)
  new DataView(head.buffer).setBigUint64(0, BigInt(head.length - headerStart), true)
  let open: { name: string; bytes: Uint8Array } | null = null
  const bytesOf = async (name: string): Promise<Uint8Array> => {
    if (open?.name === name) return open.bytes
    const { buffer, byteOffset, byteLength } = await tensor(name)
    return new Uint8Array(buffer, byteOffset, byteLength)
  }
  return {
    size: head.length + length,
    async read(start, end) {
      const out = new Uint8Array(end - start)
      out.set(head.subarray(start, end))
      for (const { name, begin, end: stop } of places) {
        const [from, to] = [Math.max(start, head.length + begin), Math.min(end, head.length + stop)]
        if (from >= to) continue
        const bytes = await bytesOf(name)
        out.set(bytes.subarray(from - head.length - begin, to - head.length - begin), from - start)
        // Whoever reads on in portions finds the tensor ready.
        open = to < head.length + stop ? { name, bytes } : null
      }
      return out
    },
  }
}
