import { Text2LiveError } from '../errors.js'
import type { SafetensorsTensor } from '../formats/safetensors.js'
import { headerStart, parseSafetensorsHeader, safetensorsHeaderLength } from '../formats/safetensorsHeader.js'
import type { SafetensorsHeader } from '../formats/safetensorsHeader.js'
import { toFloat32 } from '../formats/toFloat32.js'
import type { FileSource } from './fileSource.js'
import type { WeightTensor } from './guidance.js'

/** Names and shapes that a tower needs. */
export type WeightShapes = ReadonlyMap<string, readonly number[]>

/** A safetensors file whose tensors are read one by one. */
export interface WeightFile {
  /** What errors call it. */
  readonly path: string
  readonly header: SafetensorsHeader
  tensor(name: string): Promise<SafetensorsTensor>
  /** @throws GUIDANCE_INVALID unless every tensor of `expected` is there with its shape */
  require(expected: WeightShapes): void
  /**
   * The weights `names`, as float32.
   * @throws GUIDANCE_INVALID for a weight that is no finite number
   */
  weights(names: Iterable<string>): Promise<Map<string, WeightTensor>>
}

/**
 * Opens `<source>/<name>` and checks that every tensor of `expected` is there with its shape.
 * @throws GUIDANCE_INVALID for a missing file or tensor, or a wrong shape; SAFETENSORS_INVALID for a broken file
 */
export async function openWeightFile(source: FileSource, name: string, expected: WeightShapes): Promise<WeightFile> {
  const path = `${source.location}/${name}`
  const size = await requiredSize(source, name)
  const length = safetensorsHeaderLength(await source.read(name, 0, headerStart), size, path)
  const header = parseSafetensorsHeader(await source.read(name, headerStart, headerStart + length), size, path)
  const require = (shapes: WeightShapes): void => {
    for (const [tensor, shape] of shapes) checkShape(path, header, tensor, shape)
  }
  require(expected)

  const tensor = async (tensorName: string): Promise<SafetensorsTensor> => {
    const entry = header.entries.get(tensorName)
    if (!entry) throw missingTensor(path, tensorName)
    const bytes = await source.read(name, entry.start, entry.end)
    if (bytes.byteLength !== entry.end - entry.start) {
      throw new Text2LiveError(
        'SAFETENSORS_INVALID',
        `${path} became shorter while it was read: tensor "${tensorName}" is cut. Copy or download it again.`,
      )
    }
    return { dtype: entry.dtype, shape: entry.shape, bytes }
  }
  return {
    path,
    header,
    tensor,
    require,
    async weights(names) {
      const weights = new Map<string, WeightTensor>()
      for (const weight of names) {
        const read = await tensor(weight)
        const data = toFloat32(read, `tensor "${weight}" of ${path}`)
        requireFinite(path, weight, data)
        weights.set(weight, { shape: read.shape, data })
      }
      return weights
    },
  }
}

/** Bytes of the longest description that is read: the tokenizers of models for all languages have some 20 MB. */
const longestText = 2 ** 25

/**
 * Reads `<source>/<name>` as text.
 * @throws GUIDANCE_INVALID when it is missing, or longer than any description of a model
 */
export async function readText(source: FileSource, name: string): Promise<string> {
  const size = await requiredSize(source, name)
  if (size > longestText) {
    throw new Text2LiveError(
      'GUIDANCE_INVALID',
      `Expected ${source.location}/${name} to have at most ${longestText} bytes, as the files that describe a model do; it has ${size}. Copy or download the file again.`,
    )
  }
  return new TextDecoder().decode(await source.read(name))
}

/**
 * Reads `<source>/<name>` as JSON.
 * @throws GUIDANCE_INVALID when it is missing, no JSON, or longer than any description of a model
 */
export async function readJson(source: FileSource, name: string): Promise<unknown> {
  const text = await readText(source, name)
  try {
    return JSON.parse(text)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new Text2LiveError(
      'GUIDANCE_INVALID',
      `Expected ${source.location}/${name} to be JSON: ${why}. Copy or download the file again.`,
    )
  }
}

async function requiredSize(source: FileSource, name: string): Promise<number> {
  const size = await source.size(name)
  if (size !== null) return size
  throw new Text2LiveError(
    'GUIDANCE_INVALID',
    `Expected ${name} among the guidance model's files, ${source.location} has none. Copy or download the whole model.`,
  )
}

function checkShape(path: string, header: SafetensorsHeader, tensor: string, shape: readonly number[]): void {
  const entry = header.entries.get(tensor)
  if (!entry) throw missingTensor(path, tensor)
  if (entry.shape.length === shape.length && entry.shape.every((n, i) => n === shape[i])) return
  throw new Text2LiveError(
    'GUIDANCE_INVALID',
    `Expected tensor "${tensor}" of ${path} to have shape [${shape.join(', ')}], as config.json says; it has ` +
      `[${entry.shape.join(', ')}]. Use the config.json and the weights of the same model.`,
  )
}

/** @throws GUIDANCE_INVALID naming the tensor and the first value that is no finite number */
export function requireFinite(path: string, tensor: string, data: Float32Array): void {
  let at = 0
  while (at < data.length && Number.isFinite(data[at])) at++
  if (at === data.length) return
  throw new Text2LiveError(
    'GUIDANCE_INVALID',
    `Expected finite weights, tensor "${tensor}" of ${path} holds ${data[at]} at index ${at}. Copy or download the file again.`,
  )
}

function missingTensor(path: string, tensor: string): Text2LiveError {
  return new Text2LiveError(
    'GUIDANCE_INVALID',
    `Expected a tensor "${tensor}" in ${path}, there is none. Use the Hugging Face layout of the model that config.json describes.`,
  )
}
