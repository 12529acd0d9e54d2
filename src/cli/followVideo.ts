import type { ClipJob } from '../run/video/videoJob.js'
import { jsonReporter } from './reporters.js'
import { stopOnSignals } from './stopOnSignals.js'
import type { Terminal } from './terminal.js'
import { videoReporter } from './videoReporter.js'

/**
 * Does a job over a clip in the foreground: reports its events, stops it at Ctrl-C (see `stopOnSignals`) with its state
 * kept, and gives the exit status.
 */
export async function followVideo(job: ClipJob, json: boolean, terminal: Terminal): Promise<number> {
  const reporter = json ? jsonReporter(terminal.stdout) : videoReporter(terminal.stdout)
  try {
    const stoppable = {
      stopping: 'stopping and keeping what is reached',
      onStop: () => reporter.end(),
      goOn: 'text2live video --resume',
    }
    return await stopOnSignals(terminal, stoppable, async (signal) => {
      const { runClipInProcess } = await import('../run/runInProcess.js')
      return await runClipInProcess(job, signal, (event) => reporter.report(event))
    })
  } finally {
    reporter.end()
  }
}
