import { validateLayer } from '../../options/resolveSettings.js'
import type { GivenVideoOptions } from '../../options/videoOptions.js'
import { videoTable } from '../../options/videoTable.js'
import { accessTo, hereOnly } from '../../session/guidanceAccess.js'
import type { VideoResult } from '../../session/video/runVideo.js'
import { continueClip } from '../../session/video/savedClip.js'
import type { VideoEnvironment } from '../../session/video/videoEnvironment.js'
import type { EmitVideo } from '../../session/video/clipSession.js'
import { portableGuidance } from '../portableGuidance.js'
import { assertKind } from '../runKind.js'
import { openRunFolder } from '../runFolder.js'
import { clipMachine } from './clipMachine.js'
import { inFolder } from './clipPaths.js'

/** Flags that may stand beside `--resume`. */
type ResumeVideoOptions = Pick<GivenVideoOptions, 'steps' | 'device' | 'threads' | 'previewEvery' | 'guidance'>

/**
 * Continues a run over a clip from the last checkpoint of the stage that it was in, bit for bit on the CPU.
 * @throws RUN_NOT_FOUND, RUN_INVALID, RUN_LOCKED, CHECKPOINT_*, SAFETENSORS_INVALID, and what a new run throws
 */
export async function resumeVideo(
  path: string,
  flags: ResumeVideoOptions,
  environment: VideoEnvironment,
  emit: EmitVideo,
): Promise<VideoResult> {
  await assertKind(path, 'video')
  const onNote = (message: string): void => emit({ type: 'note', message })
  const store = await openRunFolder(path, { onNote, signal: environment.signal })
  try {
    const named = (validateLayer(videoTable, flags)['guidance'] ?? []) as readonly string[]
    const given = named.length === 0 ? flags : { ...flags, guidance: named.map(portableGuidance) }
    const access = named.length === 0 ? hereOnly : accessTo(named)
    const saved = { store, machine: clipMachine, find: inFolder(path) }
    return await continueClip(saved, given, environment, emit, access)
  } finally {
    store.release()
  }
}
