import { NeuralAtlas } from '../../atlas/neural/neuralAtlas.js'
import type { Device, Runtime } from '../../engine/runtime.js'
import { Text2LiveError } from '../../errors.js'
import { minGeneratorSide } from '../../options/resolveSettings.js'
import type { GivenVideoOptions, VideoSettings } from '../../options/videoOptions.js'
import { videoTable } from '../../options/videoTable.js'
import { writeTableConfig } from '../../options/writeConfig.js'
import type { GuidanceAccess } from '../guidanceAccess.js'
import { runtimeOf } from '../openTrainer.js'
import type { RunStore } from '../store.js'
import { atlasBytes } from './atlasFile.js'
import { isFit, type OpenedAtlas } from './atlasStage.js'
import type { ClipMachine } from './clipMachine.js'
import type { EmitVideo } from './clipSession.js'
import { assertSameAtlas, atlasDigest, clipBelowFiles } from './clipsBelow.js'
import { editedLayers, runVideo, type VideoPlan, type VideoResult } from './runVideo.js'
import type { ClipsBelow } from './takeClips.js'
import type { VideoEnvironment } from './videoEnvironment.js'
import { inStage, remembering, stageReport } from '../stages.js'
import type { VideoEvent } from '../videoEvents.js'
import { videoFiles } from './videoFiles.js'
import { type ClipFinder, type KeptInput, readVideoInput, standingOn, type VideoInput } from './videoInput.js'

/** A run over a clip that is to begin. */
export interface ClipStart {
  readonly settings: VideoSettings
  /** What was said, each above the one before. */
  readonly layers: readonly GivenVideoOptions[]
  readonly goal: VideoPlan['goal']
  readonly find: ClipFinder
  readonly access: GuidanceAccess
  /** What the run is painted over. */
  readonly below?: ClipsBelow | undefined
  /** The device that the run uses; `auto` becomes the fastest that works. @throws DEVICE_UNAVAILABLE */
  device(asked: VideoSettings['device']): Promise<Device>
  /** What a guidance model is called wherever the run is continued. */
  portable(guidance: string): string
  /** The atlas that the settings name, where they ask for no fit. @throws INPUT_NOT_FOUND, ATLAS_* */
  openAtlas(settings: VideoSettings, frames: VideoInput['frames'], runtime: Runtime): Promise<OpenedAtlas>
  /** What the run keeps of its input, and what its settings call that. */
  keep(settings: VideoSettings, input: VideoInput): Promise<KeptInput>
  /**
   * Makes the run's store, with `own` and what is kept of the input in it; `source` is the clip that is read from now
   * on.
   */
  make(
    input: VideoInput,
    kept: KeptInput,
    own: Readonly<Record<string, Uint8Array | string>>,
  ): Promise<{ readonly store: RunStore; readonly source: VideoInput['source'] }>
  /** Events from before. */
  readonly early?: readonly VideoEvent[]
}

/**
 * Reads the input, tells what was taken for what, checks texts and atlas, makes the run's store and runs all stages.
 * @throws PROMPT_*, INPUT_*, CLIP_*, MASK_INVALID, DEVICE_*, ATLAS_*, GUIDANCE_*, ... before anything is written
 */
