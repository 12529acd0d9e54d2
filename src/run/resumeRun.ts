import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Text2LiveError } from '../errors.js'
import { atomicWrite } from '../media/node/atomicWrite.js'
import { withoutSecrets } from '../models/withoutSecrets.js'
import { readConfig } from '../options/configFile.js'
import type { GivenOptions, ImageSettings } from '../options/imageOptions.js'
import { oddPath } from '../pathHint.js'
import { resolveSettings, validateOptions } from '../options/resolveSettings.js'
import { writeConfig } from '../options/writeConfig.js'
import { checkFolder, pathInside } from './checkFolder.js'
import { assertSameRun, readCheckpoint } from './checkpoint.js'
import { readEvents, truncateEvents } from './eventLog.js'
import { folderContents } from './folderContents.js'
import { accessTo, hereOnly, portableGuidance } from './guidanceAccess.js'
import { readImageInput, type ImageInput } from './imageInput.js'
import { openOutputs } from './outputs.js'
import { isRunFolder, makeRunFolder, openRunFolder, runFiles, type RunFolder } from './runFolder.js'
import { maxConfigBytes, readRunFile } from './runFile.js'
import { drawSeed } from './startRun.js'
import type { RunEnvironment } from './trainerContract.js'
import { fingerprintOf, trainRun, type EditResult, type Emit } from './trainRun.js'
import { asPartOf, eachVariation, finishVariations, variationFolder } from './variations.js'

/** Flags that may stand beside `--resume`. */
type ResumeOptions = Omit<GivenOptions, 'photo' | 'mask' | 'out' | 'force' | 'config' | 'seeds'>

/** A run folder as it lies on the disk. */
interface SavedRun {
  readonly settings: ImageSettings
  readonly seeds: number
  readonly input: ImageInput
}

/**
 * Continues a run from its last checkpoint, bit for bit, or from the start where there is none. A run that was finished stays as
 * it is; several variations are continued one by one.
 * @throws RUN_NOT_FOUND, RUN_INVALID, RUN_LOCKED, CHECKPOINT_INVALID, CHECKPOINT_MISMATCH, SAFETENSORS_INVALID
 */
export async function resumeRun(path: string, flags: ResumeOptions, environment: RunEnvironment, emit: Emit): Promise<EditResult> {
  await assertKind(path, 'image')
  const folder = await openRunFolder(path)
  try {
    const { seeds } = await readSettings(folder)
    if (seeds === 1) return await resumeOne(folder, flags, environment, emit)
    const { settings, input } = await readRun(folder)
    const results = await eachVariation(settings.seed, seeds, environment.signal, emit, async (seed) => {
      const sub = folder.file(variationFolder(seed))
      const own = { ...settings, seed }
      const variation = isRunFolder(sub) ? await openRunFolder(sub) : await makeRunFolder(sub, '', false, folderContents(own, input, 1))
      return await resumeOne(variation, flags, environment, asPartOf(() => folder, emit))
    })
    return await finishVariations(folder, results, seeds, emit)
  } finally {
    folder.release()
  }
}

/** Reads and checks what a run folder says of itself. The folder is released by the run, also when this fails. */
async function resumeOne(folder: RunFolder, flags: ResumeOptions, environment: RunEnvironment, emit: Emit): Promise<EditResult> {
  try {
    const saved = await readRun(folder)
    const given = withoutUnset(flags)
    const named = (given.guidance ?? []) as readonly string[]
    const settings = resolveSettings([saved.settings, named.length === 0 ? given : { ...given, guidance: named.map(portableGuidance) }], drawSeed)
    const checkpointPath = folder.file(runFiles.checkpoint)
    const checkpoint = await readCheckpoint(checkpointPath)
    const now = fingerprintOf(settings, saved.input)
    if (checkpoint !== null) assertSameRun(checkpointPath, checkpoint.fingerprint, now)
    else assertSameRun(folder.file(runFiles.config), fingerprintOf(saved.settings, saved.input), now)
    const start = checkpoint?.state ?? null
    const step = start?.step ?? 0
    if (step >= settings.steps) {
      const before = finishedBefore(folder, settings, step)
      if (before !== null) {
        emit({ type: 'done', step, steps: settings.steps, seconds: 0, folder: folder.path, already: true })
        return before
      }
    }
    if (JSON.stringify(settings) !== JSON.stringify(saved.settings)) await atomicWrite(folder.file(runFiles.config), writeConfig(settings))
    truncateEvents(folder.file(runFiles.events), step)
    const { open, signal } = environment
    // What a run folder names is not fetched: only who names it besides says that he wants it.
    const access = named.length === 0 ? hereOnly : accessTo(named)
    return await trainRun({ settings, input: saved.input, access, open, signal, start, folder: () => Promise.resolve(folder) }, emit)
  } finally {
    folder.release()
  }
}

