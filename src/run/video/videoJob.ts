import { statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Text2LiveError } from '../../errors.js'
import type { GivenVideoOptions } from '../../options/videoOptions.js'
import { inspectAtlas } from './inspectAtlas.js'
import { openAtlasSource, type AtlasSourceOptions } from './openAtlasSource.js'
import { readPainted, renderPainted, type PaintedLayers } from './renderPainted.js'
import { renderVideo } from './renderVideo.js'
import { resumeVideo, type ResumeVideoOptions } from './resumeVideo.js'
import type { VideoPlan, VideoResult } from './runVideo.js'
import { startVideo } from './startVideo.js'
import type { VideoEnvironment } from './videoEnvironment.js'
import type { EmitVideo } from './videoSession.js'
import { writeAside } from './writeAside.js'

/** What can be asked of a run over a clip; plain data, it crosses to the worker. */
export type VideoJob =
  | { readonly kind: 'start'; readonly options: GivenVideoOptions; readonly goal: VideoPlan['goal'] }
  | { readonly kind: 'resume'; readonly folder: string; readonly options: ResumeVideoOptions }
  | { readonly kind: 'render'; readonly folder: string }
  /** Both write to `out`, by default a folder in that of the atlas. */
  | ({ readonly kind: 'atlas-inspect'; readonly out: string | null; readonly force: boolean } & AtlasSourceOptions)
  | ({ readonly kind: 'atlas-render'; readonly out: string | null; readonly force: boolean; readonly painted: PaintedLayers } & AtlasSourceOptions)

/** What a job leaves; of a run, all of `VideoResult`. */
export type VideoJobResult = VideoResult | Pick<VideoResult, 'finished' | 'folder'>

/** Does a job in the thread that calls it. */
export async function runVideoJob(job: VideoJob, environment: VideoEnvironment, emit: EmitVideo): Promise<VideoJobResult> {
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
  { kind, out, force, ...options }: Extract<VideoJob, { kind: 'atlas-inspect' | 'atlas-render' }>, signal: AbortSignal, emit: EmitVideo,
): Promise<VideoJobResult> {
  const started = performance.now()
  const { atlas, input } = await openAtlasSource(withoutPainted(options), signal)
  const edits = 'painted' in options ? await readPainted(atlas, options.painted) : null
  const folder = out ?? join(statSync(options.atlas).isDirectory() ? options.atlas : dirname(options.atlas), kind === 'atlas-inspect' ? 'inspect' : 'painted')
  emit({ type: 'stage-start', stage: 'rendering' })
  const names = await writeAside(folder, force, (aside) => edits === null
    ? inspectAtlas(atlas, input, aside, signal, emit)
    : renderPainted(atlas, edits, input, aside, signal, emit))
  for (const name of names) emit({ type: 'output', name, path: join(folder, name) })
  emit({ type: 'done', seconds: (performance.now() - started) / 1000, folder })
  return { finished: true, folder }
}

const withoutPainted = ({ painted: _, ...options }: AtlasSourceOptions & { readonly painted?: PaintedLayers }): AtlasSourceOptions => options

/**
 * The job that options ask for: a new run, or the continuation of one.
 * @throws OPTION_INVALID for options that a continued run cannot take
 */
export function videoJobOf({ resume, ...options }: GivenVideoOptions & { readonly resume?: string | null | undefined }, goal: VideoPlan['goal']): VideoJob {
  if (resume === undefined || resume === null) return { kind: 'start', options, goal }
  const { steps, device, threads, previewEvery, json: _json, force: _force, ...others } = options
  const misplaced = Object.entries(others).find(([, value]) => value !== undefined && value !== null)
  if (misplaced !== undefined) {
    throw new Text2LiveError('OPTION_INVALID',
      `A run is continued with the ${misplaced[0]} it was started with; leave that out beside --resume, or start a new run.`)
  }
  return { kind: 'resume', folder: resume, options: { steps, device, threads, previewEvery } }
}
