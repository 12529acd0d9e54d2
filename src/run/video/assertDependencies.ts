import { loadOnnxRuntime } from '../../engine/node/loadOnnxRuntime.js'
import { registerCodecs } from '../../media/node/registerCodecs.js'
import { loadSharp } from '../../media/node/sharp.js'
import type { VideoPlan } from '../../session/video/runVideo.js'

/**
 * Asks at the start of a run over a clip for the native libraries that it needs, since some are needed only at its end:
 * to write the clips.
 * @throws DEPENDENCY_MISSING, TELEMETRY_ON, CLIP_CODEC_MISSING
 */
export async function assertDependencies(goal: VideoPlan['goal']): Promise<void> {
  loadSharp()
  loadOnnxRuntime()
  if (goal === 'edit') await registerCodecs()
}
