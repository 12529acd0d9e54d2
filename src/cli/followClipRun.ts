import { validateLayer } from '../options/resolveSettings.js'
import type { GivenVideoOptions } from '../options/videoOptions.js'
import { videoTable } from '../options/videoTable.js'
import { followVideo } from './followVideo.js'
import type { Terminal } from './terminal.js'

/**
 * Runs or resumes what the flags of `video` or `atlas fit` ask for. Returns the exit status. @throws OPTION_* before
 * anything is loaded
 */
export async function followClipRun(
  options: GivenVideoOptions,
  resume: string | undefined,
  kind: 'edit' | 'atlas',
  terminal: Terminal,
): Promise<number> {
  validateLayer(videoTable, options)
  const { videoJobOf } = await import('../run/video/videoJob.js')
  return await followVideo(
    videoJobOf(resume === undefined ? options : { ...options, resume }, kind),
    options.json === true,
    terminal,
  )
}
