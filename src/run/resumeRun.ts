import type { GivenOptions } from '../options/imageOptions.js'
import { validateOptions } from '../options/resolveSettings.js'
import { accessTo, hereOnly } from '../session/guidanceAccess.js'
import { continueRun, firstFiles, readRun, readRunSettings, type SavedRunAccess } from '../session/savedRun.js'
import type { RunEnvironment } from '../session/trainerContract.js'
import { presentLayers } from '../session/takeLayers.js'
import type { Emit } from '../session/trainRun.js'
import { pathInside } from './checkFolder.js'
import { editResult, type EditResult } from './editResult.js'
import { runBeside } from './layersUnder.js'
import { nodeMachine } from './nodeMachine.js'
import { portableGuidance } from './portableGuidance.js'
import { isRunFolder, makeRunFolder, openRunFolder, type RunFolder } from './runFolder.js'
import { assertKind } from './runKind.js'
import { asPartOf, eachVariation, finishVariations, variationFolder } from './variations.js'

/** Flags that may stand beside `--resume`. */
type ResumeOptions = Omit<GivenOptions, 'photo' | 'mask' | 'out' | 'force' | 'config' | 'seeds'>

/**
 * Continues a run from its last checkpoint, bit for bit, or from the start where there is none. A run that was finished
 * stays as it is; several variations are continued one by one.
 * @throws RUN_NOT_FOUND, RUN_INVALID, RUN_LOCKED, CHECKPOINT_INVALID, CHECKPOINT_MISMATCH, SAFETENSORS_INVALID
 */
export async function resumeRun(
  path: string,
  flags: ResumeOptions,
  environment: RunEnvironment,
  emit: Emit,
): Promise<EditResult> {
  await assertKind(path, 'image')
  const onNote = (message: string): void => emit({ type: 'note', message })
  const folder = await openRunFolder(path, { onNote, signal: environment.signal })
  try {
    const { seeds } = await readRunSettings(folder)
    if (seeds === 1) return await resumeOne(folder, flags, environment, emit)
    const { settings, input } = await readRun(accessIn(folder))
    const results = await eachVariation(settings.seed, seeds, environment.signal, emit, async (seed) => {
      const sub = folder.file(variationFolder(seed))
      const own = { ...settings, seed }
      const variation = isRunFolder(sub)
        ? await openRunFolder(sub)
        : await makeRunFolder(sub, '', false, firstFiles(own, input, 1))
      return await resumeOne(
        variation,
        flags,
        environment,
        asPartOf(() => folder, emit),
      )
    })
    return await finishVariations(folder, results, seeds, emit)
  } finally {
    folder.release()
  }
}

/** The folder is released by the run, also when this fails. */
async function resumeOne(
  folder: RunFolder,
  flags: ResumeOptions,
  environment: RunEnvironment,
  emit: Emit,
): Promise<EditResult> {
  try {
    // Unset flags must not stand in the way of the folder's settings.
    const given = validateOptions(flags)
    const named = (given.guidance ?? []) as readonly string[]
    const now = named.length === 0 ? given : { ...given, guidance: named.map(portableGuidance) }
    return editResult(
      await continueRun(accessIn(folder), now, environment, emit, named.length === 0 ? hereOnly : accessTo(named)),
    )
  } finally {
    folder.release()
  }
}

/** A run folder, which may come from anybody, as it is continued, rendered and scored. */
export const accessIn = (folder: RunFolder): SavedRunAccess => ({
  store: folder,
  machine: nodeMachine,
  find: (name, key) => pathInside(folder.path, name, key),
  present: (own, note) => presentLayers(own, runBeside(folder.path), note),
})