export async function startClip(
  start: ClipStart,
  machine: ClipMachine,
  environment: VideoEnvironment,
  emitOutside: EmitVideo,
): Promise<VideoResult> {
  const { settings, goal, access } = start
  const { signal } = environment
  const { emit, events: early } = remembering(emitOutside)
  if (goal === 'edit') assertPrompts(settings)
  const below = start.below?.layers ?? []
  for (const message of start.below?.notes ?? []) emit({ type: 'note', message })
  const input = standingOn(await readInput(start, machine, signal, emit), below, machine)
  announce(input, start, emit)
  const device = await start.device(settings.device)
  if (device !== settings.device) emit({ type: 'note', message: `device: ${device}, the fastest that works here` })

  const resolved = { ...settings, guidance: settings.guidance.map((name) => start.portable(name)), device }
  await environment.checkTexts(resolved, goal === 'edit' ? editedLayers(settings) : [], emit, signal, access)
  const opened = isFit(settings.atlas)
    ? null
    : await start.openAtlas(settings, input.frames, await runtimeOf(machine, resolved))
  if (opened?.atlas instanceof NeuralAtlas) await opened.atlas.prepare({ signal })
  const atlas = opened === null ? null : atlasBytes(opened.atlas, input.clipDigest)
  if (atlas !== null && below.length > 0) assertSameAtlas(atlasDigest(atlas, settings.atlas, machine), below)
  const kept = await start.keep(resolved, input)
  signal.throwIfAborted()
  const { store, source } = await start.make(input, kept, {
    ...(atlas === null ? {} : { [videoFiles.atlas]: atlas }),
    ...clipBelowFiles(below),
    [videoFiles.config]: writeTableConfig(videoTable, kept.settings),
  })
  try {
    return await runVideo(
      {
        settings: kept.settings,
        input: { ...input, source },
        store,
        machine,
        access,
        goal,
        early: [...(start.early ?? []), ...early],
        opened: opened === null || atlas === null ? null : { ...opened, bytes: atlas.byteLength },
        ...environment,
      },
      emitOutside,
    )
  } finally {
    store.release()
  }
}

const readInput = (
  { settings, find }: ClipStart,
  machine: ClipMachine,
  signal: AbortSignal,
  emit: EmitVideo,
): Promise<VideoInput> =>
  inStage({ stage: 'clip' } as const, machine, emit, () =>
    readVideoInput(settings, find, machine, signal, stageReport('clip', emit)),
  )

/** Tells what was taken for what. */
export function announce(
  { notes, frames }: Pick<VideoInput, 'notes' | 'frames'>,
  { settings, layers, goal }: Pick<ClipStart, 'settings' | 'layers' | 'goal'>,
  emit: EmitVideo,
): void {
  for (const message of notes) emit({ type: 'note', message })
  const { width, height } = frames
  if (goal === 'edit' && Math.min(width, height) < minGeneratorSide) {
    // The fit of the atlas, which comes first, takes any size.
    emit({
      type: 'note',
      message: `frames of ${width}x${height} are too small to train an edit on, which needs ${minGeneratorSide} px on each side; use a larger --size, or enlarge the clip`,
    })
  }
  if ((lastGivenOf(layers, 'seed') ?? -1) === -1) emit({ type: 'note', message: `seed: ${settings.seed}, drawn` })
}

/** @throws PROMPT_EMPTY */
export function assertPrompts(settings: VideoSettings): void {
  for (const layer of editedLayers(settings)) {
    const own = layer === 'foreground' ? settings.foregroundPrompt : settings.backgroundPrompt
    if (settings.prompt.length + own.length > 0) continue
    throw new Text2LiveError(
      'PROMPT_EMPTY',
      `A prompt is needed: say what the edited ${settings.layer === 'both' ? `${layer} (--${layer}-prompt)` : 'clip'} shows. ` +
        'For example: text2live video swan.mp4 "golden swan" --source swan --region swan',
    )
  }
}

/**
 * The settings of a run that is painted over others: the atlas is theirs, unless one is named.
 * @throws OPTION_INVALID where an atlas is to be fitted, or nothing is painted
 */
export function withAtlasBelow(
  settings: VideoSettings,
  layers: readonly GivenVideoOptions[],
  over: readonly string[],
  goal: VideoPlan['goal'],
): VideoSettings {
  if (over.length === 0) return settings
  const named = lastGivenOf(layers, 'atlas') !== undefined
  if (goal === 'edit' && (!named || !isFit(settings.atlas))) return named ? settings : { ...settings, atlas: over[0]! }
  throw new Text2LiveError(
    'OPTION_INVALID',
    `A run that is painted over others (--over) shares their atlas; ${goal === 'edit' ? `with --atlas ${settings.atlas} it would have one of its own. Leave --atlas out` : 'an atlas alone is painted over nothing. Leave --over out'}.`,
  )
}

/** The value of an option in the highest layer that gives it. */
export const lastGivenOf = (layers: readonly GivenVideoOptions[], name: keyof GivenVideoOptions): unknown =>
  layers.findLast((layer) => layer[name] !== undefined && layer[name] !== null)?.[name]
