import { createHash } from 'node:crypto'
import { lstat, readdir, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Text2LiveError } from '../../errors.js'
import { writeError } from '../../media/node/atomicWrite.js'
import type { CheckedClip } from '../loadGuidance.js'
import { knownModels, starterName } from '../knownModels.js'
import { openClip } from '../loadGuidance.js'
import { layoutOf, openClipLayout } from '../modelFiles.js'
import { readJson } from '../weightFile.js'
import { digestOf, partSuffix, sizeOf } from './fetchFile.js'
import { cachedSnapshot, filesIn, repoFolder } from './hubRepo.js'
import { folderSource } from './folderSource.js'
import { isPlugin, openPath, readModelName } from './openModelSource.js'

/** A model as `models list` shows it. */
export interface ListedModel {
  readonly name: string
  /** `part`: its download was not finished. */
  readonly state: 'embedded' | 'cached' | 'part' | 'absent'
  /** On the disk; of an absent model what its weights will take, about. */
  readonly bytes: number
  readonly about: string
  readonly folder?: string
}

export interface ModelDescription extends ListedModel {
  readonly commit?: string
  /**
   * Numbers in an embedding, px of a patch and of the image it was trained on, blocks and width of each tower,
   * activation.
   */
  readonly architecture?: {
    readonly embedding: number
    readonly patch: number
    readonly image: number
    readonly imageTower: { readonly blocks: number; readonly width: number }
    readonly textTower: { readonly blocks: number; readonly width: number; readonly context: number }
    readonly activation: string
  }
  readonly files: readonly { readonly name: string; readonly bytes: number }[]
}

export interface FileCheck {
  readonly file: string
  readonly bytes: number
  /**
   * Null where the cache holds no hash to compare with: a file that another program put there without links is known by
   * its name only. It can be read.
   */
  readonly intact: boolean | null
  /** The hash that was published, or that the file had when it was put into the cache. */
  readonly expected: string | null
  readonly found: string
}

const starterFolder = fileURLToPath(new URL('../../../models/starter', import.meta.url))

/** The embedded model, the known ones, and every other CLIP in the cache. */
export async function listModels(cache: string): Promise<ListedModel[]> {
  const folders = (await readdir(cache).catch(() => [])).filter((name) => name.startsWith('models--'))
  const names = new Set([
    ...knownModels.map(({ repo }) => repo),
    ...folders.map((name) => name.slice('models--'.length).replaceAll('--', '/')),
  ])
  const listed = await Promise.all([...names].map((name) => describeRepo(cache, name)))
  const known = (name: string): boolean => knownModels.some(({ repo }) => repo === name)
  return [
    await describeStarter(),
    ...listed
      .filter(({ name, state, clip }) => known(name) || state === 'part' || clip)
      .map(({ clip: _, ...model }) => model),
  ]
}

async function describeStarter(): Promise<ListedModel> {
  const sizes = await Promise.all((await readdir(starterFolder)).map((name) => sizeOf(join(starterFolder, name))))
  const bytes = sizes.reduce((sum: number, size) => sum + (size ?? 0), 0)
  return {
    name: starterName,
    state: 'embedded',
    bytes,
    about: 'the small model that the package carries',
    folder: starterFolder,
  }
}

async function describeRepo(cache: string, name: string): Promise<ListedModel & { clip: boolean }> {
  const known = knownModels.find(({ repo }) => repo === name)
  const about = known?.about ?? ''
  const folder = repoFolder(cache, name)
  const blobs = await readdir(join(folder, 'blobs')).catch(() => [])
  const bytes = await bytesOf(folder)
  if (bytes === null) return { name, state: 'absent', bytes: known?.bytes ?? 0, about, clip: false }
  const snapshot = await cachedSnapshot(cache, name)
  if (snapshot !== null) return { name, state: 'cached', bytes, about, folder, clip: await isClip(snapshot) }
  const ours = blobs.some((blob) => blob.endsWith(partSuffix))
  return { name, state: known !== undefined || ours ? 'part' : 'cached', bytes, about, folder, clip: false }
}

/**
 * What a repository takes on the disk: its blobs, and what stands in its snapshots itself where there are no links.
 * Null where it has neither.
 */
async function bytesOf(folder: string): Promise<number | null> {
  const listed = await Promise.all(
    ['blobs', 'snapshots'].map((part) =>
      readdir(join(folder, part), { recursive: true }).then(
        (names) => names.map((name) => join(folder, part, name)),
        () => null,
      ),
    ),
  )
  if (listed.every((paths) => paths === null)) return null
  const files = new Map<string, number>()
  for (const path of listed.flatMap((paths) => paths ?? [])) {
    const found = await lstat(path, { bigint: true }).catch(() => null)
    if (found?.isFile() === true) files.set(`${found.dev} ${found.ino}`, Number(found.size))
  }
  return [...files.values()].reduce((sum, size) => sum + size, 0)
}

