import { existsSync } from 'node:fs'
import { constants, copyFile, mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import { Text2LiveError } from '../errors.js'
import { asidePath, clearHeldFolder, removeDeadAsides } from '../media/node/asidePath.js'
import { atomicWrite } from '../media/node/atomicWrite.js'
import { replacePath } from '../media/node/replacePath.js'
import { syncFile, syncFolder } from '../media/node/syncFolder.js'
import type { RunStore } from '../session/store.js'
import { checkFolder } from './checkFolder.js'
import { outputFiles } from '../session/events.js'
import { isSystemError, writeError, writing } from './fileErrors.js'
import { cutFile, FileLog } from './eventLog.js'
import { type FolderLock, type FolderWait, lockFolder } from './folderLock.js'
import { maxConfigBytes } from '../session/readRunConfig.js'
import { isFile, readRunFile, readRunFileSync } from './runFile.js'
import { runFiles } from '../session/runFiles.js'
import { videoFiles, videoOutputFiles } from '../session/video/videoFiles.js'
import { newFilesIn } from './newFilesIn.js'

export { runFiles }

/** A run folder that this process holds; `file` gives paths. */
export type RunFolder = RunStore

const defaultParent = 'runs'

/** The folder of a variation in that of a run with several seeds. */
export const variationName = /^seed-\d+$/

/** What a folder begins with: bytes or text by name, or the path of a file to copy; a name may lie in a sub folder. */
export type FolderContents = Readonly<Record<string, Uint8Array | string | { readonly copy: string }>>

/**
 * Fails early, before minutes of loading, where `makeRunFolder` would fail for sure.
 * @throws OUTPUT_EXISTS
 */
export async function assertFree(out: string | null, force: boolean): Promise<void> {
  if (out === null) return
  const entries = await listFolder(out)
  if (entries === null || entries.length === 0) return
  if (!force) {
    throw new Text2LiveError(
      'OUTPUT_EXISTS',
      `${out} exists already and a run folder is never overwritten. Choose another with --out, replace it with --force, ` +
        `or continue it with --resume ${out}.`,
    )
  }
  if (!isRunFolder(out)) {
    throw new Text2LiveError(
      'OUTPUT_EXISTS',
      `${out} exists and is not a run folder (it holds no ${runFiles.config} of ours); --force replaces run folders only. ` +
        'Choose another folder with --out.',
    )
  }
}

/**
 * Makes the run folder and locks it. It appears under its final name with all of `contents` in it, so that it can be
 * resumed from its first moment. With `force`, the files of the run that was there are removed first; files that are
 * none of ours stay.
 * @param out the folder, or null for runs/<input>-<n> with the first free n
 * @param inputName file name of the photo or clip
 * @throws OUTPUT_EXISTS, OUTPUT_NOT_WRITABLE, RUN_LOCKED, DISK_FULL
 */
export async function makeRunFolder(
  out: string | null,
  inputName: string,
  force: boolean,
  contents: FolderContents,
): Promise<RunFolder> {
  await assertFree(out, force)
  if (out !== null && isRunFolder(out)) return await replaceRun(out, contents)
  const parent = out === null ? defaultParent : dirname(out)
  await writing(parent, () => mkdir(parent, { recursive: true }))
  const named = join(parent, basename(out ?? inputName))
  await removeDeadAsides(named)
  const aside = asidePath(named)
  try {
    await writing(aside, () => mkdir(aside))
    await fill(aside, contents)
    const lock = await lockFolder(aside)
    const path = await moveIntoPlace(aside, out, inputName)
    lock.moved(path)
    await writing(path, () => syncFolder(parent))
    return holdFolder(path, lock)
  } catch (error) {
    await rm(aside, { recursive: true, force: true }).catch(() => undefined)
    throw error
  }
}

/** The checkpoint goes first: at no moment does a new configuration stand beside the state of the old one. */
async function replaceRun(path: string, contents: FolderContents): Promise<RunFolder> {
  const folder = await openRunFolder(path)
  try {
    for (const name of [runFiles.checkpoint, videoFiles.checkpoints, videoFiles.atlas])
      await writing(path, () => rm(folder.file(name), { recursive: true, force: true }))
    await clearRun(path)
    await fill(path, contents)
    return folder
  } catch (error) {
    folder.release()
    throw error
  }
}

async function fill(path: string, contents: FolderContents): Promise<void> {
  for (const [name, data] of Object.entries(contents)) {
    const file = join(path, name)
    if (dirname(name) !== '.') await writing(file, () => mkdir(dirname(file), { recursive: true }))
    if (typeof data === 'string' || data instanceof Uint8Array) await atomicWrite(file, data)
    else {
      await writing(file, () => copyFile(data.copy, file, constants.COPYFILE_FICLONE))
      await writing(file, () => syncFile(file))
    }
  }
  // Files are flushed as they are written; so that all of them are there when the folder gets its name, their names are
  // too.
  for (const folder of new Set(Object.keys(contents).map((name) => dirname(join(path, name)))))
    await writing(folder, () => syncFolder(folder))
}

async function moveIntoPlace(aside: string, out: string | null, inputName: string): Promise<string> {
  const stem = basename(inputName, extname(inputName)) || 'run'
  for (let n = 1; ; n++) {
    const path = out ?? join(defaultParent, `${stem}-${n}`)
    try {
      // Renaming onto a folder succeeds only where that folder is empty: no check that another process could slip past.
      if (out === null && existsSync(path)) continue
      await rename(aside, path)
      return path
    } catch (error) {
      const taken =
        isSystemError(error) && (error.code === 'ENOTEMPTY' || error.code === 'EEXIST' || error.code === 'ENOTDIR')
      if (!taken) throw writeError(error, path)
      if (out !== null) await assertFree(out, false)
      if (out !== null) throw writeError(error, path)
    }
  }
}

/**
 * Locks an existing run folder, which may come from anybody, and clears away what a killed process left half-written in
 * it.
 * @throws RUN_INVALID for links in it, RUN_LOCKED
 */
export async function openRunFolder(path: string, wait?: FolderWait): Promise<RunFolder> {
  checkFolder(path)
  const lock = await lockFolder(path, wait)
  await removeLeftovers(path)
  return holdFolder(path, lock)
}

/** A run folder that is looked at, and not held. */
export const lookIn = (path: string): RunFolder =>
  holdFolder(path, { assertHeld: () => undefined, release: () => undefined })

/** Nothing is written any more once the lock is another's. */
function holdFolder(path: string, lock: Pick<FolderLock, 'assertHeld' | 'release'>): RunFolder {
  const file = (name: string): string => join(path, name)
  return {
    path,
    file,
    read: (name) => readRunFile(file(name)),
    has: (name) =>
      new Promise((resolve) => {
        resolve(isFile(file(name)))
      }),
    async write(name, data) {
      const target = file(name)
      lock.assertHeld()
      if (dirname(name) !== '.') await writing(target, () => mkdir(dirname(target), { recursive: true }))
      await writing(target, () => atomicWrite(target, data))
    },
    list: async (name) => (await readdir(file(name)).catch(() => [])).sort(),
    async replace(make) {
      const aside = asidePath(file('rendering'))
      try {
        await writing(path, () => mkdir(aside))
        const files = newFilesIn(aside, file)
        const names = await make(files)
        await files.flush()
        lock.assertHeld()
        for (const name of names) await writing(file(name), () => replacePath(join(aside, name), file(name)))
      } finally {
        await rm(aside, { recursive: true, force: true }).catch(() => undefined)
      }
    },
    async remove(name) {
      lock.assertHeld()
      await writing(file(name), () => rm(file(name), { recursive: true, force: true }))
    },
    openLog(name, keep) {
      lock.assertHeld()
      cutFile(file(name), keep)
      return Promise.resolve(new FileLog(file(name), () => lock.assertHeld()))
    },
    release: () => lock.release(),
  }
}

/** Is it a folder that a run made: does its config.yaml say so? */
export function isRunFolder(path: string): boolean {
  try {
    return /^configVersion:/m.test(readRunFileSync(join(path, runFiles.config), maxConfigBytes)?.toString('utf8') ?? '')
  } catch {
    return false
  }
}

/**
 * Removes what a killed process left half-written in a folder that is ours: what was never renamed to its name, and
 * guards of locks that are gone.
 */
async function removeLeftovers(path: string): Promise<void> {
  for (const folder of [
    path,
    ...[runFiles.previews, videoFiles.masks, videoFiles.checkpoints].map((name) => join(path, name)),
  ])
    await clearHeldFolder(folder)
  const guards = (await readdir(path).catch(() => [])).filter((name) => name.startsWith('.lock.'))
  await Promise.all(guards.map((name) => rm(join(path, name), { recursive: true, force: true }).catch(() => undefined)))
}

async function clearRun(path: string): Promise<void> {
  for (const name of (await listFolder(path)) ?? [])
    if (isRunFileIn(path, name)) await writing(path, () => rm(join(path, name), { recursive: true, force: true }))
}

const ownNames = new Set<string>(
  [outputFiles, runFiles, videoFiles, videoOutputFiles].flatMap((names) => Object.values<string>(names)),
)

/** Is a name in a run folder that of something a run writes there: a file, a folder of files, a variation? */
export function isRunFileIn(path: string, name: string): boolean {
  const isPicture = /^(photo|mask|clip|object|below-\d+)(\.[a-z0-9]+)?$/.test(name)
  const isVariation = variationName.test(name) && isRunFolder(join(path, name))
  return ownNames.has(name) || isPicture || isVariation
}

/** Deletes a run with all that is in its folder: it is gone at once, or there as it was. */
export async function deleteHeldRun(run: RunFolder): Promise<void> {
  // What a process that dies here leaves aside is removed by the next.
  const aside = asidePath(run.path)
  await writing(run.path, () => rename(run.path, aside))
  await writing(run.path, () => rm(aside, { recursive: true }))
}

/** The entries of a folder; null where it does not exist. */
async function listFolder(path: string): Promise<string[] | null> {
  const found = await stat(path).catch((error: unknown) => {
    if (isSystemError(error) && error.code === 'ENOENT') return null
    throw writeError(error, path)
  })
  if (found === null) return null
  if (!found.isDirectory()) {
    throw new Text2LiveError(
      'OUTPUT_EXISTS',
      `${path} is a file; a run needs a folder. Choose another name with --out.`,
    )
  }
  return await readdir(path)
}
