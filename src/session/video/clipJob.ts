import { clipName } from '../../media/clipCodec.js'
import { bytesOf, type PictureSource } from '../../media/imageCodec.js'
import type { Device } from '../../engine/runtime.js'
import { Text2LiveError } from '../../errors.js'
import { withoutSecrets } from '../../models/withoutSecrets.js'
import { assertRegionMap, validateLayer } from '../../options/resolveSettings.js'
import { resolveVideoSettings } from '../../options/resolveVideoSettings.js'
import type { GivenVideoOptions, VideoSettings } from '../../options/videoOptions.js'
import { videoTable } from '../../options/videoTable.js'
import { accessTo } from '../guidanceAccess.js'
import type { JobOf } from '../job.js'
import { runStem } from '../queue/runName.js'
import { drawSeed } from '../savedRun.js'
import type { RunControl } from '../runControl.js'
import type { RunStore } from '../store.js'
import { assertOverByName, type LookedAt, orNone } from '../takeLayers.js'
import { assertAtlasFits, readAtlasFile } from './atlasFile.js'
import type { OpenedAtlas } from './atlasStage.js'
import type { ClipMachine } from './clipMachine.js'
import { inOrder } from './readFrameMasks.js'
import { paintClip } from './paintClip.js'
import type { VideoResult } from './runVideo.js'
import { continueClip, filesIn, renderClip, type SavedClipAccess } from './savedClip.js'
import { startClip, withAtlasBelow } from './startClip.js'
import { presentClips, takeClips } from './takeClips.js'
import { environmentOn } from './videoEnvironment.js'
import { videoFiles } from './videoFiles.js'
import { type ClipFinder, keptInput, type VideoInput } from './videoInput.js'
import type { EmitVideo } from './clipSession.js'

/** A machine that keeps runs of clips. */
export interface ClipHost extends ClipMachine {
  readonly runs: {
    make(name: string, contents: Readonly<Record<string, Uint8Array | string>>): Promise<RunStore>
    open(name: string): Promise<RunStore>
    look(name: string): Promise<LookedAt>
    delete?(name: string): Promise<void>
  }
  /** The device that a run uses; `auto` becomes the fastest that works. @throws DEVICE_UNAVAILABLE */
  device(asked: VideoSettings['device']): Promise<Device>
}

/** What is edited, and how; files as a job has them, see `jobSchema`. */
export type ClipInput = Pick<JobOf<'video'>, 'options' | 'clip' | 'object' | 'mask'>

/** What the job of a clip leaves. */
export interface ClipRun {
  readonly finished: boolean
  /** Steps of the layer that was trained last. */
  readonly step: number
  readonly settings: VideoSettings
  readonly store: RunStore
  readonly files: null
}

/**
 * Begins a run over a clip whose files are bytes, and keeps it in the machine's runs.
 * @throws OPTION_*, PROMPT_*, INPUT_*, CLIP_*, MASK_INVALID, ATLAS_*, DEVICE_*, GUIDANCE_*, ... before anything is
 *   kept; and all that the stages throw
 */
export async function beginClip(
  { options, clip, object, mask, goal = 'edit', over = [], run }: JobOf<'video'>,
  machine: ClipHost,
  signal: AbortSignal,
  emit: EmitVideo,
  control?: RunControl,
): Promise<ClipRun> {
  const given = givenOf({ options, clip, object, mask })
  assertOverByName(options)
  const layers = [given]
  const settings = withAtlasBelow(resolveVideoSettings(layers, drawSeed), layers, over, goal)
  const below = over.length === 0 ? undefined : await takeClips(over, (name) => machine.runs.look(name), machine)
  assertRegionMap([validateLayer(videoTable, given)], settings)
  await machine.prepare(goal)
  const find = finderOf({ clip, object, mask })
  const made: { store: RunStore | null } = { store: null }
  const steps = stepCounter(emit)
  try {
    const result = await startClip(
      {
        settings,
        layers,
        goal,
        below,
        find,
        access: accessTo(settings.guidance),
        device: (asked) => machine.device(asked),
        portable: withoutSecrets,
        openAtlas: (asked, frames, runtime) => atlasOf(machine, asked, frames, runtime),
        keep: (own, input) => keptInput(own, input, find),
        async make({ source }, { files, settings: kept }, own) {
          const contents = Object.fromEntries(Object.entries(files).map(([name, file]) => [name, inBytes(file)]))
          const store = await machine.runs.make(run ?? runStem(clipName(source)), { ...contents, ...own })
          made.store = store
          return { store, source: { name: store.file(kept.clip!), bytes: contents[kept.clip!]! } }
        },
      },
      machine,
      environmentOn(machine, signal, control),
      steps.emit,
    )
    return clipRun(result, made.store!, steps)
  } catch (error) {
    // An object that cannot be found, for instance, is bad input too: nothing is left of a run that cannot go on.
    const isInput = error instanceof Text2LiveError && error.exitStatus === 2
    if (isInput && made.store !== null && !(await made.store.has(videoFiles.atlas)))
      await machine.runs.delete?.(made.store.path)
    throw error
  }
}

