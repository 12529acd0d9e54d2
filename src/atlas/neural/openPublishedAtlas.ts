import type { Runtime } from '../../engine/runtime.js'
import { Text2LiveError } from '../../errors.js'
import { assertStored, openPyTorchFile, tensorsByPath } from '../../formats/pytorchFile.js'
import type { ClipFrames } from '../../media/clipFrames.js'
import type { FileSource } from '../../models/fileSource.js'
import { type AtlasWeights, type NetworkName, type NetworkWeights, networkNames } from './atlasNetworks.js'
import { fittedFrameCount } from './fittedFrameCount.js'
import { imlpParameters } from './imlp.js'
import { NeuralAtlas, type NeuralAtlasOptions } from './neuralAtlas.js'
import { type PublishedAtlasConfig, parsePublishedAtlasConfig } from './publishedAtlasConfig.js'

export interface OpenPublishedAtlasOptions extends Pick<NeuralAtlasOptions, 'behaviour' | 'resolution' | 'cacheBytes'> {
  readonly runtime: Runtime
  /** The clip that it was fitted to, at its size. */
  readonly frames: ClipFrames
  /** Names of the two files in the source. */
  readonly files?: { readonly checkpoint: string; readonly config: string }
}

/** What the published code calls the networks in its checkpoint. */
const stateDicts: Readonly<Record<NetworkName, string>> = {
  foreground: 'model_F_mapping1_state_dict',
  background: 'model_F_mapping2_state_dict',
  opacity: 'model_F_alpha_state_dict',
  atlas: 'F_atlas_state_dict',
}

/**
 * Opens a published layered neural atlas: `checkpoint`, a file of torch.save, and `config.json` beside it. Nothing in
 * the checkpoint is run.
 *
 * @param source where both files are; errors name it
 * @throws INPUT_NOT_FOUND for a missing file, CONFIG_INVALID, PYTORCH_FILE_INVALID, PICKLE_UNSAFE, ATLAS_INVALID for
 *   weights that are missing or do not fit, ATLAS_MISMATCH for a clip of another size or number of frames
 */
export async function openPublishedAtlas(source: FileSource, options: OpenPublishedAtlasOptions): Promise<NeuralAtlas> {
  const { frames, runtime, files = { checkpoint: 'checkpoint', config: 'config.json' } } = options
  const config = await readConfig(source, files.config)
  checkClip(config, frames, `${source.location}/${files.config}`)
  const weights = await readWeights(source, files.checkpoint, config)
  const count = await fittedFrameCount({ runtime, config, weights, frames })
  return new NeuralAtlas({
    runtime,
    weights,
    frames: count,
    shapes: config.shapes,
    width: config.width,
    height: config.height,
    ...(options.behaviour ? { behaviour: options.behaviour } : {}),
    ...(options.resolution === undefined ? {} : { resolution: options.resolution }),
    ...(options.cacheBytes === undefined ? {} : { cacheBytes: options.cacheBytes }),
  })
}

/** Bytes. */
const longestConfig = 2 ** 20

async function readConfig(source: FileSource, name: string): Promise<PublishedAtlasConfig> {
  const path = `${source.location}/${name}`
  const size = await requiredSize(source, name)
  if (size > longestConfig)
    throw new Text2LiveError(
      'CONFIG_INVALID',
      `Expected ${path} to have at most ${longestConfig} bytes, as a configuration does; it has ${size}. Copy the file again.`,
    )
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder().decode(await source.read(name)))
  } catch (cause) {
    throw new Text2LiveError(
      'CONFIG_INVALID',
      `Expected ${path} to be JSON: ${cause instanceof Error ? cause.message : String(cause)}. Copy the file again.`,
      { cause },
    )
  }
  return parsePublishedAtlasConfig(json, path)
}

async function requiredSize(source: FileSource, name: string): Promise<number> {
  const size = await source.size(name)
  if (size !== null) return size
  throw new Text2LiveError(
    'INPUT_NOT_FOUND',
    `Expected a published layered neural atlas in ${source.location}: a checkpoint and its config.json; there is no ${name}. Copy both files there.`,
  )
}

function checkClip({ width, height, maximumFrames }: PublishedAtlasConfig, frames: ClipFrames, path: string): void {
  if (frames.width !== width || frames.height !== height) {
    throw new Text2LiveError(
      'ATLAS_MISMATCH',
      `Expected the clip at ${width}x${height}, the size that the atlas was fitted at (${path}); it has ${frames.width}x${frames.height}. ` +
        'Give the clip that the atlas was fitted to, at that size.',
    )
  }
  if (frames.pixels.length > maximumFrames) {
    throw new Text2LiveError(
      'ATLAS_MISMATCH',
      `Expected at most ${maximumFrames} frames, as many as the atlas was fitted to (maximum_number_of_frames in ${path}); the clip has ` +
        `${frames.pixels.length}. Use its first ${maximumFrames} frames (--frames ${maximumFrames}) or another atlas.`,
    )
  }
}

async function readWeights(source: FileSource, name: string, { shapes }: PublishedAtlasConfig): Promise<AtlasWeights> {
  const location = `${source.location}/${name}`
  const size = await requiredSize(source, name)
  const file = await openPyTorchFile({ location, size, read: (start, end) => source.read(name, start, end) })
  const tensors = tensorsByPath(file.root, location)
  const networks: [NetworkName, NetworkWeights][] = []
  for (const network of networkNames) {
    const weights = new Map<string, { readonly shape: readonly number[]; readonly data: Float32Array }>()
    for (const { name: parameter, shape } of imlpParameters(shapes[network])) {
      const path = `${stateDicts[network]}.${parameter}`
      const tensor = tensors.get(path)
      if (!tensor) throw invalid(location, `there is no tensor ${path}`, 'Use a checkpoint of layered-neural-atlases')
      if (tensor.shape.length !== shape.length || tensor.shape.some((n, i) => n !== shape[i])) {
        throw invalid(
          location,
          `${path} has shape [${tensor.shape.join(', ')}], its config.json asks for [${shape.join(', ')}]`,
          'Use the config.json that lies beside this checkpoint',
        )
      }
      assertStored({ location, size }, new Map([[path, tensor]]))
      const data = await file.read(tensor)
      if (!data.every(Number.isFinite))
        throw invalid(
          location,
          `${path} holds numbers that are not finite`,
          'Copy the file again, or fit the atlas again',
        )
      weights.set(parameter, { shape, data })
    }
    networks.push([network, weights])
  }
  return Object.fromEntries(networks) as AtlasWeights
}

function invalid(location: string, why: string, advice: string): Text2LiveError {
  return new Text2LiveError(
    'ATLAS_INVALID',
    `Expected ${location} to hold the networks of a layered neural atlas, but ${why}. ${advice}.`,
  )
}
