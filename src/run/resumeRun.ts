import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Text2LiveError } from '../errors.js'
import type { GivenOptions } from '../options/imageOptions.js'
import { validateOptions } from '../options/resolveSettings.js'
import { oddPath } from '../pathHint.js'
import { accessTo, hereOnly } from '../session/guidanceAccess.js'
import { runFiles } from '../session/runFiles.js'
import {
  continueRun,
  firstFiles,
  maxConfigBytes,
  readRun,
  readRunConfig,
  readRunSettings,
  type SavedRunAccess,
} from '../session/savedRun.js'
import type { RunEnvironment } from '../session/trainerContract.js'
import { presentLayers } from '../session/takeLayers.js'
import type { Emit } from '../session/trainRun.js'
import { checkFolder, pathInside } from './checkFolder.js'
import { editResult, type EditResult } from './editResult.js'
import { runBeside } from './layersUnder.js'
import { nodeMachine } from './nodeMachine.js'
import { portableGuidance } from './portableGuidance.js'
import { isRunFolder, makeRunFolder, openRunFolder, type RunFolder } from './runFolder.js'
import { readRunFile } from './runFile.js'
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
  environment: Omit<RunEnvironment, 'defaultFolder'>,
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
  environment: Omit<RunEnvironment, 'defaultFolder'>,
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

/** @throws RUN_NOT_FOUND, RUN_INVALID */
export async function assertRun(path: string): Promise<void> {
  const found = await stat(path).catch(() => null)
  if (found === null) {
    throw new Text2LiveError(
      'RUN_NOT_FOUND',
      `There should be a run folder at "${path}", but there is nothing. ${oddPath(path) ?? 'Check the path; runs are made in runs/ unless --out says otherwise.'}`,
    )
  }
  if (found.isDirectory()) checkFolder(path)
  if (found.isDirectory() && isRunFolder(path)) return
  throw new Text2LiveError(
    'RUN_INVALID',
    `"${path}" is not a run folder: it holds no ${runFiles.config} of ours. Give the folder that a run was written to.`,
  )
}

/**
 * What a run folder edits.
 * @throws RUN_NOT_FOUND, RUN_INVALID
 */
export async function runKind(path: string): Promise<'image' | 'video'> {
  await assertRun(path)
  return /^clip:/m.test(await readConfigIn(path)) ? 'video' : 'image'
}

/** @throws RUN_INVALID for the run folder of the other kind, naming its command */
export async function assertKind(path: string, kind: 'image' | 'video'): Promise<void> {
  const found = await runKind(path)
  if (found === kind) return
  throw new Text2LiveError(
    'RUN_INVALID',
    `"${path}" is the run folder of a ${found === 'video' ? 'clip' : 'photo'}. Continue it with: text2live ${found} --resume ${path}`,
  )
}

/** The text of a run folder's config.yaml. @throws RUN_INVALID */
const readConfigIn = (folder: string): Promise<string> =>
  readRunConfig({ file: (name) => join(folder, name), read: (name) => readRunFile(join(folder, name), maxConfigBytes) })
