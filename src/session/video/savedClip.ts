import type { LayerName } from '../../atlas/layeredAtlas.js'
import { Text2LiveError } from '../../errors.js'
import type { FloatImage } from '../../media/image.js'
import { withoutSecrets } from '../../models/withoutSecrets.js'
import { readTableConfig } from '../../options/configFile.js'
import { resolveVideoSettings } from '../../options/resolveVideoSettings.js'
import type { GivenVideoOptions, VideoSettings } from '../../options/videoOptions.js'
import { videoTable } from '../../options/videoTable.js'
import { writeTableConfig } from '../../options/writeConfig.js'
import { readState } from '../checkpoint.js'
import { differingSettings } from '../differingSettings.js'
import { checkedEvents } from '../eventLog.js'
import { type GuidanceAccess, hereOnly } from '../guidanceAccess.js'
import { readRunConfig } from '../readRunConfig.js'
import { drawSeed } from '../savedRun.js'
import type { RunStore } from '../store.js'
import { stageReport } from '../stages.js'
import type { VideoEvent } from '../videoEvents.js'
import { readFittedAtlas } from './atlasStage.js'
import { clipGround } from './clipGround.js'
import type { ClipMachine } from './clipMachine.js'
import { clipFingerprint, clipSession, type EmitVideo, tellEnd } from './clipSession.js'
import { type ClipBelow, keptClips } from './clipsBelow.js'
import { lastPart } from './fileNames.js'
import { readMetrics } from './metricsStage.js'
import { inOrder, isMaskName } from './readFrameMasks.js'
import { removeTransientCheckpoints } from './removeTransientCheckpoints.js'
import { renderStage } from './renderStage.js'
import { editedLayers, measured, runVideo, type VideoPlan, type VideoResult } from './runVideo.js'
import { fitting, readEdit, trainerInput } from './trainStage.js'
import type { VideoEnvironment } from './videoEnvironment.js'
import { checkpoints, videoFiles, videoOutputFiles } from './videoFiles.js'
import { type ClipFinder, readVideoInput, standingOn, type VideoInput } from './videoInput.js'

/** What continuing or rendering a run over a clip needs besides its store. */
export interface SavedClipAccess {
  readonly store: RunStore
  readonly machine: ClipMachine
  readonly find: ClipFinder
  /**
   * What the run stands on as the runs that it came from have it now, for rendering. Default: the run's own copies.
   * @param note is told what was taken
   */
  readonly present?: (own: readonly ClipBelow[], note: (message: string) => void) => Promise<readonly ClipBelow[]>
}

/** Is it the run of a clip, by its config.yaml? @throws RUN_INVALID */
export const isClipRun = async (store: Pick<RunStore, 'file' | 'read'>): Promise<boolean> =>
  /^clip:/m.test(await readRunConfig(store))

/** The settings of a run; files in them have the names that they have in it. @throws RUN_INVALID, CONFIG_* */
export async function readVideoSettings(store: Pick<RunStore, 'file' | 'read'>): Promise<VideoSettings> {
  const path = store.file(videoFiles.config)
  const { options } = readTableConfig<GivenVideoOptions>(videoTable, await readRunConfig(store), path)
  const settings = resolveVideoSettings([options], drawSeed)
  return { ...settings, guidance: settings.guidance.map(withoutSecrets) }
}

/** @throws RUN_INVALID where the settings name no clip */
export function assertClip(store: Pick<RunStore, 'file'>, { clip }: VideoSettings): void {
  if (clip !== null) return
  throw new Text2LiveError(
    'RUN_INVALID',
    `${store.file(videoFiles.config)} names no clip. The folder cannot be continued; start a new run.`,
  )
}

