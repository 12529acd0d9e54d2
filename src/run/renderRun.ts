import { noCheckpoint, readRun, renderStored } from '../session/savedRun.js'
import { editResult, type EditResult } from './editResult.js'
import { isRunFolder, openRunFolder, type RunFolder } from './runFolder.js'
import { accessIn } from './resumeRun.js'
import { assertRun } from './runKind.js'
import type { RunEnvironment } from '../session/trainerContract.js'
import type { Emit } from '../session/trainRun.js'
import { eachVariation, finishVariations, variationFolder } from './variations.js'

type RenderEnvironment = Pick<RunEnvironment, 'open' | 'signal'>

/**
 * Writes the outputs of a run again, from its checkpoint, without training; of several seeds those of each that has
 * one.
 * @throws RUN_NOT_FOUND, RUN_INVALID, RUN_LOCKED, CHECKPOINT_INVALID where there is no checkpoint, CHECKPOINT_MISMATCH
 */
export async function renderRun(path: string, environment: RenderEnvironment, emit: Emit): Promise<EditResult> {
  await assertRun(path)
  const folder = await openRunFolder(path)
  try {
    const { settings, seeds } = await readRun(accessIn(folder))
    if (seeds === 1) {
      const result = await renderOne(folder, environment, emit)
      if (result === null) throw noCheckpoint(path)
      return result
    }
    const results = await eachVariation(settings.seed, seeds, environment.signal, emit, async (seed) => {
      const result = await renderVariation(folder.file(variationFolder(seed)), environment, emit)
      if (result === null)
        emit({
          type: 'note',
          message: `seed ${seed} is left out, since it has no checkpoint yet; to go on with it: text2live image --resume ${path}`,
        })
      return result
    })
    if (results.length === 0) throw noCheckpoint(path)
    return await finishVariations(folder, results, seeds, emit)
  } finally {
    folder.release()
  }
}

async function renderVariation(path: string, environment: RenderEnvironment, emit: Emit): Promise<EditResult | null> {
  if (!isRunFolder(path)) return null
  const folder = await openRunFolder(path)
  try {
    return await renderOne(folder, environment, emit)
  } finally {
    folder.release()
  }
}

/** Null where there is no checkpoint. */
async function renderOne(folder: RunFolder, environment: RenderEnvironment, emit: Emit): Promise<EditResult | null> {
  const rendered = await renderStored(accessIn(folder), environment, emit)
  return rendered && editResult(rendered)
}
