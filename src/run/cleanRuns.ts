import { readdir, rmdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { Text2LiveError } from '../errors.js'
import { holderText, lockHolder } from '../media/node/processLock.js'
import { runFiles } from '../session/runFiles.js'
import { videoFiles } from '../session/video/videoFiles.js'
import { isLock, studioLockName } from './folderLock.js'
import { findRuns } from './findRuns.js'
import { lookAtRun, sizeOf } from './lookAtRun.js'
import { deleteHeldRun, isRunFileIn, isRunFolder, openRunFolder, type RunFolder, variationName } from './runFolder.js'

/** What is to go. */
export interface CleaningChoice {
  /** Pictures of how a training went. */
  readonly previews?: boolean
  /** The states of finished runs: more steps and `render` need them. */
  readonly checkpoints?: boolean
  /** Whole runs that were not finished. */
  readonly unfinished?: boolean
}

/** What goes of a run, or went. */
export interface CleanedRun {
  readonly folder: string
  /** Names in it; "." for the whole run. */
  readonly removes: readonly string[]
  readonly bytes: number
  /** Why nothing of it is touched; null where something is, or nothing fits what was asked. */
  readonly left: string | null
}

/**
 * Removes what is asked of runs, or only says what that would be. What a person put into a run folder is never removed,
 * nor is anything of a run that a process is at work on, or that is damaged.
 * @param paths run folders, and folders of them
 * @param apply false: nothing is changed
 * @throws RUN_NOT_FOUND; RUN_LOCKED where a studio works on the runs
 */
export async function cleanRuns(
  paths: readonly string[],
  choice: CleaningChoice,
  apply: boolean,
): Promise<CleanedRun[]> {
  const folders = new Map<string, string>()
  for (const path of paths) for (const folder of await findRuns(path)) folders.set(resolve(folder), folder)
  for (const parent of new Set([...folders.keys()].map((folder) => dirname(folder)))) assertNoStudio(parent)
  const cleaned: CleanedRun[] = []
  for (const folder of folders.values())
    cleaned.push(apply ? await cleanHeld(folder, choice) : await planOf(folder, choice))
  return cleaned
}

/** A studio has runs in its queue that it believes to be there. */
function assertNoStudio(parent: string): void {
  const holder = lockHolder(join(parent, studioLockName))
  if (holder === null) return
  throw new Text2LiveError(
    'RUN_LOCKED',
    `The runs in "${parent}" are a studio's: ${holderText(holder)} works on them. Delete them there, or stop it first.`,
  )
}

/** What is found while nobody else can change the run is what goes. */
async function cleanHeld(folder: string, choice: CleaningChoice): Promise<CleanedRun> {
  let run: RunFolder
  try {
    run = await openRunFolder(folder)
  } catch (error) {
    if (!(error instanceof Text2LiveError)) throw error
    return { folder, removes: [], bytes: 0, left: error.message }
  }
  try {
    const plan = await planOf(folder, choice)
    if (plan.removes[0] === '.') await deleteHeldRun(run)
    else for (const name of plan.removes) await run.remove(name)
    for (const name of new Set(plan.removes.map((each) => dirname(each))))
      // What a person put there keeps the folder.
      if (name !== '.') await rmdir(join(folder, name)).catch(() => undefined)
    return plan
  } finally {
    run.release()
  }
}

async function planOf(folder: string, choice: CleaningChoice): Promise<CleanedRun> {
  const nothing = { folder, removes: [], bytes: 0, left: null }
  const { state, detail, bytes } = await lookAtRun(folder)
  if (state === 'locked' || state === 'damaged') return { ...nothing, left: detail }
  if (choice.unfinished === true && state === 'resumes') {
    const foreign = await foreignFile(folder)
    if (foreign === null) return { ...nothing, removes: ['.'], bytes }
    return { ...nothing, left: `it holds "${foreign}", which no run writes` }
  }
  const removes = (await filesOf(folder)).filter(
    (name) =>
      (choice.previews === true && isPreview.test(name)) ||
      (choice.checkpoints === true && state === 'finished' && isCheckpoint.test(name)),
  )
  let freed = 0
  for (const name of removes) freed += await sizeOf(join(folder, name))
  return { ...nothing, removes, bytes: freed }
}

const within = String.raw`^(?:seed-\d+/)?`
const isPreview = new RegExp(`${within}${runFiles.previews}/(?:(?:foreground|background)-)?step-\\d+\\.png$`)
const isCheckpoint = new RegExp(
  `${within}(?:${runFiles.checkpoint.replace('.', '\\.')}|${videoFiles.checkpoints}/[\\w-]+\\.safetensors)$`,
)

/** Files of a run that can go one by one, those of its variations too. */
async function filesOf(folder: string): Promise<string[]> {
  const names: string[] = []
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isFile()) names.push(entry.name)
    const isPart = [runFiles.previews, videoFiles.checkpoints].some((name) => name === entry.name)
    const isVariation = variationName.test(entry.name) && isRunFolder(join(folder, entry.name))
    if (!entry.isDirectory() || !(isPart || isVariation)) continue
    const inside = isPart ? await readdir(join(folder, entry.name)) : await filesOf(join(folder, entry.name))
    names.push(...inside.map((name) => `${entry.name}/${name}`))
  }
  return names
}

/** A file right in the folder, or in that of a variation, that no run has written there. */
async function foreignFile(folder: string): Promise<string | null> {
  for (const name of (await readdir(folder)).filter((each) => !isLock(each))) {
    if (!isRunFileIn(folder, name)) return name
    const inside = variationName.test(name) ? await foreignFile(join(folder, name)) : null
    if (inside !== null) return `${name}/${inside}`
  }
  return null
}
