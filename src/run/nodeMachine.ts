import { sharpCodec } from '../media/node/sharpCodec.js'
import type { RunMachine } from '../session/trainRun.js'

/** Node. */
export const nodeMachine: RunMachine = { codec: sharpCodec, memory: () => process.memoryUsage.rss() }
