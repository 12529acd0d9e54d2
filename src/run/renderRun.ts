import { noCheckpoint, readRun, renderStored } from '../session/savedRun.js'
import { editResult, type EditResult } from './editResult.js'
import { isRunFolder, openRunFolder, type RunFolder } from './runFolder.js'
import { accessIn, assertRun } from './resumeRun.js'
import type { RunEnvironment } from '../session/trainerContract.js'
import type { Emit } from '../session/trainRun.js'
import { eachVariation, finishVariations, variationFolder } from './variations.js'

/**
 * Writes the outputs of a run again, from its checkpoint, without training.
 * @throws RUN_NOT_FOUND, RUN_INVALID, RUN_LOCKED, CHECKPOINT_INVALID where there is no checkpoint, CHECKPOINT_MISMATCH
 */
export async function renderRun(path: string, environment: RunEnvironment, emit: Emit): Promise<EditResult> {
  await assertRun(path)
  const folder = await openRunFolder(path)
  try {
    const { settings, seeds } = await readRun(accessIn(folder))
    if (seeds === 1) return await renderOne(folder, environment, emit)
    const results = await eachVariation(settings.seed, seeds, environment.signal, emit, async (seed) => {
      const sub = folder.file(variationFolder(seed))
      if (!isRunFolder(sub)) throw noCheckpoint(sub)
      const variation = await openRunFolder(sub)
      try {
        return await renderOne(variation, environment, emit)
      } finally {
        variation.release()
      }
    })
    return await finishVariations(folder, results, seeds, emit)
  } finally {
    folder.release()
  }
}

const renderOne = async (folder: RunFolder, environment: RunEnvironment, emit: Emit): Promise<EditResult> =>
  editResult(await renderStored(accessIn(folder), environment, emit))
