import type { ClipMachine } from '../../session/video/clipMachine.js'
import { keptClips } from '../../session/video/clipsBelow.js'
import { readVideoSettings } from '../../session/video/savedClip.js'
import { type ClipsBelow, takeClips } from '../../session/video/takeClips.js'
import { belowFolder } from '../../session/video/videoFiles.js'
import { folderOfCopies, lookAt } from '../layersUnder.js'
import { lookIn } from '../runFolder.js'

/**
 * What `--over` names for a run over a clip, as `layersUnder` reads it.
 * @returns undefined for no names
 * @throws RUN_NOT_FOUND, RUN_INVALID, CONFIG_*
 */
export async function clipsUnder(
  paths: readonly string[],
  machine: Pick<ClipMachine, 'digest'>,
): Promise<ClipsBelow | undefined> {
  if (paths.length === 0) return undefined
  const own = folderOfCopies(paths, belowFolder)
  if (own === null) return await takeClips(paths, lookAt, machine)
  const run = lookIn(own)
  return { layers: await keptClips(run, (await readVideoSettings(run)).over), notes: [] }
}
