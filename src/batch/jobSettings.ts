import type { GivenOptions, ImageSettings } from '../options/imageOptions.js'
import { assertRegionMap, resolveSettings } from '../options/resolveSettings.js'
import { resolveVideoSettings } from '../options/resolveVideoSettings.js'
import type { GivenVideoOptions, VideoSettings } from '../options/videoOptions.js'
import { videoTable } from '../options/videoTable.js'
import { ownLayers, readConfigs } from '../run/readConfigs.js'
import { assertPrompt, lastGiven } from '../session/startPhoto.js'
import { assertPrompts, lastGivenOf, withAtlasBelow } from '../session/video/startClip.js'
import type { BatchJob } from './batchJob.js'

/** What a job asks for, complete. */
export type JobSettings =
  | { readonly kind: 'photo'; readonly settings: ImageSettings; readonly seeds: number; readonly drawsSeed: boolean }
  | { readonly kind: 'clip'; readonly settings: VideoSettings; readonly drawsSeed: boolean }

/**
 * The settings that a run of the job gets, but for a seed that it draws. Nothing of the input is read.
 * @throws OPTION_*, CONFIG_*, PROMPT_EMPTY, RUN_INVALID
 */
export async function jobSettings({ kind, options }: Pick<BatchJob, 'kind' | 'options'>): Promise<JobSettings> {
  return kind === 'photo' ? await photoSettings(options) : await clipSettings(options)
}

async function photoSettings(options: GivenOptions): Promise<JobSettings> {
  const configs = await readConfigs(textsOf(options.config), { note: ignore, preset: options.preset })
  const layers = [...configs.layers, options]
  const settings = resolveSettings(layers, () => 0)
  assertRegionMap([...ownLayers(configs), options], settings)
  assertPrompt(settings)
  const seeds = Number(lastGiven(layers, 'seeds') ?? 1)
  return { kind: 'photo', settings, seeds, drawsSeed: drawn(lastGiven(layers, 'seed')) }
}

async function clipSettings(options: GivenVideoOptions): Promise<JobSettings> {
  const configs = await readConfigs<GivenVideoOptions>(textsOf(options.config), {
    note: ignore,
    preset: options.preset,
    table: videoTable,
  })
  const layers = [...configs.layers, options]
  const over = textsOf(lastGivenOf(layers, 'over') as GivenVideoOptions['over'])
  const settings = withAtlasBelow(
    resolveVideoSettings(layers, () => 0),
    layers,
    over,
    'edit',
  )
  assertRegionMap([...ownLayers(configs), options], settings)
  assertPrompts(settings)
  return { kind: 'clip', settings, drawsSeed: drawn(lastGivenOf(layers, 'seed')) }
}

const ignore = (): void => undefined
const drawn = (seed: unknown): boolean => (seed ?? -1) === -1

function textsOf(value: string | readonly string[] | null | undefined): readonly string[] {
  return typeof value === 'string' ? [value] : (value ?? [])
}