async function isClip(snapshot: string): Promise<boolean> {
  try {
    if (layoutOf(new Set(await readdir(snapshot))) === openClipLayout) return true
    const config = await readJson(await folderSource(snapshot), 'config.json')
    return (config as { model_type?: unknown } | null)?.model_type === 'clip'
  } catch {
    return false
  }
}

/** @throws MODEL_UNKNOWN; GUIDANCE_INVALID, SAFETENSORS_INVALID for a model that cannot be used */
export async function describeModel(value: string, cache: string): Promise<ModelDescription> {
  const name = readModelName(value)
  if (name.kind === 'starter')
    return { ...(await describeStarter()), files: await filesOf(starterFolder, await readdir(starterFolder)) }
  const listed = name.kind === 'repo' ? await describeRepo(cache, name.repo) : null
  if (listed !== null && listed.state !== 'cached') return withoutClip({ ...listed, files: [] })
  if (name.kind === 'plugin') throw isPlugin(value)
  if (name.kind === 'url')
    throw new Text2LiveError(
      'OPTION_INVALID',
      `Expected a name or a path, it is an address. Fetch it first: text2live models get ${value}`,
    )
  const folder = name.kind === 'repo' ? await requireSnapshot(name.repo, cache) : name.path
  const source = await openPath(folder)
  const files = folder.endsWith('.pt')
    ? await filesOf(dirname(folder), [basename(folder)])
    : await filesOf(folder, await filesIn(folder))
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  const base = listed ?? { name: value, state: 'cached' as const, bytes, about: '', folder, clip: true }
  return withoutClip({
    ...base,
    ...(name.kind === 'repo' ? { commit: basename(folder) } : {}),
    architecture: architectureOf(await openClip(source)),
    files,
  })
}

const withoutClip = <T extends { clip: boolean }>({ clip: _, ...model }: T): Omit<T, 'clip'> => model

function architectureOf({ config }: CheckedClip): NonNullable<ModelDescription['architecture']> {
  const { vision_config: vision, text_config: text } = config
  return {
    embedding: config.projection_dim,
    patch: vision.patch_size,
    image: vision.image_size,
    activation: vision.hidden_act,
    imageTower: { blocks: vision.num_hidden_layers, width: vision.hidden_size },
    textTower: { blocks: text.num_hidden_layers, width: text.hidden_size, context: text.max_position_embeddings },
  }
}

async function filesOf(folder: string, names: readonly string[]): Promise<{ name: string; bytes: number }[]> {
  return await Promise.all(names.map(async (name) => ({ name, bytes: (await stat(join(folder, name))).size })))
}

/** @throws MODEL_NOT_CACHED */
async function requireSnapshot(repo: string, cache: string): Promise<string> {
  const snapshot = await cachedSnapshot(cache, repo)
  if (snapshot !== null) return snapshot
  throw notCached(repo, cache)
}

const notCached = (repo: string, cache: string): Text2LiveError =>
  new Text2LiveError(
    'MODEL_NOT_CACHED',
    `Expected ${repo} in ${repoFolder(cache, repo)}, it is not there, or not whole. \`text2live models get ${repo}\` fetches it.`,
  )

/**
 * Hashes every file of a model again: of the cache against the hash that names it, of the embedded model against the
 * checksums beside it.
 * @throws MODEL_UNKNOWN, MODEL_NOT_CACHED; OPTION_INVALID for a folder of one's own, which nobody published hashes of
 */
