import type { LayeredAtlas, LayerName } from '../../atlas/layeredAtlas.js'
import { Text2LiveError } from '../../errors.js'
import type { VideoSettings } from '../../options/videoOptions.js'
import type { GuidanceAccess } from '../guidanceAccess.js'
import type { RunControl } from '../runControl.js'
import type { RunStore } from '../store.js'
import { clipGround, type ClipGround, type LayerEdits } from './clipGround.js'
import type { ClipMachine } from './clipMachine.js'
import { type ClipSession, clipSession, type EmitVideo, tellEnd } from './clipSession.js'
import {
  type AtlasEvidence,
  atlasEvidence,
  fitAtlas,
  isFit,
  readFittedAtlas,
  takeAtlas,
  type OpenedAtlas,
} from './atlasStage.js'
import { flowStage, hasFlow } from './flowStage.js'
import { masksStage } from './masksStage.js'
import { metricsStage, type VideoMetrics } from './metricsStage.js'
import type { OpenVideoTrainer } from './openVideoTrainer.js'
import { renderStage, type RenderedClip } from './renderStage.js'
import { trainStage, type TrainedEdit } from './trainStage.js'
import type { VideoEvent } from '../videoEvents.js'
import { videoFiles } from './videoFiles.js'
import type { VideoInput } from './videoInput.js'
import { removeTransientCheckpoints } from './removeTransientCheckpoints.js'

/** Everything that a run over a clip needs, validated; the run releases the store. */
export interface VideoPlan {
  readonly settings: VideoSettings
  readonly input: VideoInput
  readonly store: RunStore
  readonly machine: ClipMachine
  readonly access: GuidanceAccess
  readonly signal: AbortSignal
  readonly openTrainer: OpenVideoTrainer
  readonly control?: RunControl | undefined
  /** `atlas`: fit and measure the atlas, train nothing. */
  readonly goal: 'edit' | 'atlas'
  /** The atlas that the settings name, where it was opened to see that it fits. */
  readonly opened?: (OpenedAtlas & { readonly bytes: number }) | null
  /** Events from before the store was made. */
  readonly early: readonly VideoEvent[]
  /** Holds for the first event of the log that is taken back, of a run that goes on. */
  readonly beyond?: (event: VideoEvent) => boolean
}

/** What a run leaves. */
export interface VideoResult {
  /** All was done; false for a run that was stopped, which `resume` continues. */
  readonly finished: boolean
  readonly settings: VideoSettings
  readonly folder: string
  readonly metrics: VideoMetrics | null
}

/** The layers that the settings ask to edit, in order. */
export const editedLayers = ({ layer }: Pick<VideoSettings, 'layer'>): readonly LayerName[] =>
  layer === 'both' ? ['foreground', 'background'] : [layer]

/**
 * Clip, flow, masks, atlas, edits, rendering, metrics: each stage goes on from its last checkpoint. When the signal
 * aborts, the state reached is kept.
 * @throws what the stages throw, but for INTERRUPTED, which is a result
 */
export async function runVideo(plan: VideoPlan, emit: EmitVideo): Promise<VideoResult> {
  const { store } = plan
  const session = clipSession({ ...plan, emit })
  try {
    await session.begin(store, plan.beyond)
    tellStart(session)
    const atlas = await fittedAtlas(session, plan)
    const metrics = plan.goal === 'atlas' ? await measured(session, atlas, null) : await edited(session, plan, atlas)
    await removeTransientCheckpoints(store)
    session.emit({ type: 'done', seconds: session.seconds, folder: store.path })
    return { finished: true, settings: session.settings, folder: store.path, metrics }
  } catch (error) {
    tellEnd(session, error)
    if (error instanceof Text2LiveError && error.code === 'INTERRUPTED')
      return { finished: false, settings: session.settings, folder: store.path, metrics: null }
    throw error
  } finally {
    session.close()
  }
}

function tellStart({ settings, input, store, emit }: ClipSession): void {
  const { width, height } = input.clip.sourceSize
  const { timestamps, durations } = input.clip.timing
  const seconds = (timestamps.at(-1) ?? 0) + (durations.at(-1) ?? 0) - (timestamps[0] ?? 0)
  emit({
    type: 'run-start',
    settings,
    folder: store.path,
    clip: { width, height, frames: input.frames.pixels.length, seconds },
    frame: { width: input.frames.width, height: input.frames.height },
  })
}

/** The flow and the masks are let go before the fit, which needs the memory, as training does. */
async function fittedAtlas(session: ClipSession, { settings, opened = null }: VideoPlan): Promise<LayeredAtlas> {
  if (opened !== null) return await session.stage('atlas', () => Promise.resolve(takeAtlas(session, opened)))
  const saved = await readFittedAtlas(session)
  if (saved !== null) return saved
  if (!isFit(settings.atlas)) {
    throw new Text2LiveError(
      'RUN_INVALID',
      `${session.store.path} was made with the atlas "${settings.atlas}" and should hold a copy of it, ${videoFiles.atlas}; there is none, and nothing outside a run ` +
        'folder is read. Start a new run with --atlas.',
    )
  }
  const evidence = await evidenceOf(session)
  return await session.stage('atlas', () => fitAtlas(session, evidence))
}

/** What holds the flow and the masks ends here. */
async function evidenceOf(session: ClipSession): Promise<AtlasEvidence> {
  const flow = await session.stage('flow', () => flowStage(session))
  return await session.stage('masks', async () => atlasEvidence(session, flow, await masksStage(session, flow)))
}

/** With an atlas that was there already, nobody needed the flow so far. */
export async function measured(
  session: ClipSession,
  atlas: LayeredAtlas,
  rendered: RenderedClip | null,
): Promise<VideoMetrics> {
  if (!(await hasFlow(session))) await session.stage('flow', () => flowStage(session))
  return await session.stage('metrics', () => metricsStage(session, atlas, rendered))
}

/** Training, rendering and metrics; again where more steps were asked for meanwhile. */
async function edited(session: ClipSession, plan: VideoPlan, atlas: LayeredAtlas): Promise<VideoMetrics> {
  const ground = await clipGround(session, atlas)
  for (;;) {
    const { edits, step } = await trained(session, plan, ground)
    const rendered = await session.stage('rendering', () => renderStage(session, atlas, ground, edits))
    const metrics = await measured(session, atlas, rendered)
    await session.followControl()
    if (step >= session.settings.steps) return metrics
  }
}

/** Trains each layer, also on when more steps are asked for while a later layer is trained. */
async function trained(
  session: ClipSession,
  { openTrainer }: VideoPlan,
  ground: ClipGround,
): Promise<{ readonly edits: LayerEdits; readonly step: number }> {
  const layers = editedLayers(session.settings)
  const reached = new Map<LayerName, TrainedEdit>()
  for (;;) {
    const layer = layers.find((each) => (reached.get(each)?.step ?? -1) < session.settings.steps)
    if (layer === undefined) break
    reached.set(layer, await session.stage('training', () => trainStage(session, ground, layer, openTrainer), layer))
  }
  return {
    edits: Object.fromEntries([...reached].map(([layer, { edit }]) => [layer, edit])),
    step: Math.min(...[...reached.values()].map(({ step }) => step)),
  }
}
