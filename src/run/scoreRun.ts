import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Text2LiveError } from '../errors.js'
import { measureChange } from '../media/changeMeasures.js'
import { decodeMask } from '../media/node/decodeMask.js'
import { decodeImage, readHeader } from '../media/node/readImage.js'
import { wholeOf } from '../media/strips.js'
import { type GuidanceScores, scoreEdit } from '../method/scoreEdit.js'
import type { GivenOptions, ImageSettings } from '../options/imageOptions.js'
import { resolveSettings } from '../options/resolveSettings.js'
import { openGuidance } from './buildTrainer.js'
import { outputFiles } from '../session/events.js'
import { openRuntime } from './openRuntime.js'
import { accessIn, assertKind, runKind } from './resumeRun.js'
import { lookIn } from './runFolder.js'
import { refuseLink } from './runFile.js'
import { accessTo, hereOnly } from '../session/guidanceAccess.js'
import { portableGuidance } from './portableGuidance.js'
import { drawSeed, readRun } from '../session/savedRun.js'
import { variationFolder, variationSeeds } from './variations.js'

/** `mask` is where the edit should be; without `guidance`, the models of the run judge. */
export type ScoreOptions = Pick<GivenOptions, 'guidance' | 'mask' | 'device' | 'threads' | 'truncate'>

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

/**
 * Scores the pictures of a run folder; of several seeds those of each that has some. Nothing is written.
 * @throws RUN_NOT_FOUND, RUN_INVALID for a folder without outputs, MASK_INVALID, GUIDANCE_*, PROMPT_TOO_LONG,
 *   PROMPT_NOT_UNDERSTOOD
 */
export async function scoreRun(path: string, options: ScoreOptions = {}): Promise<ScoreReport[]> {
  if ((await runKind(path)) === 'video') {
    throw new Text2LiveError(
      'RUN_INVALID',
      `"${path}" is the run folder of a clip, and score measures the edits of photos. What was measured of a clip is in its metrics.json.`,
    )
  }
  const { settings, seeds } = await readRun(accessIn(lookIn(path)))
  const resolved = resolveSettings([settings, { ...options, mask: null }], drawSeed)
  const given = [options.guidance ?? []].flat()
  const judge = given.length === 0 ? resolved : { ...resolved, guidance: given.map(portableGuidance) }
  const runtime = await openRuntime(judge)
  const notes = new Set<string>()
  const onNote = (message: string): void => void notes.add(message)
  const folders = seeds === 1 ? [path] : scoredVariations(path, variationSeeds(settings.seed, seeds), onNote)
  const access = given.length === 0 ? hereOnly : accessTo(given)
  const models = await openGuidance(
    judge,
    runtime,
    (notice) => {
      if (notice.type === 'note') onNote(notice.message)
    },
    undefined,
    access,
  )
  const reports: ScoreReport[] = []
  for (const folder of folders) {
    const run = await readPictures(folder, options.mask ?? null, onNote)
    const { photo, composite, alpha, mask } = run
    const scores: GuidanceScores[] = []
    for (const model of models)
      scores.push(await scoreEdit(photo, composite, run.settings, judge.truncate, model, runtime, onNote))
    const mean = (name: keyof GuidanceScores) => scores.reduce((sum, score) => sum + score[name], 0) / scores.length
    const change = measureChange(photo, composite, alpha, mask ?? undefined)
    reports.push({
      folder,
      seed: run.settings.seed,
      guidance: judge.guidance,
      optimised: judge.guidance.filter((name) => run.settings.guidance.includes(name)),
      similarity: mean('similarity'),
      directional: mean('directional'),
      structure_distance: mean('structureDistance'),
      alpha_mean: change.alphaMean,
      change_outside_alpha: change.changeOutsideAlpha,
      ...(change.changeOutsideMask === undefined ? {} : { change_outside_mask: change.changeOutsideMask }),
      ...(change.localisationIou === undefined ? {} : { localisation_iou: change.localisationIou }),
      ...(notes.size === 0 ? {} : { notes: [...notes] }),
    })
  }
  return reports
}

/** The folders of the seeds that have pictures. @throws RUN_INVALID where none has, or for a link in place of one */
function scoredVariations(path: string, seeds: readonly number[], onNote: (message: string) => void): string[] {
  const folders = seeds.map((seed) => join(path, variationFolder(seed)))
  const scored = folders.filter((folder) => picturesRead.every((name) => stands(join(folder, outputFiles[name]))))
  if (scored.length === 0) throw noOutputs(folders[0]!, outputFiles.composite, path)
  for (const [i, seed] of seeds.entries()) {
    if (!scored.includes(folders[i]!))
      onNote(
        `seed ${seed} is left out, since its pictures are not written yet; to go on with it: text2live image --resume ${path}`,
      )
  }
  return scored
}

/** The outputs that scores are made of. */
const picturesRead = ['composite', 'alpha'] as const satisfies readonly (keyof typeof outputFiles)[]

function stands(path: string): boolean {
  refuseLink(path)
  return existsSync(path)
}

async function readPictures(folder: string, maskPath: string | null, note: (message: string) => void) {
  await assertKind(folder, 'image')
  const { settings, input } = await readRun(accessIn(lookIn(folder)))
  const photo = wholeOf(input.ground)
  const read = async (name: (typeof picturesRead)[number]) => {
    const path = join(folder, outputFiles[name])
    if (!stands(path)) throw noOutputs(folder, outputFiles[name])
    const header = await readHeader(path)
    if (header.width !== photo.width || header.height !== photo.height) {
      throw new Text2LiveError(
        'RUN_INVALID',
        `${path} must have the photo's size, ${photo.width}x${photo.height}, but it is ${header.width}x${header.height}. Write the pictures again: text2live render ${folder}`,
      )
    }
    return await decodeImage(header)
  }
  const { rgb: composite } = await read('composite')
  const { rgb: grey } = await read('alpha')
  const plane = photo.width * photo.height
  const mask = maskPath === null ? null : await decodeMask(maskPath, photo.width, photo.height)
  mask?.notes.forEach(note)
  return {
    settings: settings satisfies ImageSettings,
    photo,
    composite,
    alpha: { ...grey, channels: 1 as const, data: grey.data.subarray(0, plane) },
    mask: mask?.image ?? null,
  }
}

const noOutputs = (folder: string, name: string, run = folder): Text2LiveError =>
  new Text2LiveError(
    'RUN_INVALID',
    `Expected ${name} in ${folder}, and it is not there: the run has not written its pictures yet. Write them with: text2live render ${run}`,
  )
