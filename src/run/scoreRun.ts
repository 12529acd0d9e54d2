import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { GivenOptions } from '../options/imageOptions.js'
import { outputFiles } from '../session/events.js'
import { readRun } from '../session/savedRun.js'
import { noOutputs, openJudge, refuseClip, scoredOutputs, scorePhoto, type ScoreReport } from '../session/scorePhoto.js'
import { nodePlace } from './buildTrainer.js'
import { portableGuidance } from './portableGuidance.js'
import type { JobOf } from '../session/job.js'
import { accessIn } from './resumeRun.js'
import { askAlone } from './runInProcess.js'
import { assertKind, runKind } from './runKind.js'
import { refuseLink } from './runFile.js'
import { lookIn } from './runFolder.js'
import { variationFolder, variationSeeds } from './variations.js'

export type { ScoreReport }

/** `mask` is where the edit should be; without `guidance`, the models of the run judge. */
export type ScoreOptions = Pick<GivenOptions, 'guidance' | 'mask' | 'device' | 'threads' | 'truncate'>

/**
 * Scores the pictures of a run folder, in a process of its own; of several seeds those of each that has some. Nothing
 * is written.
 * @throws RUN_NOT_FOUND, RUN_INVALID for a folder without outputs, MASK_INVALID, GUIDANCE_*, PROMPT_TOO_LONG,
 *   PROMPT_NOT_UNDERSTOOD
 */
export async function scoreRun(path: string, { mask = null, ...options }: ScoreOptions = {}): Promise<ScoreReport[]> {
  return await askAlone({ kind: 'score', run: path, options, mask })
}

/** The same in the thread that calls it. */
export async function scoreHere({ run: path, options, mask }: JobOf<'score'>): Promise<ScoreReport[]> {
  if ((await runKind(path)) === 'video') refuseClip(path)
  const { settings, seeds } = await readRun(accessIn(lookIn(path)))
  const notes = new Set<string>()
  const folders = seeds === 1 ? [path] : scoredVariations(path, variationSeeds(settings.seed, seeds), notes)
  const judge = await openJudge(settings, options, nodePlace, portableGuidance, { notes })
  const reports: ScoreReport[] = []
  for (const folder of folders) {
    await assertKind(folder, 'image')
    reports.push(await scorePhoto(accessIn(lookIn(folder)), mask ?? null, judge))
  }
  return reports
}

/** The folders of the seeds that have pictures. @throws RUN_INVALID where none has, or for a link in place of one */
function scoredVariations(path: string, seeds: readonly number[], notes: Set<string>): string[] {
  const folders = seeds.map((seed) => join(path, variationFolder(seed)))
  const scored = folders.filter((folder) => scoredOutputs.every((name) => stands(join(folder, outputFiles[name]))))
  if (scored.length === 0) throw noOutputs(folders[0]!, outputFiles.composite, path)
  for (const [i, seed] of seeds.entries()) {
    if (!scored.includes(folders[i]!))
      notes.add(
        `seed ${seed} is left out, since its pictures are not written yet; to go on with it: text2live image --resume ${path}`,
      )
  }
  return scored
}

function stands(path: string): boolean {
  refuseLink(path)
  return existsSync(path)
}
