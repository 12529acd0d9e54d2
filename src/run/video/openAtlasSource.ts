import { statSync } from 'node:fs'
import { Text2LiveError } from '../../errors.js'
import { resolveVideoSettings } from '../../options/resolveVideoSettings.js'
import type { GivenVideoOptions } from '../../options/videoOptions.js'
import { openRuntime } from '../openRuntime.js'
import { checkFolder } from '../checkFolder.js'
import { isRunFolder, lookIn } from '../runFolder.js'
import { openAtlas } from './openAtlas.js'
import type { FittedAtlas } from '../../session/video/atlasFile.js'
import { assertClip, readVideoSettings } from '../../session/video/savedClip.js'
import { clipMachine } from './clipMachine.js'
import { atPaths, inFolder } from './clipPaths.js'
import type { StageReport } from '../../session/stages.js'
import { readVideoInput, type VideoInput } from '../../session/video/videoInput.js'

/**
 * Options of the commands that look at an atlas; those besides `atlas` are needed where the folder does not hold the
 * clip.
 */
export type AtlasSourceOptions = Pick<
  GivenVideoOptions,
  'clip' | 'frames' | 'size' | 'device' | 'threads' | 'atlasSize' | 'atlasSampling'
> & { readonly atlas: string }

/**
 * An atlas and the clip it was fitted to: from a run folder both, else the clip is named beside the atlas.
 * @param report is told how many frames of the clip are read
 * @throws INPUT_NOT_FOUND, ATLAS_*, CLIP_*, INTERRUPTED, ...
 */
export async function openAtlasSource(
  options: AtlasSourceOptions,
  signal: AbortSignal,
  report: StageReport,
): Promise<{ readonly atlas: FittedAtlas; readonly input: VideoInput }> {
  const { atlas: path } = options
  const given = resolveVideoSettings([options], () => 0)
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
  if (isFolder && given.clip === null) checkFolder(path)
  const own = isFolder && isRunFolder(path) && given.clip === null
  if (!own && given.clip === null) {
    throw new Text2LiveError(
      'INPUT_NOT_FOUND',
      `"${path}" is no run folder, so the clip that the atlas was fitted to must be named: add --clip swan.mp4 ` +
        '(and --frames and --size as it was fitted).',
    )
  }
  const folder = lookIn(path)
  const settings = own ? await readVideoSettings(folder) : given
  if (own) assertClip(folder, settings)
  const input = await readVideoInput(settings, own ? inFolder(path) : atPaths, clipMachine, signal, report)
  const { atlas } = await openAtlas({ ...given, atlas: path }, input.frames, await openRuntime(given))
  return { atlas, input }
}
