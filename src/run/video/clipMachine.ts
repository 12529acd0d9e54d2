import { createHash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { openFitThread } from '../../atlas/fast/node/openFitThread.js'
import { openFlowThread } from '../../atlas/node/openFlowThread.js'
import { loadOnnxRuntime } from '../../engine/node/loadOnnxRuntime.js'
import { libavClips } from '../../media/node/libavClips.js'
import { registerCodecs } from '../../media/node/registerCodecs.js'
import { loadSharp } from '../../media/node/sharp.js'
import type { ClipMachine } from '../../session/video/clipMachine.js'
import { WarmModels } from '../../session/warmModels.js'
import { nodeModels } from '../buildTrainer.js'
import { nodeMachine } from '../nodeMachine.js'
import { openRuntime } from '../openRuntime.js'

/**
 * Node, for runs over clips. The stages and layers of a run share its engine and models, which end with its thread.
 */
export const clipMachine: ClipMachine = {
  ...nodeMachine,
  runtime: openRuntime,
  models: nodeModels,
  warm: new WarmModels(),
  clips: libavClips,
  /**
   * The native libraries that a run needs are asked for at its start, since some are needed only to write its clips.
   */
  async prepare(goal) {
    loadSharp()
    loadOnnxRuntime()
    if (goal === 'edit') await registerCodecs()
  },
  digest(pieces) {
    const hash = createHash('sha256')
    for (const piece of pieces) hash.update(piece)
    return hash.digest('hex')
  },
  beside(asked) {
    const threads = (asked > 0 ? asked : availableParallelism()) >> 1
    if (threads === 0) return null
    return {
      threads,
      openFlow: openFlowThread,
      openPart: (frames, settings, signal) => openFitThread(frames, settings, { threads, signal }),
    }
  },
}
