import { closeSync, constants, fstatSync, readSync } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Text2LiveError } from '../errors.js'
import { headerStart, parseSafetensorsHeader, safetensorsHeaderLength } from '../formats/safetensorsHeader.js'
import { holderText, lockHolder } from '../media/node/processLock.js'
import { keptBytes } from '../session/eventLog.js'
import { readStoredRun } from '../session/queue/readStoredRun.js'
import type { StoredRun } from '../session/queue/storedRun.js'
import { runFiles } from '../session/runFiles.js'
import { readRunSettings } from '../session/savedRun.js'
import type { RunStore } from '../session/store.js'
import { videoFiles } from '../session/video/videoFiles.js'
import { checkFolder } from './checkFolder.js'
import { isLock, lockName } from './folderLock.js'
import { openRegular } from './runFile.js'
import { isRunFolder, lookIn, variationName } from './runFolder.js'

/**
 * How a run can be met: finished, going on with `--resume`, at work in another process, or with something in it that
 * keeps it from going on.
 */
export type RunState = 'finished' | 'resumes' | 'locked' | 'damaged'

/** A run folder, looked at without being held. */
export interface RunSummary {
  readonly folder: string
  readonly state: RunState
  /** Who is at work on it, what is damaged, or the error that it ended with last; null where there is none. */
  readonly detail: string | null
  /** Null where its settings cannot be read. */
  readonly kind: 'photo' | 'clip' | null
  /** The first of its prompts; empty where it only fits an atlas. */
  readonly prompt: string
  /** Done and planned, of all variations; of a clip those of the layer that was trained last. */
  readonly step: number
  readonly steps: number
  /** Runs in it that differ by their seed: 1 for a plain run. */
  readonly variations: number
  /** Bytes of all files in it. */
  readonly bytes: number
}

/** @throws nothing for what is wrong with the run: it is told */
export async function lookAtRun(folder: string): Promise<RunSummary> {
  const [bytes, holder] = [await sizeOf(folder), lockHolder(join(folder, lockName))]
  const unread = { folder, kind: null, prompt: '', step: 0, steps: 0, variations: 1, bytes } as const
  const found = await summarise(folder).catch((error: unknown) => ({ ...unread, ...damage(error) }))
  const summary = { ...unread, ...found }
  return holder === null ? summary : { ...summary, state: 'locked', detail: `${holderText(holder)} is at work on it` }
}

function damage(error: unknown): Pick<RunSummary, 'state' | 'detail'> {
  if (!(error instanceof Text2LiveError)) throw error
  return { state: 'damaged', detail: `${error.code}: ${error.message}` }
}

type Found = Omit<RunSummary, 'folder' | 'bytes'>

async function summarise(folder: string): Promise<Found> {
  checkFolder(folder)
  const run = lookIn(folder)
  const [stored, tensors] = [await readStoredRun(run), await tensorFiles(run)]
  await assertLogWhole(run, tensors)
  const variations = stored.kind === 'photo' ? (await readRunSettings(run)).seeds : 1
  const plain: Found = {
    ...stateOf(run, stored, tensors),
    kind: stored.kind,
    prompt: promptOf(stored),
    step: stored.step,
    steps: stored.settings.steps,
    variations,
  }
  return variations === 1 ? plain : await withVariations(folder, plain)
}

function promptOf({ kind, settings }: StoredRun): string {
  if (kind === 'photo') return settings.prompt[0] ?? ''
  return [...settings.prompt, ...settings.foregroundPrompt, ...settings.backgroundPrompt][0] ?? ''
}

/** What a run that ended with one of these is told of is in the folder. */
const damaging: ReadonlySet<string | null> = new Set([
  'RUN_INVALID',
  'CHECKPOINT_INVALID',
  'CHECKPOINT_MISMATCH',
  'SAFETENSORS_INVALID',
])

function stateOf(
  run: Pick<RunStore, 'file'>,
  { finished, error }: StoredRun,
  tensors: readonly string[],
): Pick<RunSummary, 'state' | 'detail'> {
  const detail = error === null ? null : `${error.code ?? 'error'}: ${error.message}`
  if (finished) return { state: 'finished', detail: null }
  if (error !== null && damaging.has(error.code)) return { state: 'damaged', detail }
  for (const name of tensors) assertWhole(run.file(name))
  return { state: 'resumes', detail }
}

/**
 * Without what its log told, a run that was finished would look as if it were not.
 * @throws RUN_INVALID where it is lost, or lines of it are; a last line that was cut is none
 */
async function assertLogWhole(run: Pick<RunStore, 'file' | 'read'>, tensors: readonly string[]): Promise<void> {
  const log = await run.read(runFiles.events)
  const whole = keptBytes(log, () => false)
  if (log === null ? tensors.length === 0 : log.indexOf(10, whole) < 0) return
  throw new Text2LiveError(
    'RUN_INVALID',
    `"${run.file(runFiles.events)}" should be the log of the run, but ${log === null ? 'there is none beside its checkpoint' : `after ${whole} bytes it holds a line that is no event`}. ` +
      'Going on with the run writes it anew from there.',
  )
}

/** Files that a run goes on from. */
async function tensorFiles(run: Pick<RunStore, 'has' | 'list'>): Promise<string[]> {
  const ofClip = (await run.list(videoFiles.checkpoints)).filter((name) => name.endsWith('.safetensors'))
  return [
    ...((await run.has(runFiles.checkpoint)) ? [runFiles.checkpoint] : []),
    ...ofClip.map((name) => `${videoFiles.checkpoints}/${name}`),
  ]
}

/**
 * Its header is read and speaks of every byte that follows; the numbers are not looked at.
 * @throws SAFETENSORS_INVALID, RUN_INVALID
 */
function assertWhole(path: string): void {
  const file = openRegular(path, constants.O_RDONLY)
  try {
    const { size } = fstatSync(file)
    const read = (length: number, at: number): Uint8Array => {
      const bytes = new Uint8Array(length)
      return bytes.subarray(0, readSync(file, bytes, 0, length, at))
    }
    const length = safetensorsHeaderLength(read(headerStart, 0), size, path)
    parseSafetensorsHeader(read(length, headerStart), size, path)
  } finally {
    closeSync(file)
  }
}

/** The run of all variations: finished when each of them is, and damaged or locked as one of them is. */
async function withVariations(folder: string, whole: Found): Promise<Found> {
  const names = (await readdir(folder)).filter((name) => variationName.test(name) && isRunFolder(join(folder, name)))
  const each: RunSummary[] = []
  for (const name of names) each.push(await lookAtRun(join(folder, name)))
  const odd = each.find(({ state }) => state === 'locked') ?? each.find(({ state }) => state === 'damaged')
  const finished = each.length === whole.variations && each.every(({ state }) => state === 'finished')
  return {
    ...whole,
    state: odd?.state ?? (finished ? 'finished' : 'resumes'),
    detail: (odd ?? each.find(({ detail }) => detail !== null))?.detail ?? null,
    step: each.reduce((sum, { step }) => sum + step, 0),
    steps: whole.steps * whole.variations,
  }
}

/** Bytes of the files in a folder and in those below, but for locks; links are not followed. */
export async function sizeOf(path: string): Promise<number> {
  const found = await lstat(path).catch(() => null)
  if (found === null) return 0
  if (!found.isDirectory()) return found.isFile() ? found.size : 0
  let bytes = 0
  for (const name of await readdir(path).catch(() => [])) if (!isLock(name)) bytes += await sizeOf(join(path, name))
  return bytes
}