export async function verifyModel(value: string, cache: string): Promise<FileCheck[]> {
  const name = readModelName(value)
  if (name.kind === 'starter') return await verifyStarter()
  if (name.kind !== 'repo') {
    throw new Text2LiveError(
      'OPTION_INVALID',
      `Only models in the cache have hashes to compare with; ${value} is none. Put it there by \`text2live models import\`.`,
    )
  }
  const snapshot = await requireSnapshot(name.repo, cache)
  const checks: HashedFile[] = []
  for (const file of await filesIn(snapshot)) checks.push(await hashFile(snapshot, file))
  const spare = await unclaimedBlobs(repoFolder(cache, name.repo), checks)
  const results = checks.map(({ file, bytes, blob, hashes: [sha256 = '', git = ''] }): FileCheck => {
    if (blob !== null) {
      const found = blob.length === sha256.length ? sha256 : git
      return { file, bytes, intact: found === blob, expected: blob, found }
    }
    // Where the system has no links the file is a copy: its hash must be among those of the cache, unless every one of
    // them is another file's.
    const named = [sha256, git].find((hash) => spare.all.has(hash))
    if (named !== undefined) return { file, bytes, intact: true, expected: named, found: named }
    return spare.left.size > 0
      ? { file, bytes, intact: false, expected: 'a hash in blobs', found: sha256 }
      : { file, bytes, intact: null, expected: null, found: sha256 }
  })
  // Nobody knows the hash, but a file that was cut or overwritten cannot be read.
  if (results.some(({ intact }) => intact === null)) await openClip(await openPath(snapshot))
  return results
}

interface HashedFile {
  readonly file: string
  readonly bytes: number
  /** The hash that its place is called by, where it is a link into `blobs`. */
  readonly blob: string | null
  /** SHA-256 and git's object id. */
  readonly hashes: readonly string[]
}

const isHash = (name: string): boolean => /^[0-9a-f]{40}([0-9a-f]{24})?$/.test(name)

async function hashFile(snapshot: string, file: string): Promise<HashedFile> {
  const path = await realpath(join(snapshot, file))
  const hashes = await Promise.all((['sha256', 'git'] as const).map((kind) => digestOf(path, kind)))
  return { file, bytes: (await stat(path)).size, blob: isHash(basename(path)) ? basename(path) : null, hashes }
}

/**
 * The hashes in `blobs`, and those of them that no link and no copy stands for: a file that changed had one of these.
 */
async function unclaimedBlobs(
  folder: string,
  checks: readonly HashedFile[],
): Promise<{ all: ReadonlySet<string>; left: ReadonlySet<string> }> {
  const all = new Set((await readdir(join(folder, 'blobs')).catch(() => [])).filter(isHash))
  const snapshots = join(folder, 'snapshots')
  const linked = await Promise.all(
    (await readdir(snapshots, { recursive: true })).map(async (name) =>
      basename(await realpath(join(snapshots, name)).catch(() => '')),
    ),
  )
  const claimed = new Set([...linked, ...checks.flatMap(({ hashes }) => hashes)])
  return { all, left: new Set([...all].filter((hash) => !claimed.has(hash))) }
}

async function verifyStarter(): Promise<FileCheck[]> {
  const sums = (await readFile(join(starterFolder, 'SHA256SUMS'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => line.split(/\s+\*?/))
  return await Promise.all(
    sums.map(async ([expected = '', file = '']) => {
      const path = join(starterFolder, file)
      const bytes = await sizeOf(path)
      const found = bytes === null ? 'no file' : await digestOf(path, 'sha256')
      return { file, bytes: bytes ?? 0, intact: found === expected, expected, found }
    }),
  )
}

/**
 * Deletes a model from the cache. Since other programs share the cache, it has to be forced.
 * @returns bytes that were freed
 * @throws MODEL_UNKNOWN, MODEL_NOT_CACHED, OPTION_INVALID without `force`, OUTPUT_NOT_WRITABLE
 */
export async function removeModel(
  value: string,
  cache: string,
  force: boolean,
): Promise<{ name: string; folder: string; bytes: number }> {
  const name = readModelName(value)
  if (name.kind !== 'repo') {
    throw new Text2LiveError(
      'OPTION_INVALID',
      `Only models in the cache can be removed; ${
        name.kind === 'starter'
          ? 'the starter model is part of the package'
          : `${value} is a file of yours, delete it yourself`
      }. \`text2live models list\` shows the cache.`,
    )
  }
  const { bytes, folder } = await describeRepo(cache, name.repo)
  if (folder === undefined) throw notCached(name.repo, cache)
  if (!force) {
    throw new Text2LiveError(
      'OPTION_INVALID',
      `This would delete ${folder} (${Math.ceil(bytes / 1e6)} MB), which other programs that use the Hugging Face cache ` +
        'may need too. Add --force to delete it.',
    )
  }
  // Renamed first: a model is never half there.
  const aside = join(
    cache,
    `.text2live-removed-${createHash('sha1').update(`${folder} ${process.pid}`).digest('hex').slice(0, 8)}`,
  )
  try {
    await rename(folder, aside)
    await rm(aside, { recursive: true })
    await rm(join(cache, '.locks', basename(folder)), { recursive: true, force: true })
  } catch (cause) {
    throw writeError(folder, cause)
  }
  return { name: name.repo, folder, bytes }
}