/**
 * Goes on with a run over a clip, or writes its outputs again.
 * @param store of the run, which the caller holds
 * @throws RUN_INVALID, CHECKPOINT_*, SAFETENSORS_INVALID, and what a new run throws
 */
export async function takeUpClip(
  job: { readonly kind: 'resume'; readonly options: object } | { readonly kind: 'render' } | { readonly kind: 'paint' },
  store: RunStore,
  machine: ClipHost,
  signal: AbortSignal,
  emit: EmitVideo,
  control?: RunControl,
): Promise<ClipRun> {
  const beside = (name: string): Promise<LookedAt | null> => orNone(machine.runs.look(name))
  const saved: SavedClipAccess = {
    store,
    machine,
    find: filesIn(store),
    present: (own, note) => presentClips(own, beside, machine, note),
  }
  const steps = stepCounter(emit)
  const environment = environmentOn(machine, signal, control)
  if (job.kind === 'render') return clipRun(await renderClip(saved, environment, steps.emit), store, steps)
  if (job.kind === 'paint') return clipRun(await paintClip(saved, environment, emit), store, steps)
  const given = job.options as GivenVideoOptions
  const named = (validateLayer(videoTable, given)['guidance'] ?? []) as readonly string[]
  const access = named.length === 0 ? undefined : accessTo(named)
  return clipRun(await continueClip(saved, given, environment, steps.emit, access), store, steps)
}

/** The options with the names of the files that come with them. */
export const givenOf = ({ options, clip, object, mask }: ClipInput): GivenVideoOptions => ({
  ...options,
  clip: clip === null ? undefined : clipName(clip),
  object: object === null ? undefined : typeof object === 'string' ? object : masksName(object),
  mask: mask === null ? undefined : clipName(mask),
})

const masksName = (masks: readonly { readonly name: string }[]): string =>
  masks.length === 1 ? masks[0]!.name : 'object'

/** Finds the files that came with a job; what is named by the settings alone is a path. */
export function finderOf({ clip, object, mask }: Omit<ClipInput, 'options'>): ClipFinder {
  return {
    clip: (name) => clip ?? name,
    masks(name) {
      if (object === null || typeof object === 'string')
        return { name, isFolder: false, files: [{ name, source: name }] }
      const files = new Map(object.map((file) => [file.name, { name: file.name, source: file }]))
      return {
        name,
        isFolder: files.size > 1,
        files: inOrder([...files.keys()]).map((each) => files.get(each)!),
      }
    },
    mask: (name) => mask ?? name,
  }
}

/** Here an atlas that is there already is that of another run, by its name. @throws RUN_NOT_FOUND, ATLAS_* */
async function atlasOf(
  { runs }: ClipHost,
  { atlas: name }: VideoSettings,
  frames: VideoInput['frames'],
  runtime: Parameters<typeof readAtlasFile>[2],
): Promise<OpenedAtlas> {
  const found = await readAtlasFile(await runs.look(name), videoFiles.atlas, runtime)
  if (found === null)
    throw new Text2LiveError(
      'INPUT_NOT_FOUND',
      `The atlas of the run "${name}" is asked for, and that run has none (yet). Finish it, or choose the atlas fast or neural.`,
    )
  assertAtlasFits(found.atlas, frames, name)
  return found
}

/** What a run begins with, as bytes. @throws OPTION_INVALID for a path */
export function inBytes(file: PictureSource): Uint8Array {
  if (typeof file !== 'string') return bytesOf(file)
  throw new Text2LiveError(
    'OPTION_INVALID',
    `Expected the files of a clip's job as bytes with a name, since this machine keeps copies of them; got the path "${file}". Read the file, and give its name and bytes.`,
  )
}

interface StepCounter {
  readonly emit: EmitVideo
  readonly last: () => number
}

function stepCounter(emit: EmitVideo): StepCounter {
  let last = 0
  return {
    emit(event) {
      if (event.type === 'step') last = event.step
      emit(event)
    },
    last: () => last,
  }
}

const clipRun = ({ finished, settings }: VideoResult, store: RunStore, steps: StepCounter): ClipRun => ({
  finished,
  step: finished ? settings.steps : steps.last(),
  settings,
  store,
  files: null,
})
