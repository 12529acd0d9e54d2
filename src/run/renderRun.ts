import { Text2LiveError } from '../errors.js'
import { assertSameRun, readCheckpoint } from './checkpoint.js'
import { readSteps } from './eventLog.js'
import { hereOnly } from './guidanceAccess.js'
import { makeOutputs, writeOutputs } from './outputs.js'
import { isRunFolder, openRunFolder, runFiles, type RunFolder } from './runFolder.js'
import { assertRun, readRun } from './resumeRun.js'
import type { RunEnvironment } from './trainerContract.js'
import { fingerprintOf, trainerInput, type EditResult, type Emit } from './trainRun.js'
import { eachVariation, finishVariations, variationFolder } from './variations.js'

/**
 * Writes the outputs of a run again, from its checkpoint, without training; of several seeds those of each that has one.
 * @throws RUN_NOT_FOUND, RUN_INVALID, RUN_LOCKED, CHECKPOINT_INVALID where there is no checkpoint, CHECKPOINT_MISMATCH
 */
export async function renderRun(path: string, environment: RunEnvironment, emit: Emit): Promise<EditResult> {
  await assertRun(path)
  const folder = await openRunFolder(path)
  try {
    const { settings, seeds } = await readRun(folder)
    if (seeds === 1) {
      const result = await renderOne(folder, environment, emit)
      if (result === null) throw noCheckpoint(path)
      return result
    }
    const results = await eachVariation(settings.seed, seeds, environment.signal, emit, async (seed) => {
      const result = await renderVariation(folder.file(variationFolder(seed)), environment, emit)
      if (result === null) emit({ type: 'note', message: `seed ${seed} is left out, since it has no checkpoint yet; to go on with it: text2live image --resume ${path}` })
      return result
    })
    if (results.length === 0) throw noCheckpoint(path)
    return await finishVariations(folder, results, seeds, emit)
  } finally {
    folder.release()
  }
}

async function renderVariation(path: string, environment: RunEnvironment, emit: Emit): Promise<EditResult | null> {
  if (!isRunFolder(path)) return null
  const folder = await openRunFolder(path)
  try {
    return await renderOne(folder, environment, emit)
  } finally {
    folder.release()
  }
}

/** Null where there is no checkpoint. */
async function renderOne(folder: RunFolder, { open, signal }: RunEnvironment, emit: Emit): Promise<EditResult | null> {
  const { settings, input } = await readRun(folder)
  const path = folder.file(runFiles.checkpoint)
  const checkpoint = await readCheckpoint(path)
  if (checkpoint === null) return null
  assertSameRun(path, checkpoint.fingerprint, fingerprintOf(settings, input))
  const { state } = checkpoint
  const trainer = await open(trainerInput(settings, input, state, hereOnly), emit, signal)
  try {
    const steps = readSteps(folder.file(runFiles.events)).filter(({ step }) => step <= state.step)
    const layer = await trainer.layer()
    // Pictures of the photo's own size need the memory that the guidance model and its graphs hold.
    await trainer.dispose()
    const files = await writeOutputs(folder, makeOutputs(input, layer, steps), emit)
    return { finished: state.step >= settings.steps, step: state.step, settings, folder: folder.path, files }
  } finally {
    await trainer.dispose()
  }
}

const noCheckpoint = (path: string): Text2LiveError => new Text2LiveError('CHECKPOINT_INVALID',
  `${path} holds no checkpoint yet, so there is nothing to render. Continue the run first: text2live image --resume ${path}`)
