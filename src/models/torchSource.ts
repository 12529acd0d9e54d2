import { openPyTorchFile, tensorsByPath } from '../formats/pytorchFile.js'
import { headerStart } from '../formats/safetensorsHeader.js'
import type { RandomAccess } from '../formats/zipEntries.js'
import { clipTextShapes, clipVisionShapes } from './clipWeights.js'
import type { FileSource } from './fileSource.js'
import { openAiVocabulary } from './modelFiles.js'
import { openOpenaiClip } from './openaiClip.js'
import type { WeightShapes } from './weightFile.js'

/** The weights in a file of PyTorch, where a repository has no other. */
const torchWeights = 'pytorch_model.bin'
const safetensors = 'model.safetensors'

/**
 * OpenAI's own file of a CLIP (`ViT-B-32.pt`) as if it were a folder in the Hugging Face layout.
 * @param vocabulary bytes of `bpe_simple_vocab_16e6.txt.gz`: the file has no tokenizer
 * @throws PYTORCH_FILE_INVALID, PICKLE_UNSAFE, GUIDANCE_INVALID
 */
export async function openaiSource(file: RandomAccess, vocabulary: Uint8Array): Promise<FileSource> {
  const { config, read } = await openOpenaiClip(file)
  const weights = safetensorsOf(new Map([...clipVisionShapes(config), ...clipTextShapes(config)]), async name => (await read([name])).get(name)!.data)
  return sourceOf(file.location, new Map([
    ['config.json', inMemory(new TextEncoder().encode(JSON.stringify(config, null, 2)))], [openAiVocabulary, inMemory(vocabulary)], [safetensors, weights],
  ]))
}

/**
 * The same files, and `model.safetensors` made of `pytorch_model.bin` where only that is there.
 * @throws PYTORCH_FILE_INVALID, PICKLE_UNSAFE
 */
export async function withSafetensors(source: FileSource): Promise<FileSource> {
  const size = await source.size(torchWeights)
  if (size === null || (await source.size(safetensors)) !== null) return source
  const location = `${source.location}/${torchWeights}`
  const archive = await openPyTorchFile({ location, size, read: (start, end) => source.read(torchWeights, start, end) })
  const tensors = new Map([...tensorsByPath(archive.root)].filter(([name]) => !name.endsWith('position_ids')))
  const shapes = new Map([...tensors].map(([name, { shape }]) => [name, shape]))
  const weights = safetensorsOf(shapes, name => archive.read(tensors.get(name)!))
  return {
    location: source.location,
    size: name => (name === safetensors ? Promise.resolve(weights.size) : source.size(name)),
    read: (name, start, end) => (name === safetensors ? weights.read(start ?? 0, end ?? weights.size) : source.read(name, start, end)),
  }
}

type Part = Omit<RandomAccess, 'location'>

const inMemory = (bytes: Uint8Array): Part => ({ size: bytes.length, read: (start, end) => Promise.resolve(bytes.subarray(start, end)) })

function sourceOf(location: string, files: ReadonlyMap<string, Part>): FileSource {
  return {
    location,
    size: name => Promise.resolve(files.get(name)?.size ?? null),
    read: async (name, start = 0, end) => {
      const file = files.get(name)
      return file === undefined ? new Uint8Array() : await file.read(start, end ?? file.size)
    },
  }
}

/** The bytes of a safetensors file with these tensors as float32; a tensor is read when its bytes are asked for. */
function safetensorsOf(shapes: WeightShapes, tensor: (name: string) => Promise<Float32Array>): Part {
  let length = 0
  const places = [...shapes].map(([name, shape]) => {
    const begin = length
    length += 4 * shape.reduce((product, n) => product * n, 1)
    return { name, shape, begin, end: length }
  })
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(
    places.map(({ name, shape, begin, end }) => [name, { dtype: 'F32', shape, data_offsets: [begin, end] }]),
  )))
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