/** Finds the files of a run in its store. */
export function filesIn(store: Pick<RunStore, 'file' | 'read' | 'list'>): ClipFinder {
  const named = async (name: string, key: string): Promise<{ readonly name: string; readonly bytes: Uint8Array }> => {
    const bytes = await store.read(name)
    if (bytes !== null) return { name: store.file(name), bytes }
    throw new Text2LiveError(
      'RUN_INVALID',
      `${store.file(videoFiles.config)} names "${name}" as its ${key}, and there is no such file in the run. ` +
        'A run over a folder of images is continued by the command line; else take another copy of the run, or start a new one.',
    )
  }
  return {
    clip: (name) => named(name, 'clip'),
    mask: (name) => named(name, 'mask'),
    async masks(name) {
      const inside = inOrder((await store.list(name)).filter(isMaskName))
      if (inside.length === 0)
        return {
          name: store.file(name),
          isFolder: false,
          files: [{ name: lastPart(name), source: await named(name, 'object') }],
        }
      const files = []
      for (const file of inside) files.push({ name: file, source: await named(`${name}/${file}`, 'object') })
      return { name: store.file(name), isFolder: true, files }
    },
  }
}

/** A run whose settings have no prompt is that of an atlas alone. */
const goalOf = ({ prompt, foregroundPrompt, backgroundPrompt }: VideoSettings): VideoPlan['goal'] =>
  prompt.length + foregroundPrompt.length + backgroundPrompt.length > 0 ? 'edit' : 'atlas'

/**
 * Continues a run over a clip from the last checkpoint of the stage that it was in, bit for bit on the CPU.
 * @param given what is said now: free options (steps, device, ...) may differ from the run's own
 * @param access where models may come from
 * @throws RUN_INVALID, CHECKPOINT_*, SAFETENSORS_INVALID, and what a new run throws
 */
export async function continueClip(
  run: SavedClipAccess,
  given: GivenVideoOptions,
  environment: VideoEnvironment,
  emit: EmitVideo,
  access: GuidanceAccess = hereOnly,
): Promise<VideoResult> {
  const { store, machine } = run
  const saved = await readVideoSettings(store)
  const asked = environment.control?.steps ?? null
  const settings = resolveVideoSettings([saved, given, asked === null ? {} : { steps: asked }], drawSeed)
  const differing = differingSettings(videoTable, saved, settings)
  if (differing.length > 0) {
    throw new Text2LiveError(
      'CHECKPOINT_MISMATCH',
      `A run is continued with the settings it was started with. These differ: ${differing.join(', ')}. ` +
        'Leave them out beside --resume, or start a new run.',
    )
  }
  const goal = goalOf(settings)
  const before = await finishedBefore(store, settings, machine)
  if (before !== null) {
    emit({ type: 'done', seconds: 0, folder: store.path, already: true })
    return before
  }
  if (JSON.stringify(settings) !== JSON.stringify(saved))
    await store.write(videoFiles.config, writeTableConfig(videoTable, settings))
  await machine.prepare(goal)
  const input = await readSavedInput(run, settings, environment.signal, emit)
  const fingerprint = clipFingerprint(settings, input)
  // Steps beyond the last checkpoint of a layer are taken back, with all that followed them.
  const steps = new Map<string, number>()
  for (const layer of editedLayers(settings))
    steps.set(layer, (await readState(store, checkpoints.training(layer), fingerprint))?.step ?? 0)
  return await runVideo(
    {
      settings,
      input,
      store,
      machine,
      access,
      goal,
      early: [],
      beyond: (event) => event.type === 'step' && event.step > (steps.get(event.layer) ?? 0),
      ...environment,
    },
    emit,
  )
}

/** What a run keeps of its input. @throws RUN_INVALID, and as `readVideoInput` */
async function readSavedInput(
  { store, machine, find }: SavedClipAccess,
  settings: VideoSettings,
  signal: AbortSignal,
  emit: EmitVideo,
): Promise<VideoInput> {
  assertClip(store, settings)
  const below = await keptClips(store, settings.over)
  return standingOn(await readVideoInput(settings, find, machine, signal, stageReport('clip', emit)), below, machine)
}

