import { z } from 'zod'
import { evaluateAtlas } from '../../atlas/evaluateAtlas.js'
import type { LayeredAtlas } from '../../atlas/layeredAtlas.js'
import { warpError } from '../../atlas/warpError.js'
import { flowStage } from './flowStage.js'
import type { RenderedClip } from './renderStage.js'
import type { RunStore } from '../store.js'
import type { VideoEvent } from '../videoEvents.js'
import { videoOutputFiles } from './videoFiles.js'
import type { StageTools } from './clipSession.js'

/** The numbers of a run, under the names that metrics.json has. */
export interface VideoMetrics {
  /** Of the atlas's reconstruction of the clip, dB: the mean over the frames, the worst, and each. */
  readonly psnr: number
  readonly psnr_min: number
  readonly psnr_per_frame: readonly number[]
  /** How far the atlas positions of a point lie apart in neighbouring frames, px. */
  readonly flow_consistency?: number
  /** Overlap of the atlas's opacity and the masks that were given. */
  readonly opacity_iou?: number
  /**
   * Mean squared difference of each frame and the next one brought back along the flow, of the clip as it was and
   * edited.
   */
  readonly warp_error_input: number
  readonly warp_error_output?: number
  /**
   * Mean alpha of the edit layer on the foreground (of the masks that were given, else of the atlas's opacity), and off
   * it.
   */
  readonly alpha_inside?: number
  readonly alpha_outside?: number
  /** Over all processes that the run took. Memory in bytes, where the machine told. */
  readonly stages: Readonly<Record<string, { readonly seconds: number; readonly peak_memory?: number }>>
}

const number = z.number().nullable()
/** What metrics.json holds; see `VideoMetrics`. A number that is not finite is null. */
export const metricsSchema = z.looseObject({
  psnr: number,
  psnr_min: number,
  psnr_per_frame: z.array(number),
  warp_error_input: number,
  warp_error_output: number.optional(),
  flow_consistency: number.optional(),
  opacity_iou: number.optional(),
  alpha_inside: number.optional(),
  alpha_outside: number.optional(),
  stages: z.record(z.string(), z.object({ seconds: z.number(), peak_memory: z.number().optional() })),
})

/**
 * The numbers of a run that has measured before; null where the file is missing or holds something else, so that it is
 * measured again. @throws RUN_INVALID for what is no regular file
 */
export async function readMetrics(store: Pick<RunStore, 'read'>): Promise<VideoMetrics | null> {
  const bytes = await store.read(videoOutputFiles.metrics)
  try {
    return bytes === null
      ? null
      : (metricsSchema.parse(JSON.parse(new TextDecoder().decode(bytes))) as unknown as VideoMetrics)
  } catch {
    return null
  }
}

/**
 * Measures the atlas and the edit and writes metrics.json. The flow comes from its checkpoints.
 * @throws INTERRUPTED, DISK_FULL
 */
export async function metricsStage(
  tools: StageTools,
  atlas: LayeredAtlas,
  rendered: RenderedClip | null,
): Promise<VideoMetrics> {
  const { input, store, signal, report, emit } = tools
  const { frames, object } = input
  const flow = await flowStage(tools)
  const quality = await evaluateAtlas(atlas, frames, {
    flow,
    signal,
    onProgress: report,
    ...(object === null ? {} : { masks: object }),
  })
  const shares =
    rendered === null
      ? {}
      : {
          warp_error_output: warpError(rendered.frames, flow).mean,
          ...(await alphaShares(atlas, rendered, object)),
        }
  const metrics: VideoMetrics = {
    psnr: quality.meanPsnr,
    psnr_min: Math.min(...quality.psnr),
    psnr_per_frame: quality.psnr,
    ...(quality.flowConsistency === undefined ? {} : { flow_consistency: quality.flowConsistency }),
    ...(quality.opacityIou === undefined ? {} : { opacity_iou: quality.opacityIou }),
    warp_error_input: warpError(frames, flow).mean,
    ...shares,
    stages: stageCosts(tools.events()),
  }
  await store.write(videoOutputFiles.metrics, `${JSON.stringify(metrics, null, 2)}\n`)
  emit({ type: 'output', name: 'metrics', path: store.file(videoOutputFiles.metrics) })
  return metrics
}

async function alphaShares(
  atlas: LayeredAtlas,
  { alphas }: RenderedClip,
  object: StageTools['input']['object'],
): Promise<{ alpha_inside: number; alpha_outside: number }> {
  const sums = { inside: 0, outside: 0, within: 0, without: 0 }
  for (const [t, alpha] of alphas.entries()) {
    const share = (object?.get(t) ?? (await atlas.opacity(t))).data
    for (let i = 0; i < share.length; i++) {
      sums.inside += (share[i]! * alpha[i]!) / 255
      sums.outside += ((1 - share[i]!) * alpha[i]!) / 255
      sums.within += share[i]!
      sums.without += 1 - share[i]!
    }
  }
  return {
    alpha_inside: sums.inside / Math.max(sums.within, 1e-9),
    alpha_outside: sums.outside / Math.max(sums.without, 1e-9),
  }
}

function stageCosts(events: readonly VideoEvent[]): VideoMetrics['stages'] {
  const costs: Record<string, { seconds: number; peak_memory?: number }> = {}
  for (const event of events) {
    if (event.type !== 'stage-done') continue
    const name = event.layer === undefined ? event.stage : `${event.stage}_${event.layer}`
    const before = costs[name]
    const peaks = [before?.peak_memory, event.peakMemory].filter((peak) => peak !== undefined)
    costs[name] = {
      seconds: (before?.seconds ?? 0) + event.seconds,
      ...(peaks.length === 0 ? {} : { peak_memory: Math.max(...peaks) }),
    }
  }
  return costs
}
