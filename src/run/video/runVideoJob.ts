import { statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { refuseLink } from '../runFile.js'
import { inspectAtlas } from './inspectAtlas.js'
import { openAtlasSource, type AtlasSourceOptions } from './openAtlasSource.js'
import { readPainted, renderPainted, type PaintedLayers } from './renderPainted.js'
import { renderVideo } from './renderVideo.js'
import { resumeVideo } from './resumeVideo.js'
import { stageReport } from '../../session/video/stageReport.js'
import { startVideo } from './startVideo.js'
import type { VideoEnvironment } from '../../session/video/videoEnvironment.js'
import type { VideoJob, VideoJobResult } from './videoJob.js'
import type { EmitVideo } from '../../session/video/videoSession.js'
import { writeAside } from './writeAside.js'

/** Does a job in the thread that calls it. */
export async function runVideoJob(
  job: VideoJob,
  environment: VideoEnvironment,
  emit: EmitVideo,
): Promise<VideoJobResult> {
  switch (job.kind) {
    case 'start':
      return await startVideo(job.options, job.goal, environment, emit)
    case 'resume':
      return await resumeVideo(job.folder, job.options, environment, emit)
    case 'render':
      return await renderVideo(job.folder, environment, emit)
    case 'atlas-inspect':
    case 'atlas-render':
      return await useAtlas(job, environment.signal, emit)
  }
}

async function useAtlas(
  { kind, out, force, ...options }: Extract<VideoJob, { kind: 'atlas-inspect' | 'atlas-render' }>,
  signal: AbortSignal,
  emit: EmitVideo,
): Promise<VideoJobResult> {
  const started = performance.now()
  const { atlas, input } = await openAtlasSource(withoutPainted(options), signal, stageReport('clip', emit))
  const edits =
    'painted' in options
      ? await readPainted(atlas, options.painted, (message) => emit({ type: 'note', message }))
      : null
  const own = out === null
  const folder =
    out ??
    join(
      statSync(options.atlas).isDirectory() ? options.atlas : dirname(options.atlas),
      kind === 'atlas-inspect' ? 'inspect' : 'painted',
    )
  // A folder that the user names may be a link; one in a run folder, which may come from anybody, leads nowhere else.
  if (own) refuseLink(folder)
  emit({ type: 'stage-start', stage: 'rendering' })
  const names = await writeAside(folder, force, (aside) =>
    edits === null
      ? inspectAtlas(atlas, input, aside, signal, emit)
      : renderPainted(atlas, edits, input, aside, signal, emit),
  )
  for (const name of names) emit({ type: 'output', name, path: join(folder, name) })
  emit({ type: 'done', seconds: (performance.now() - started) / 1000, folder })
  return { finished: true, folder }
}

const withoutPainted = ({
  painted: _,
  ...options
}: AtlasSourceOptions & { readonly painted?: PaintedLayers }): AtlasSourceOptions => options