async function finishedBefore(
  store: RunStore,
  settings: VideoSettings,
  { clips }: Pick<ClipMachine, 'clips'>,
): Promise<VideoResult | null> {
  const events = checkedEvents(await store.read(videoFiles.events), store.file(videoFiles.events)) as VideoEvent[]
  const isAtlas = goalOf(settings) === 'atlas'
  const trained =
    isAtlas ||
    editedLayers(settings).every((layer) =>
      events.some((event) => event.type === 'step' && event.layer === layer && event.step >= settings.steps),
    )
  const metrics = await readMetrics(store)
  if (events.at(-1)?.type !== 'done' || !trained || metrics === null) return null
  const { edited, editLayer, losses } = videoOutputFiles
  for (const name of isAtlas ? [videoFiles.atlas] : [edited, editLayer, losses]) {
    if (await store.has(name)) continue
    // What this machine cannot write is not missing on it.
    const format = name === edited ? 'mp4' : name === editLayer ? 'webm-alpha' : null
    if (format === null || (await clips.canWrite(format, 256, 256))) return null
  }
  return { finished: true, settings, folder: store.path, metrics }
}

/**
 * Writes the outputs of a run over a clip again, from the state that its training has reached, without training.
 * @throws RUN_INVALID; CHECKPOINT_INVALID where nothing was trained yet
 */
export async function renderClip(
  run: SavedClipAccess,
  { signal, openTrainer }: Pick<VideoEnvironment, 'signal' | 'openTrainer'>,
  emit: EmitVideo,
): Promise<VideoResult> {
  const { store, machine, present } = run
  const settings = await readVideoSettings(store)
  const own = await readSavedInput(run, settings, signal, emit)
  const note = (message: string): void => emit({ type: 'note', message })
  const below = own.below.length === 0 ? own.below : ((await present?.(own.below, note)) ?? own.below)
  // The state is that of the run's own copies; what it is laid over may have become another.
  const input = { ...own, below }
  const atlas = await readFittedAtlas({ settings, input, store, machine })
  if (atlas === null) throw nothingYet(store.path)
  const session = clipSession({ settings, input, machine, access: hereOnly, signal, emit, early: [] })
  try {
    await session.begin(store)
    const { fingerprint } = session
    const ground = await clipGround(session, atlas)
    const edits: { -readonly [Layer in LayerName]?: FloatImage } = {}
    let steps = 0
    for (const layer of editedLayers(settings)) {
      const state = await readState(store, checkpoints.training(layer), fingerprint)
      const drawn = await readEdit(session, layer)
      if (state === null) continue
      steps += state.step
      if (drawn?.step === state.step) {
        edits[layer] = (await fitting(drawn, atlas, layer)).edit
        continue
      }
      edits[layer] = await session.stage(
        'training',
        async () => {
          const opened = trainerInput({ settings, input, access: hereOnly }, ground, layer, state)
          const trainer = await openTrainer(opened, emit, signal)
          try {
            return await trainer.edit()
          } finally {
            await trainer.dispose()
          }
        },
        layer,
      )
    }
    if (Object.keys(edits).length === 0) throw nothingYet(store.path)
    const rendered = await session.stage('rendering', () => renderStage(session, atlas, ground, edits))
    const metrics = await measured(session, atlas, rendered)
    const finished = steps >= settings.steps * editedLayers(settings).length
    if (finished) await removeTransientCheckpoints(store)
    session.emit({ type: 'done', seconds: session.seconds, folder: store.path })
    return { finished, settings, folder: store.path, metrics }
  } catch (error) {
    tellEnd(session, error)
    throw error
  } finally {
    session.close()
  }
}

const nothingYet = (path: string): Text2LiveError =>
  new Text2LiveError(
    'CHECKPOINT_INVALID',
    `${path} holds no trained edit yet, so there is nothing to render. Continue the run first: text2live video --resume ${path}`,
  )
