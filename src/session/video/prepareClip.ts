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
import { announce, assertPrompts } from './startClip.js'
import { videoFiles } from './videoFiles.js'
import { keptInput, readVideoInput } from './videoInput.js'

/** A new run over a clip. */
export interface NewClip extends ClipInput {
  /** The file of the atlas of another run, which the options name; null where one is to be fitted. */
  readonly atlas: Uint8Array | null
}

/** What a run over a clip begins with, and what was told of how its input is taken. */
export interface PreparedClip {
  readonly files: Readonly<Record<string, Uint8Array | string>>
  readonly told: readonly VideoEvent[]
}

/**
 * Validates everything of a new run over a clip that a person can get wrong, but for the texts, which need a model.
 * @throws OPTION_*, PROMPT_EMPTY, INPUT_*, CLIP_*, MASK_INVALID
 */
export async function prepareClip(
  { atlas, ...asked }: NewClip,
  machine: Pick<ClipMachine, 'clips' | 'codec' | 'digest'>,
  signal: AbortSignal,
): Promise<PreparedClip> {
  const given = givenOf(asked)
  const settings = resolveVideoSettings([given], drawSeed)
  assertRegionMap([validateLayer(videoTable, given)], settings)
  assertPrompts(settings)
  const find = finderOf(asked)
  const input = await readVideoInput(settings, find, machine, signal)
  const told: VideoEvent[] = []
  announce(input, { settings, layers: [given], goal: 'edit' }, (event) => told.push(event))
  const atlasClip = atlas && readSafetensors(atlas, `the atlas of "${settings.atlas}"`).metadata['clip']
  if (atlasClip !== null && atlasClip !== input.clipDigest)
    told.push({ type: 'warning', message: otherFrames(settings.atlas) })
  const kept = await keptInput(settings, input, find)
  const files = Object.entries(kept.files).map(([name, file]) => [name, inBytes(file)] as const)
  return {
    files: {
      ...Object.fromEntries(files),
      ...(atlas === null ? {} : { [videoFiles.atlas]: atlas }),
      [videoFiles.config]: writeTableConfig(videoTable, kept.settings),
    },
    told,
  }
}
