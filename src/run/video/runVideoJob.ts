import { statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { RunControl } from '../../session/runControl.js'
import { paintClip } from '../../session/video/paintClip.js'
import type { VideoResult } from '../../session/video/runVideo.js'
import { inStage, stageReport } from '../../session/stages.js'
import { environmentOn, type VideoEnvironment } from '../../session/video/videoEnvironment.js'
import type { EmitVideo } from '../../session/video/clipSession.js'
import { refuseLink } from '../runFile.js'
import { openRunFolder } from '../runFolder.js'
import { assertKind } from '../runKind.js'
import { clipMachine } from './clipMachine.js'
import { inFolder } from './clipPaths.js'
import { inspectAtlas } from './inspectAtlas.js'
import { openAtlasSource } from './openAtlasSource.js'
import { readPainted, renderPainted } from './renderPainted.js'
import { renderVideo } from './renderVideo.js'
import { resumeVideo } from './resumeVideo.js'
import { startVideo } from './startVideo.js'
import type { JobOf } from '../../session/job.js'
import type { ClipJob, VideoJobResult } from './videoJob.js'
import { writeAside } from './writeAside.js'

/** Trains in this thread, until `signal` aborts. */
export const clipEnvironment = (signal: AbortSignal, control: RunControl): VideoEnvironment =>
  environmentOn(clipMachine, signal, control)

/** Does a job in the thread that calls it. */
export async function runVideoJob(
  job: ClipJob,
  environment: VideoEnvironment,
  emit: EmitVideo,
): Promise<VideoJobResult> {
  switch (job.kind) {
    case 'video':
      return await startVideo(job, environment, emit)
    case 'resume':
      return await resumeVideo(job.run, job.options, environment, emit)
    case 'render':
      return await renderVideo(job.run, environment, emit)
    case 'paint':
      return await paint(job.run, environment, emit)
    case 'atlas-inspect':
    case 'atlas-render':
      return await useAtlas(job, environment.signal, emit)
  }
}

/** Maps what somebody painted on the atlas of a run to its frames. @throws RUN_INVALID for the folder of a photo */
async function paint(path: string, environment: VideoEnvironment, emit: EmitVideo): Promise<VideoResult> {
  await assertKind(path, 'video')
  const store = await openRunFolder(path)
  try {
    return await paintClip({ store, machine: clipMachine, find: inFolder(path) }, environment, emit)
  } finally {
    store.release()
  }
}

async function useAtlas(
  { kind, atlas: path, options, out, force, ...rest }: JobOf<'atlas-inspect' | 'atlas-render'>,
  signal: AbortSignal,
  emit: EmitVideo,
): Promise<VideoJobResult> {
  const started = performance.now()
  const { atlas, input } = await openAtlasSource({ ...options, atlas: path }, signal, stageReport('clip', emit))
  const edits =
    'painted' in rest ? await readPainted(atlas, rest.painted, (message) => emit({ type: 'note', message })) : null
  const own = out === null
  const folder =
    out ?? join(statSync(path).isDirectory() ? path : dirname(path), kind === 'atlas-inspect' ? 'inspect' : 'painted')
  // A folder that the user names may be a link; one in a run folder, which may come from anybody, leads nowhere else.
  if (own) refuseLink(folder)
  await inStage({ stage: 'rendering' } as const, clipMachine, emit, async () => {
    const names = await writeAside(folder, force, (aside) =>
      edits === null
        ? inspectAtlas(atlas, input, aside, signal, emit)
        : renderPainted(atlas, edits, input, aside, signal, emit),
    )
    for (const name of names) emit({ type: 'output', name, path: join(folder, name) })
  })
  emit({ type: 'done', seconds: (performance.now() - started) / 1000, folder })
  return { finished: true, folder }
}
