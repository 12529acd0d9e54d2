import { lstatSync, readdirSync, type Dirent, type Stats } from 'node:fs'
import { isAbsolute, join, relative, resolve, sep } from 'node:path'
import { Text2LiveError } from '../errors.js'
import { printable } from '../printable.js'
import { isSystemError } from './fileErrors.js'
import { linked, noFile, refuseLink } from './runFile.js'
import { runFiles } from '../session/runFiles.js'
import { videoFiles } from '../session/video/videoFiles.js'

/**
 * What is written in place, or into, or read: a link at any of these would lead out of the folder. Outputs are left
 * out, as they are replaced whole.
 */
const fixed = ['.lock', runFiles.checkpoint, ...Object.values(videoFiles)]
const varying = /^(?:(?:photo|mask|clip|object|below-\d+)(?:\..*)?|below\..*|seed-\d+)$/is

/**
 * A run folder that somebody sent is data: no link that stands at a file or folder of ours, or in such a folder, may
 * lead out of it. The folder itself may be named by a link.
 * @throws RUN_INVALID naming the link, the pipe or the device
 */
export function checkFolder(path: string): void {
  let names: string[]
  try {
    names = readdirSync(path)
  } catch {
    // There is no such folder, or it cannot be read: who opens it says so.
    return
  }
  for (const name of new Set([...fixed, ...names.filter((each) => varying.test(each))])) checkEntry(join(path, name))
}

/**
 * The path of what a run's config.yaml names, which must lie in its folder.
 * @param key the option
 * @throws RUN_INVALID for a path that leads out of the folder, by its words or by a link
 */
export function pathInside(folder: string, name: string, key: string): string {
  const path = resolve(folder, name)
  const inside = relative(resolve(folder), path)
  if (isAbsolute(name) || inside === '' || inside.split(sep)[0] === '..' || isAbsolute(inside) || name.includes('\0')) {
    throw new Text2LiveError(
      'RUN_INVALID',
      `${join(folder, runFiles.config)} names "${name}" as its ${key}, which does not lie in the run folder. ` +
        `A run holds copies of its pictures, and nothing else is read. Start a new run with the picture that you mean.`,
    )
  }
  let at = folder
  const parts = inside.split(sep)
  try {
    for (const [i, part] of parts.entries()) {
      at = join(at, part)
      if (i < parts.length - 1) refuseLink(at)
      else checkEntry(at)
    }
  } catch (cause) {
    // No file can have that name (ENAMETOOLONG), or it may not be looked at.
    if (!isSystemError(cause)) throw cause
    throw new Text2LiveError(
      'RUN_INVALID',
      `${join(folder, runFiles.config)} names "${printable(name, 200)}" as its ${key}, which cannot be looked at (${cause.code}). Start a new run with the picture that you mean.`,
      { cause },
    )
  }
  return join(folder, name)
}

function checkEntry(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  refuse(path, found)
  // Of a variation's folder the rest is looked at when it is opened.
  if (found.isDirectory())
    for (const entry of readdirSync(path, { withFileTypes: true })) refuse(join(path, entry.name), entry)
}

function refuse(path: string, found: Stats | Dirent): void {
  if (found.isSymbolicLink()) throw linked(path)
  if (!found.isFile() && !found.isDirectory()) throw noFile(path)
}
