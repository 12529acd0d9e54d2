import type { VideoJob } from '../run/video/videoJob.js'
import { jsonReporter } from './reporters.js'
import { interruptedStatus, stopOnSignals } from './stopOnSignals.js'
import type { Terminal } from './terminal.js'
import { videoReporter } from './videoReporter.js'

/** Does a job over a clip in the foreground: reports its events, stops it at Ctrl-C with its state kept, and gives the exit status. */
export async function followVideo(job: VideoJob, json: boolean, terminal: Terminal): Promise<number> {
  const reporter = json ? jsonReporter(terminal.stdout) : videoReporter(terminal.stdout)
  try {
    return await stopOnSignals(terminal, 'stopping and keeping what is reached', () => reporter.end(), async (signal) => {
      const { runInVideoWorker } = await import('../run/video/runInVideoWorker.js')
      const result = await runInVideoWorker(job, signal, (event) => reporter.report(event))
      return signal.aborted && !result.finished ? interruptedStatus : 0
    })
  } finally {
    reporter.end()
  }
}
