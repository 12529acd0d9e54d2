import type { Runtime } from '../engine/runtime.js'
import { Text2LiveError } from '../errors.js'
import { measureChange } from '../media/changeMeasures.js'
import type { FloatImage } from '../media/image.js'
import type { ImageCodec, PictureSource } from '../media/imageCodec.js'
import type { Photo } from '../media/photo.js'
import { wholeOf } from '../media/strips.js'
import { requireAnswer } from '../method/guidanceAnswers.js'
import { type GuidanceScores, scoreEdit } from '../method/scoreEdit.js'
import type { GuidanceModel } from '../models/guidance.js'
import type { GivenOptions, ImageSettings } from '../options/imageOptions.js'
import { resolveSettings } from '../options/resolveSettings.js'
import { outputFiles } from './events.js'
import { accessTo, hereOnly } from './guidanceAccess.js'
import { openGuidance, runtimeOf, type TrainingPlace } from './openTrainer.js'
import { drawSeed, type FindPicture, readRun } from './savedRun.js'
import type { LookedAt } from './takeLayers.js'

/** What may be said of who judges; without `guidance`, the models of the run do. */
export type JudgeOptions = Pick<GivenOptions, 'guidance' | 'device' | 'threads' | 'truncate'>

/** The scores of one edit, under the names that the JSON has. */
export interface ScoreReport {
  readonly folder: string
  readonly seed: number
  /** The models that judged; the first three scores are means over them. */
  readonly guidance: readonly string[]
  /** Those of them that the edit was trained to please. */
  readonly optimised: readonly string[]
  readonly similarity: number
  readonly directional: number
  readonly structure_distance: number
  readonly alpha_mean: number
  readonly change_outside_alpha: number
  readonly change_outside_mask?: number
  readonly localisation_iou?: number
  /** What a person should know of how the mask, the texts and the models were taken. */
  readonly notes?: readonly string[]
}

/** Who judges edits. */
export interface Judge {
  readonly settings: Pick<ImageSettings, 'guidance' | 'truncate'>
  readonly models: readonly GuidanceModel[]
  readonly runtime: Runtime
  /** Gathers what a person should know. */
  readonly notes: Set<string>
}

/**
 * Opens the models that judge.
 * @param saved the settings of the run that is judged
 * @param portable what a guidance model that is named is called in the report
 * @param notes what is known already
 * @throws OPTION_*, GUIDANCE_*, MODEL_*, DEVICE_UNAVAILABLE; INTERRUPTED when `signal` aborts
 */
export async function openJudge(
  saved: ImageSettings,
  options: JudgeOptions,
  place: TrainingPlace,
  portable: (guidance: string) => string,
  { notes = new Set(), signal }: { readonly notes?: Set<string>; readonly signal?: AbortSignal } = {},
): Promise<Judge> {
  const resolved = resolveSettings([saved, options], drawSeed)
  const given = [options.guidance ?? []].flat()
  const settings = given.length === 0 ? resolved : { ...resolved, guidance: given.map(portable) }
  const runtime = await runtimeOf(place, settings)
  const models = await openGuidance(
    // The same judge, in whatever precision the run was made.
    { ...settings, precision: 'float32' },
    runtime,
    place.models,
    (notice) => {
      if (notice.type === 'note') notes.add(notice.message)
    },
    signal,
    given.length === 0 ? hereOnly : accessTo(given),
    place.warm,
  )
  for (const model of models)
    for (const answer of ['texts', 'structure'] as const)
      requireAnswer([model], answer, 'Each model that scores must; name others with --guidance')
  return { settings, models, runtime, notes }
}

/** A run that is scored. */
export interface ScoredRun {
  readonly store: LookedAt
  readonly machine: { readonly codec: ImageCodec }
  readonly find: FindPicture
}

/**
 * Scores the pictures of one run. Nothing is written.
 * @param mask where the edit should be, of the photo's size
 * @throws RUN_INVALID for a run without outputs, MASK_INVALID, INPUT_*, PROMPT_TOO_LONG, PROMPT_NOT_UNDERSTOOD
 */
export async function scorePhoto(
  run: ScoredRun,
  mask: PictureSource | null,
  { settings: judge, models, runtime, notes }: Judge,
): Promise<ScoreReport> {
  const { settings, input } = await readRun(run)
  const photo = wholeOf(input.ground)
  const composite = (await readOutput(run, 'composite', photo)).rgb
  const alpha = await readOutput(run, 'alpha', photo)
  const given = mask === null ? null : await run.machine.codec.decodeMask(mask, photo.width, photo.height)
  given?.notes.forEach((note) => notes.add(note))
  const scores: GuidanceScores[] = []
  for (const model of models)
    scores.push(
      await scoreEdit(photo, composite, settings, judge.truncate, model, runtime, (note) => void notes.add(note)),
    )
  const mean = (name: keyof GuidanceScores) => scores.reduce((sum, score) => sum + score[name], 0) / scores.length
  const change = measureChange(photo, composite, firstPlane(alpha.rgb), given?.image)
  return {
    folder: run.store.path,
    seed: settings.seed,
    guidance: judge.guidance,
    optimised: judge.guidance.filter((name) => settings.guidance.includes(name)),
    similarity: mean('similarity'),
    directional: mean('directional'),
    structure_distance: mean('structureDistance'),
    alpha_mean: change.alphaMean,
    change_outside_alpha: change.changeOutsideAlpha,
    ...(change.changeOutsideMask === undefined ? {} : { change_outside_mask: change.changeOutsideMask }),
    ...(change.localisationIou === undefined ? {} : { localisation_iou: change.localisationIou }),
    ...(notes.size === 0 ? {} : { notes: [...notes] }),
  }
}

/** The outputs that scores are made of. */
export const scoredOutputs = ['composite', 'alpha'] as const satisfies readonly (keyof typeof outputFiles)[]

async function readOutput(
  { store, machine: { codec } }: ScoredRun,
  name: (typeof scoredOutputs)[number],
  { width, height }: Pick<FloatImage, 'width' | 'height'>,
): Promise<Photo> {
  const bytes = await store.read(outputFiles[name])
  if (bytes === null) throw noOutputs(store.path, outputFiles[name])
  const path = store.file(outputFiles[name])
  const output = await codec.decodePhoto({ name: path, bytes })
  if (output.pixels.width === width && output.pixels.height === height) return output
  throw new Text2LiveError(
    'RUN_INVALID',
    `${path} must have the photo's size, ${width}x${height}, but it is ${output.pixels.width}x${output.pixels.height}. Write the pictures again: text2live render ${store.path}`,
  )
}

const firstPlane = ({ width, height, data }: FloatImage): FloatImage => ({
  width,
  height,
  channels: 1,
  data: data.subarray(0, width * height),
})

/** @param run whose pictures are to be written */
export const noOutputs = (folder: string, name: string, run = folder): Text2LiveError =>
  new Text2LiveError(
    'RUN_INVALID',
    `Expected ${name} in ${folder}, and it is not there: the run has not written its pictures yet. Write them with: text2live render ${run}`,
  )

/** @throws RUN_INVALID */
export function refuseClip(path: string): never {
  throw new Text2LiveError(
    'RUN_INVALID',
    `"${path}" is the run folder of a clip, and score measures the edits of photos. What was measured of a clip is in its metrics.json.`,
  )
}
