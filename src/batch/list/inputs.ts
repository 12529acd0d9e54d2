import { closeSync, fstatSync, openSync, readdirSync, readSync, type Stats, statSync } from 'node:fs'
import { basename, isAbsolute, join } from 'node:path'
import { globSync, isDynamicPattern } from 'tinyglobby'
import { Text2LiveError } from '../../errors.js'
import { openToRead } from '../../media/node/readRegularFile.js'
import { formatOf } from '../../media/photo.js'
import { sniffClip, sniffedBytes } from '../../media/sniffClip.js'
import { sniffFormat } from '../../media/sniffFormat.js'
import { pathHint } from '../../pathHint.js'
import type { BatchJob } from '../batchJob.js'

/** A photo or a clip that a row names. */
export interface Input {
  readonly path: string
  readonly kind: BatchJob['kind']
}

/**
 * What a row's input names: a file; of a folder all photos and clips that lie right in it; of a pattern
 * (`photos/*.jpg`) all files that it matches. Sorted by name.
 * @param base what the name is relative to
 * @param kind what the row says that it is; null: what the file's first bytes say. A folder for a clip is its frames
 * @throws INPUT_NOT_FOUND, INPUT_EMPTY, INPUT_NOT_IMAGE, CLIP_NOT_VIDEO
 */
export function inputsAt(name: string, base: string, kind: BatchJob['kind'] | null): Input[] {
  const path = isAbsolute(name) ? name : join(base, name)
  const found = entryAt(path)
  if (found === null && isDynamicPattern(name)) return matched(name, base, kind)
  if (found?.isDirectory() !== true) return [{ path, kind: assertKind(path, kind) }]
  if (kind === 'clip') return [{ path, kind }]
  const inside = visible(path).flatMap((name) => {
    const file = join(path, name)
    const its = kindOf(file)
    return its === null || (kind !== null && its !== kind) ? [] : [{ path: file, kind: its }]
  })
  if (inside.length > 0) return inside
  throw new Text2LiveError(
    'INPUT_NOT_FOUND',
    `Expected a folder with photos or clips, but there are none right in "${path}". Name another, or a pattern such as "${join(path, '**', '*.jpg')}".`,
  )
}

/** What is at a path; null where nothing is, or it cannot be looked at (a name of ten thousand characters). */
export function entryAt(path: string): Stats | null {
  try {
    return statSync(path)
  } catch {
    return null
  }
}

function matched(pattern: string, base: string, kind: BatchJob['kind'] | null): Input[] {
  const files = filesOf(pattern, base).sort()
  if (files.length > 0) return files.map((path) => ({ path, kind: assertKind(path, kind) }))
  throw new Text2LiveError(
    'INPUT_NOT_FOUND',
    `Expected files for the pattern "${pattern}", but there are none. Check the path; "*" stands for a part of a name, "**" for any folders.`,
  )
}

/** None where the pattern is none that can be followed. */
function filesOf(pattern: string, base: string): string[] {
  const options = { expandDirectories: false, onlyFiles: true } as const
  try {
    return isAbsolute(pattern)
      ? globSync(pattern, { ...options, absolute: true })
      : globSync(pattern, { ...options, cwd: base }).map((file) => join(base, file))
  } catch {
    return []
  }
}

/** @throws INPUT_NOT_FOUND */
function visible(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => !entry.name.startsWith('.') && !entry.isDirectory())
      .map(({ name }) => name)
      .sort()
  } catch (cause) {
    throw new Text2LiveError(
      'INPUT_NOT_FOUND',
      `Expected a folder with photos or clips, but "${folder}" cannot be read. Check its permissions.`,
      { cause },
    )
  }
}

/** @throws INPUT_NOT_FOUND, INPUT_EMPTY, INPUT_NOT_IMAGE, CLIP_NOT_VIDEO */
function assertKind(path: string, said: BatchJob['kind'] | null): BatchJob['kind'] {
  const head = headOf(path)
  const kind = kindOfHead(head, path)
  if (kind !== null && (said === null || said === kind)) return kind
  if (said === 'clip')
    throw new Text2LiveError(
      'CLIP_NOT_VIDEO',
      `Expected a clip, but "${path}" looks like ${sniffFormat(head).looksLike}. Name a video, or a folder of frames.`,
    )
  // It throws: what it takes is a photo.
  formatOf(basename(path), head)
  return 'photo'
}

/** Null for what is neither. */
function kindOf(path: string): BatchJob['kind'] | null {
  try {
    return kindOfHead(headOf(path), path)
  } catch (error) {
    if (error instanceof Text2LiveError) return null
    throw error
  }
}

function kindOfHead(head: Uint8Array, path: string): BatchJob['kind'] | null {
  if (sniffFormat(head).format !== undefined) return 'photo'
  return sniffClip(head, path).kind === 'refused' ? null : 'clip'
}

/** The first bytes of a regular file. @throws INPUT_NOT_FOUND, INPUT_EMPTY */
function headOf(path: string): Uint8Array {
  let file: number
  try {
    file = openSync(path, openToRead)
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause)
    const came =
      code === 'ENOENT' || code === 'ENOTDIR'
        ? `there is no file "${path}". ${pathHint(path)}`
        : `"${path}" cannot be read (${code}). Check its permissions.`
    throw new Text2LiveError('INPUT_NOT_FOUND', `Expected a photo or a clip, but ${came}`, { cause })
  }
  try {
    if (!fstatSync(file).isFile())
      throw new Text2LiveError(
        'INPUT_NOT_FOUND',
        `Expected a photo or a clip, but "${path}" is no regular file. Copy what it gives into a file and name that.`,
      )
    const head = new Uint8Array(sniffedBytes)
    const count = readSync(file, head)
    if (count > 0) return head.subarray(0, count)
    throw new Text2LiveError('INPUT_EMPTY', `Expected a photo or a clip, but "${path}" is empty. Save it again.`)
  } finally {
    closeSync(file)
  }
}
