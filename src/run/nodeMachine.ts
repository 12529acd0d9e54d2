import { sharpCodec } from '../media/node/sharpCodec.js'
import type { RunMachine } from '../session/runMachine.js'

/** Node. */
export const nodeMachine: RunMachine = {
  codec: sharpCodec,
  memory: () => process.memoryUsage.rss(),
  highestMemory: () => process.resourceUsage().maxRSS * 1024,
}