/** @throws RUN_NOT_FOUND, RUN_INVALID */
export async function assertRun(path: string): Promise<void> {
  const found = await stat(path).catch(() => null)
  if (found === null) {
    throw new Text2LiveError('RUN_NOT_FOUND',
      `There should be a run folder at "${path}", but there is nothing. ${oddPath(path) ?? 'Check the path; runs are made in runs/ unless --out says otherwise.'}`)
  }
  if (found.isDirectory()) checkFolder(path)
  if (found.isDirectory() && isRunFolder(path)) return
  throw new Text2LiveError('RUN_INVALID',
    `"${path}" is not a run folder: it holds no ${runFiles.config} of ours. Give the folder that a run was written to.`)
}

/**
 * What a run folder edits.
 * @throws RUN_NOT_FOUND, RUN_INVALID
 */
export async function runKind(path: string): Promise<'image' | 'video'> {
  await assertRun(path)
  return /^clip:/m.test(await readRunConfig(join(path, runFiles.config))) ? 'video' : 'image'
}

/** @throws RUN_INVALID for the run folder of the other kind, naming its command */
export async function assertKind(path: string, kind: 'image' | 'video'): Promise<void> {
  const found = await runKind(path)
  if (found === kind) return
  throw new Text2LiveError('RUN_INVALID', `"${path}" is the run folder of a ${found === 'video' ? 'clip' : 'photo'}. Continue it with: text2live ${found} --resume ${path}`)
}

/** The settings, photo and mask of a run folder. */
export async function readRun(folder: Pick<RunFolder, 'path' | 'file'>): Promise<SavedRun> {
  const { settings, seeds } = await readSettings(folder)
  if (settings.photo === null) {
    throw new Text2LiveError('RUN_INVALID', `${folder.file(runFiles.config)} names no photo. The folder cannot be continued; start a new run.`)
  }
  const mask = settings.mask === null ? null : pathInside(folder.path, settings.mask, 'mask')
  const input = await readImageInput(pathInside(folder.path, settings.photo, 'photo'), mask, settings)
  return { settings, seeds, input }
}

/** The text of a run's config.yaml. @throws RUN_INVALID */
export async function readRunConfig(path: string): Promise<string> {
  const bytes = await readRunFile(path, maxConfigBytes)
  if (bytes === null) throw new Text2LiveError('RUN_INVALID', `There should be a configuration of a run at "${path}", but there is nothing. Give the folder that a run was written to.`)
  return bytes.toString('utf8')
}

async function readSettings(folder: Pick<RunFolder, 'file'>): Promise<Pick<SavedRun, 'settings' | 'seeds'>> {
  const path = folder.file(runFiles.config)
  const { options } = readConfig(await readRunConfig(path), path)
  const settings = resolveSettings([options], drawSeed)
  return { settings: { ...settings, guidance: settings.guidance.map(withoutSecrets) }, seeds: options.seeds ?? 1 }
}

function finishedBefore(folder: RunFolder, settings: ImageSettings, step: number): EditResult | null {
  const last = readEvents(folder.file(runFiles.events)).findLast(({ type }) => type === 'done' || type === 'step')
  const files = openOutputs(folder)
  if (last?.type !== 'done' || files === null) return null
  return { finished: true, step, settings, folder: folder.path, files }
}

/** Unset flags must not stand in the way of the folder's settings. */
const withoutUnset = (flags: ResumeOptions): GivenOptions => validateOptions(flags)
