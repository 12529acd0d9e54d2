import { z } from 'zod'
import { Text2LiveError } from '../../errors.js'
import { type NetworkShapes, publishedNetworks } from './atlasNetworks.js'

/** Numbers far beyond those of any atlas are none: they would be counted out before the weights are looked for. */
const count = z.int().positive().max(1_000_000)
const layers = z.int().positive().max(1000)
const published = publishedNetworks

/** What decides the networks has the published values where it is left out, as in the files of Text2LIVE. */
const publishedAtlasConfig = z.object({
  maximum_number_of_frames: count,
  resx: z.int().positive().max(16_384),
  resy: z.int().positive().max(16_384),
  uv_mapping_scale: z.number().positive().default(0.8),
  number_of_layers_mapping1: layers.default(published.foreground.layers),
  number_of_channels_mapping1: count.default(published.foreground.width),
  use_positional_encoding_mapping1: z.boolean().default(false),
  number_of_positional_encoding_mapping1: count.default(4),
  number_of_layers_mapping2: layers.default(published.background.layers),
  number_of_channels_mapping2: count.default(published.background.width),
  use_positional_encoding_mapping2: z.boolean().default(false),
  number_of_positional_encoding_mapping2: count.default(2),
  number_of_layers_alpha: layers.default(published.opacity.layers),
  number_of_channels_alpha: count.default(published.opacity.width),
  positional_encoding_num_alpha: count.default(published.opacity.frequencies),
  number_of_layers_atlas: layers.default(published.atlas.layers),
  number_of_channels_atlas: count.default(published.atlas.width),
  positional_encoding_num_atlas: count.default(published.atlas.frequencies),
})

/** `config.json` of a published atlas, as far as the atlas depends on it. */
export interface PublishedAtlasConfig {
  /** The most frames it was fitted to: a clip that had fewer was fitted whole. */
  readonly maximumFrames: number
  readonly width: number
  readonly height: number
  readonly uvScale: number
  readonly shapes: NetworkShapes
}

/** @throws CONFIG_INVALID naming the keys */
export function parsePublishedAtlasConfig(json: unknown, path: string): PublishedAtlasConfig {
  const parsed = publishedAtlasConfig.safeParse(json)
  if (!parsed.success) {
    const problems = parsed.error.issues
      .slice(0, 3)
      .map((issue) => `${issue.path.join('.') || 'it'}: ${issue.message}`)
      .join('; ')
    throw new Text2LiveError(
      'CONFIG_INVALID',
      `Expected ${path} to be the config.json of a published layered neural atlas: ${problems}. Use the file that lies beside the checkpoint.`,
    )
  }
  const c = parsed.data
  return {
    maximumFrames: c.maximum_number_of_frames,
    width: c.resx,
    height: c.resy,
    uvScale: c.uv_mapping_scale,
    shapes: {
      foreground: {
        ...published.foreground,
        layers: c.number_of_layers_mapping1,
        width: c.number_of_channels_mapping1,
        frequencies: c.use_positional_encoding_mapping1 ? c.number_of_positional_encoding_mapping1 : 0,
      },
      background: {
        ...published.background,
        layers: c.number_of_layers_mapping2,
        width: c.number_of_channels_mapping2,
        frequencies: c.use_positional_encoding_mapping2 ? c.number_of_positional_encoding_mapping2 : 0,
      },
      opacity: {
        ...published.opacity,
        layers: c.number_of_layers_alpha,
        width: c.number_of_channels_alpha,
        frequencies: c.positional_encoding_num_alpha,
      },
      atlas: {
        ...published.atlas,
        layers: c.number_of_layers_atlas,
        width: c.number_of_channels_atlas,
        frequencies: c.positional_encoding_num_atlas,
      },
    },
  }
}
