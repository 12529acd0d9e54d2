import { z } from 'zod'
import { Text2LiveError } from '../errors.js'
import type { FileSource } from './fileSource.js'
import { openWeightFile, readJson, type WeightFile } from './weightFile.js'

/** Says which of several safetensors files holds which tensor: what large models are published as. */
export const shardIndex = 'model.safetensors.index.json'

const index = z.object({ weight_map: z.record(z.string(), z.string()) })
/** Names of folders and files without `.` and `..`, none of which can lead out of the model's folder on any system. */
const insideFolder = /^(?:[\w-][\w.+-]*\/)*[\w-][\w.+-]*\.safetensors$/
/** More files than any model is cut into. */
const mostShards = 1000

interface Shards {
  readonly shards: readonly string[]
  /** The file of each tensor. */
  readonly places: ReadonlyMap<string, string>
}

/** @throws GUIDANCE_INVALID for an index that is none, or that names a file outside of the model's folder */
export async function readShards(source: FileSource): Promise<Shards> {
  const path = `${source.location}/${shardIndex}`
  const parsed = index.safeParse(await readJson(source, shardIndex))
  if (!parsed.success) throw invalid(path, 'it has no "weight_map" of names')
  const places = new Map(Object.entries(parsed.data.weight_map))
  const shards = [...new Set(places.values())].sort()
  const outside = shards.find((name) => !insideFolder.test(name))
  if (outside !== undefined)
    throw invalid(path, `it names ${JSON.stringify(outside)}, which is no .safetensors file in the model's folder`)
  if (shards.length === 0 || shards.length > mostShards) throw invalid(path, `it names ${shards.length} files`)
  return { shards, places }
}

/**
 * The shards of a model as one file. @throws GUIDANCE_INVALID naming a shard that is missing, or lacks a tensor;
 * SAFETENSORS_INVALID
 */
export async function openShards(source: FileSource): Promise<WeightFile> {
  const { shards, places } = await readShards(source)
  const files = new Map<string, WeightFile>()
  for (const name of shards) files.set(name, await openWeightFile(source, name, new Map()))
  const entries = new Map(
    [...places].map(([tensor, shard]) => {
      const entry = files.get(shard)!.header.entries.get(tensor)
      if (!entry)
        throw invalid(
          `${source.location}/${shardIndex}`,
          `it says that ${shard} holds the tensor "${tensor}", which it does not`,
        )
      return [tensor, entry] as const
    }),
  )
  const first = files.get(shards[0]!)!
  const fileOf = (tensor: string): WeightFile => files.get(places.get(tensor) ?? '') ?? first
  return {
    path: `${source.location}/${shardIndex}`,
    header: { metadata: first.header.metadata, entries },
    tensor: (name) => fileOf(name).tensor(name),
    require(expected) {
      for (const [tensor, shape] of expected) fileOf(tensor).require(new Map([[tensor, shape]]))
    },
    async weights(names) {
      const weights = []
      for (const name of names) weights.push(...(await fileOf(name).weights([name])))
      return new Map(weights)
    },
  }
}

const invalid = (path: string, problem: string): Text2LiveError =>
  new Text2LiveError(
    'GUIDANCE_INVALID',
    `Expected ${path} to say which file holds which tensor: ${problem}. Copy or download the whole model again.`,
  )
