import { assertStored, openPyTorchFile, tensorsByPath } from '../formats/pytorchFile.js'
import type { RandomAccess } from '../formats/zipEntries.js'
import { clipTextShapes, clipVisionShapes } from './clipWeights.js'
import { inMemory, jsonFile, safetensorsOf, withFiles } from './convertedFile.js'
import { memorySource, type FileSource } from './fileSource.js'
import { openAiVocabulary } from './modelFiles.js'
import { openOpenaiClip } from './openaiClip.js'

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
  const weights = safetensorsOf(
    new Map([...clipVisionShapes(config), ...clipTextShapes(config)]),
    async (name) => (await read([name])).get(name)!.data,
  )
  return withFiles(
    memorySource(new Map(), file.location),
    new Map([
      ['config.json', jsonFile(config)],
      [openAiVocabulary, inMemory(vocabulary)],
      [safetensors, weights],
    ]),
  )
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
  const tensors = new Map([...tensorsByPath(archive.root, location)].filter(([name]) => !name.endsWith('position_ids')))
  assertStored({ location, size }, tensors)
  const shapes = new Map([...tensors].map(([name, { shape }]) => [name, shape]))
  return withFiles(source, new Map([[safetensors, safetensorsOf(shapes, (name) => archive.read(tensors.get(name)!))]]))
}
