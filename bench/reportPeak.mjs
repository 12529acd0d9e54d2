// Preloaded into a measured process: tells the peak of its resident memory, in bytes, on file descriptor 3.
import { writeSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'

// `maxRSS` is in kilobytes of 1024 on every system that Node runs on.
if (isMainThread) process.on('exit', () => writeSync(3, String(process.resourceUsage().maxRSS * 1024)))
