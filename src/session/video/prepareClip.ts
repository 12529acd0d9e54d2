import { readSafetensors } from '../../formats/safetensors.js'
import { assertRegionMap, validateLayer } from '../../options/resolveSettings.js'
import { resolveVideoSettings } from '../../options/resolveVideoSettings.js'
import { videoTable } from '../../options/videoTable.js'
import { writeTableConfig } from '../../options/writeConfig.js'
import { drawSeed } from '../savedRun.js'
import type { VideoEvent } from '../videoEvents.js'
import { type ClipInput, finderOf, givenOf, inBytes } from './clipJob.js'
import type { ClipMachine } from './clipMachine.js'
import { otherFrames } from './atlasStage.js'
import { assertSameAtlas, atlasDigest, clipBelowFiles } from './clipsBelow.js'
import { announce, assertPrompts, withAtlasBelow } from './startClip.js'
import type { ClipsBelow } from './takeClips.js'
import { videoFiles } from './videoFiles.js'
import { keptInput, readVideoInput, standingOn } from './videoInput.js'

/** A new run over a clip. */
export interface NewClip extends ClipInput {
  /**
   * The file of the atlas of another run, which the options name, or of the lowest run below; null where one is to be
   * fitted.
   */
  readonly atlas: Uint8Array | null
  /** What the run is painted over. */
  readonly below?: ClipsBelow
}

/** What a run over a clip begins with, and what was told of how its input is taken. */
export interface PreparedClip {
  readonly files: Readonly<Record<string, Uint8Array | string>>
  readonly told: readonly VideoEvent[]
}

/**
 * Validates everything of a new run over a clip that a person can get wrong, but for the texts, which need a model.
 * @throws OPTION_*, PROMPT_EMPTY, INPUT_*, CLIP_*, MASK_INVALID; ATLAS_MISMATCH for runs below over another clip, or on
 *   another atlas
 */
export async function prepareClip(
  { atlas, below = { layers: [], notes: [] }, ...asked }: NewClip,
  machine: Pick<ClipMachine, 'clips' | 'codec' | 'digest'>,
  signal: AbortSignal,
): Promise<PreparedClip> {
  const given = givenOf(asked)
  const runs = below.layers.map(({ run }) => run)
  const settings = withAtlasBelow(resolveVideoSettings([given], drawSeed), [given], runs, 'edit')
  assertRegionMap([validateLayer(videoTable, given)], settings)
  assertPrompts(settings)
  const find = finderOf(asked)
  const input = standingOn(await readVideoInput(settings, find, machine, signal), below.layers, machine)
  const told: VideoEvent[] = below.notes.map((message) => ({ type: 'note', message }))
  announce(input, { settings, layers: [given], goal: 'edit' }, (event) => told.push(event))
  if (atlas !== null && runs.length > 0)
    assertSameAtlas(atlasDigest(atlas, settings.atlas, machine, input.clipDigest), below.layers)
  const atlasClip = atlas && readSafetensors(atlas, `the atlas of "${settings.atlas}"`).metadata['clip']
  if (atlasClip !== null && atlasClip !== input.clipDigest)
    told.push({ type: 'warning', message: otherFrames(settings.atlas) })
  const kept = await keptInput(settings, input, find)
  const files = Object.entries(kept.files).map(([name, file]) => [name, inBytes(file)] as const)
  return {
    files: {
      ...Object.fromEntries(files),
      ...(atlas === null ? {} : { [videoFiles.atlas]: atlas }),
      ...clipBelowFiles(below.layers),
      [videoFiles.config]: writeTableConfig(videoTable, kept.settings),
    },
    told,
  }
}
