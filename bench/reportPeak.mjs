// Preloaded into a measured process: tells the peak of its resident memory, in bytes, on file descriptor 3.
import { writeSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'

// `maxRSS` is in kilobytes of 1024 on every system that Node runs on.
// A process that talks to the one that made it has that channel in the descriptor's place.
if (isMainThread && process.send === undefined)
  process.on('exit', () => writeSync(3, String(process.resourceUsage().maxRSS * 1024)))
