import { createHash, randomBytes } from 'node:crypto'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { basename, extname, join, resolve } from 'node:path'
import { Text2LiveError } from '../../errors.js'
import { atomicWrite, writeError } from '../../media/node/atomicWrite.js'
import type { FileSource } from '../fileSource.js'
import { inHuggingFaceLayout, openClip } from '../loadGuidance.js'
import { surveyModel } from '../modelFiles.js'
import { requireRoom, sizeOf, startHash } from './fetchFile.js'
import { cachedSnapshot, linkBlob, markAbsent, repoFolder } from './hubRepo.js'
import { openPath } from './openModelSource.js'

export interface ImportedModel {
  readonly name: string
  readonly folder: string
  readonly bytes: number
}

/** Bytes that are copied at a time. */
const portion = 8 * 2 ** 20
/** Larger files are known by their SHA-256, as on the hub; smaller ones by git's object id. */
const largeFile = 10e6

/**
 * Copies a model into the cache, where it is found by name from then on: as if it had been fetched. It is checked
 * first: its files, the shapes and every number of its weights.
 * @param path a folder in the Hugging Face layout; or in that of open_clip, or a `.pt` file of OpenAI's, which are
 *   converted to it
 * @param name owner/name; by default local/<name of the folder>
 * @throws GUIDANCE_NOT_FOUND, GUIDANCE_INVALID, SAFETENSORS_INVALID for what is no model; OPTION_INVALID for a name
 *   that cannot be; OUTPUT_EXISTS where the cache has another model of that name; DISK_FULL, OUTPUT_NOT_WRITABLE
 */
export async function importModel(path: string, name: string | undefined, cache: string): Promise<ImportedModel> {
  const repo = checkName(
    name ?? `local/${basename(resolve(path), extname(path) === '.pt' ? '.pt' : '').replace(/[^\w.-]+/g, '-')}`,
  )
  const source = await inHuggingFaceLayout(await openPath(path))
  const { files, missing } = await surveyModel(source)
  if (missing.length > 0) {
    throw new Text2LiveError(
      'GUIDANCE_INVALID',
      `Expected a model in the Hugging Face layout at ${path}; it has no ${missing.join(', no ')}. Give the folder that holds these files.`,
    )
  }
  const { file } = await openClip(source)
  for (const tensor of file.header.entries.keys()) if (!tensor.endsWith('position_ids')) await file.weights([tensor])
  return await copyInto(repo, source, files, cache)
}

function checkName(name: string): string {
  if (/^[\w-][\w.-]*\/[\w-][\w.-]*$/.test(name) && !/--|\.\./.test(name)) return name
  throw new Text2LiveError(
    'OPTION_INVALID',
    `Expected --name to be owner/name in letters, digits, "-", "_" and ".", it is "${name}". For example: --name local/my-clip`,
  )
}

async function copyInto(
  repo: string,
  source: FileSource,
  names: readonly string[],
  cache: string,
): Promise<ImportedModel> {
  const folder = repoFolder(cache, repo)
  const files: HashedFile[] = []
  for (const name of names) files.push(await hashFile(source, name))
  // A commit is named by what it holds: the same files give the same name.
  const commit = createHash('sha1')
    .update(files.map(({ name, hex }) => `${name} ${hex}\n`).join(''))
    .digest('hex')
  const before = await cachedSnapshot(cache, repo)
  if (before !== null && basename(before) !== commit) {
    throw new Text2LiveError(
      'OUTPUT_EXISTS',
      `The cache has another model called ${repo} already, in ${before}. Choose another --name, or remove that one first: text2live models remove ${repo}`,
    )
  }
  const blobs = join(folder, 'blobs')
  await mkdir(blobs, { recursive: true }).catch((cause: unknown) => {
    throw writeError(blobs, cause)
  })
  const bytes = files.reduce((sum, { size }) => sum + size, 0)
  await requireRoom(blobs, repo, bytes)
  const snapshot = join(folder, 'snapshots', commit)
  for (const file of files) {
    const blob = join(blobs, file.hex)
    if ((await sizeOf(blob)) !== file.size) await copyBlob(source, file, blob)
    await linkBlob(blob, join(snapshot, file.name))
  }
  await markAbsent(folder, commit, new Set(names))
  await mkdir(join(folder, 'refs'), { recursive: true })
  await atomicWrite(join(folder, 'refs', 'main'), commit)
  return { name: repo, folder: snapshot, bytes }
}

interface HashedFile {
  readonly name: string
  readonly size: number
  readonly hex: string
}

async function hashFile(source: FileSource, name: string): Promise<HashedFile> {
  const size = (await source.size(name))!
  const hash = startHash(size > largeFile ? 'sha256' : 'git', size)
  for (let at = 0; at < size; at += portion) hash.update(await source.read(name, at, Math.min(size, at + portion)))
  return { name, size, hex: hash.digest('hex') }
}

async function copyBlob(source: FileSource, { name, size }: HashedFile, path: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    const handle = await open(temporary, 'wx')
    try {
      for (let at = 0; at < size; at += portion)
        await handle.appendFile(await source.read(name, at, Math.min(size, at + portion)))
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, path)
  } catch (cause) {
    throw writeError(path, cause)
  } finally {
    await rm(temporary, { force: true })
  }
}
