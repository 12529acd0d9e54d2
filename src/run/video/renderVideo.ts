import type { VideoResult } from '../../session/video/runVideo.js'
import { renderClip, type SavedClipAccess } from '../../session/video/savedClip.js'
import { presentClips } from '../../session/video/takeClips.js'
import type { VideoEnvironment } from '../../session/video/videoEnvironment.js'
import type { EmitVideo } from '../../session/video/clipSession.js'
import { runBeside } from '../layersUnder.js'
import { openRunFolder } from '../runFolder.js'
import { clipMachine } from './clipMachine.js'
import { inFolder } from './clipPaths.js'

/**
 * Writes the outputs of a run over a clip again, from the state that its training has reached, without training.
 * @throws RUN_NOT_FOUND, RUN_INVALID, RUN_LOCKED; CHECKPOINT_INVALID where nothing was trained yet
 */
export async function renderVideo(path: string, environment: VideoEnvironment, emit: EmitVideo): Promise<VideoResult> {
  const store = await openRunFolder(path)
  try {
    const saved: SavedClipAccess = {
      store,
      machine: clipMachine,
      find: inFolder(path),
      present: (own, note) => presentClips(own, runBeside(path), clipMachine, note),
    }
    return await renderClip(saved, environment, emit)
  } finally {
    store.release()
  }
}
