import { readLog } from '../eventLog.js'
import type { VideoEvent } from '../../session/videoEvents.js'

/** The events of a run over a clip, up to the first line that is no whole event. */
export const readVideoEvents = (path: string): VideoEvent[] => readLog(path) as VideoEvent[]
