import { downloadFile, HubApiError, modelInfo, pathsInfo } from '@huggingface/hub'
import { link, mkdir, readdir, readFile, symlink, copyFile, lstat, rm } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { Text2LiveError } from '../../errors.js'
import { atomicWrite, writeError } from '../../media/node/atomicWrite.js'
import { nearestModel } from '../knownModels.js'
import { missingFiles, modelFiles, normalisationFile, wantedFiles } from '../modelFiles.js'
import { fetchFile, sizeOf, type Digest } from './fetchFile.js'
import type { HubEnvironment } from './hubEnvironment.js'
import { countProgress, type OnProgress } from './modelProgress.js'
import { ConnectionFailure, patiently, steadyFetch, type Patience, type SteadyFetch } from './steadyFetch.js'

export interface FetchModelOptions {
  readonly environment: HubEnvironment
  readonly onProgress?: OnProgress
  readonly signal?: AbortSignal | undefined
  readonly patience?: Patience
}

/** A repository in the cache: `blobs/<hash>`, `snapshots/<commit>/<file>` that link to them, `refs/main`. */
export const repoFolder = (cache: string, repo: string): string => join(cache, `models--${repo.replaceAll('/', '--')}`)

/** One file of a commit, as the hub describes it. */
export interface RemoteFile {
  readonly path: string
  readonly size: number
  readonly digest: Digest
}

/**
 * The folder of a model's files, from the cache where they are all there; what is missing is fetched first.
 * @param refresh ask the hub for the newest commit in any case
 * @throws MODEL_UNKNOWN, MODEL_OFFLINE, MODEL_DAMAGED, DOWNLOAD_FAILED, DISK_FULL, OUTPUT_NOT_WRITABLE, INTERRUPTED
 */
export async function fetchRepo(repo: string, options: FetchModelOptions, refresh = false): Promise<string> {
  const { environment } = options
  const cached = refresh ? null : await cachedSnapshot(environment.cache, repo)
  const complete = cached !== null && (environment.offline || await isComplete(environment.cache, repo, cached))
  if (complete) return cached
  if (environment.offline) throw offline(repo, environment, 'HF_HUB_OFFLINE is set')
  try {
    return await download(repo, options, cached === null ? 'main' : basename(cached))
  } catch (error) {
    // What is missing may well not exist; the model itself is whole.
    if (cached !== null && error instanceof ConnectionFailure && error.unreachable) return cached
    if (error instanceof ConnectionFailure && error.unreachable) throw offline(repo, environment, error.message)
    throw coded(error, repo, environment)
  }
}

/** The snapshot that `refs/main` names, or the only one there is, where it holds a whole model. */
export async function cachedSnapshot(cache: string, repo: string): Promise<string | null> {
  const folder = repoFolder(cache, repo)
  const main = (await readFile(join(folder, 'refs', 'main'), 'utf8').catch(() => '')).trim()
  const commits = main === '' ? await readdir(join(folder, 'snapshots')).catch(() => []) : [main]
  if (commits.length !== 1) return null
  const snapshot = join(folder, 'snapshots', commits[0]!)
  return missingFiles(await filesIn(snapshot)).length === 0 ? snapshot : null
}

/**
 * Another program may have put a model here without the files that it had no use for. What the repository does not have either is marked as all programs
 * of the ecosystem do: by an empty file in `.no_exist/<commit>`.
 */
async function isComplete(cache: string, repo: string, snapshot: string): Promise<boolean> {
  const absent = join(repoFolder(cache, repo), '.no_exist', basename(snapshot), normalisationFile)
  return await sizeOf(join(snapshot, normalisationFile)) !== null || await sizeOf(absent) !== null
}

/** @param present the files that the repository has at `commit` */
export async function markAbsent(folder: string, commit: string, present: ReadonlySet<string>): Promise<void> {
  if (present.has(normalisationFile)) return
  await mkdir(join(folder, '.no_exist', commit), { recursive: true })
  await atomicWrite(join(folder, '.no_exist', commit, normalisationFile), '')
}

/** Which of the files that we read are in a folder, links to nothing left out. */
export async function filesIn(folder: string): Promise<Set<string>> {
  const sizes = await Promise.all(modelFiles.map(name => sizeOf(join(folder, name))))
  return new Set(modelFiles.filter((_, i) => sizes[i] !== null))
}

async function download(repo: string, options: FetchModelOptions, revision: string): Promise<string> {
  const { environment, signal, onProgress = () => undefined } = options
  const { cache } = environment
  const patience = options.patience ?? { stallSeconds: environment.stallSeconds }
  const hub = connectHub(repo, environment, patience, signal)
  const { commit, files } = await listFiles(repo, hub, revision)
  const folder = repoFolder(cache, repo)
  const snapshot = join(folder, 'snapshots', commit)
  const total = files.reduce((sum, { size }) => sum + size, 0)
  const progress = countProgress(repo, total, onProgress)
  let before = 0
  for (const { path, size, digest } of files) {
    const blob = join(folder, 'blobs', digest.hex)
    if (await sizeOf(blob) !== size) {
      if (await sizeOf(blob) !== null) await rm(blob)
      await fetchFile(
        {
          path: blob, name: `${repo}/${path}`, size, digest, lock: join(cache, '.locks', `models--${repo.replaceAll('/', '--')}`, `${digest.hex}.text2live`),
          open: start => hub.open(commit, path, start),
        },
        { patience, signal, onBytes: bytes => progress.at(path, before + bytes) },
      )
    }
    before += size
    await linkBlob(blob, join(snapshot, path))
  }
  await markAbsent(folder, commit, new Set(files.map(({ path }) => path)))
  if (revision === 'main') {
    await mkdir(join(folder, 'refs'), { recursive: true })
    await atomicWrite(join(folder, 'refs', 'main'), commit)
  }
  progress.done(files.at(-1)!.path)
  return snapshot
}

interface Hub {
  /** The commit that a branch (or a commit) names, and the names of its files. */
  head(revision: string): Promise<{ commit: string; names: Set<string> }>
  describe(commit: string, paths: string[]): Promise<RemoteFile[]>
  open(commit: string, path: string, start: number): Promise<AsyncIterable<Uint8Array>>
}

/** The hub client, with our `fetch` and our patience. */
function connectHub(repo: string, environment: HubEnvironment, patience: Patience, signal: AbortSignal | undefined): Hub {
  const { endpoint: hubUrl, token } = environment
  const steady = (): SteadyFetch => steadyFetch({ ...patience, signal, token, origin: new URL(hubUrl).origin })
  /** One request with its answer read to the end. */
  const call = <T>(work: (fetch: typeof globalThis.fetch) => Promise<T>): Promise<T> => patiently(patience, signal, async () => {
    const { fetch, failure } = steady()
    try {
      return await work(fetch)
    } catch (error) {
      throw failure() ?? error
    }
  })
  return {
    async head(revision) {
      const { sha, filePaths } = await call(fetch => modelInfo({ name: repo, revision, hubUrl, fetch, additionalFields: ['sha', 'filePaths'] }))
      // Both become names in the cache.
      if (!/^[0-9a-f]{40}$/.test(sha)) throw unreadable(repo, hubUrl, 'no commit')
      return { commit: sha, names: new Set(filePaths) }
    },
    async describe(commit, paths) {
      const infos = await call(fetch => pathsInfo({ repo, paths, revision: commit, hubUrl, fetch }))
      return infos.map(({ path, size, lfs, oid }) => {
        const digest: Digest = lfs === undefined ? { kind: 'git', hex: oid ?? '' } : { kind: 'sha256', hex: lfs.oid }
        if (!/^[0-9a-f]{40}([0-9a-f]{24})?$/.test(digest.hex)) throw unreadable(repo, hubUrl, `no hash for ${path}`)
        return { path, size: lfs?.size ?? size, digest }
      })
    },
    async open(commit, path, start) {
      const { fetch, failure } = steady()
      const blob = await downloadFile({ repo, path, revision: commit, hubUrl, fetch, xet: false }).catch((error: unknown) => { throw failure() ?? error })
      if (blob === null) throw unreadable(repo, hubUrl, `no ${path}`)
      return readAll((start === 0 ? blob : blob.slice(start)).stream(), failure)
    },
  }
}

/** The stream's bytes; its errors are the text of ours where the client passes them on. */
async function* readAll(stream: ReadableStream<Uint8Array>, failure: () => unknown): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } catch (error) {
    throw failure() ?? (typeof error === 'string' ? new Error(error) : error)
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}

async function listFiles(repo: string, hub: Hub, revision: string): Promise<{ commit: string; files: RemoteFile[] }> {
  const { commit, names } = await hub.head(revision)
  const missing = missingFiles(names)
  if (missing.length > 0) {
    throw new Text2LiveError('GUIDANCE_INVALID',
      `Expected ${repo} to be a CLIP in the Hugging Face layout; it offers no ${missing.join(', no ')}. Use another repository, for instance `
        + 'openai/clip-vit-base-patch32.')
  }
  const wanted = wantedFiles(names)
  const described = new Map((await hub.describe(commit, wanted)).map(file => [file.path, file]))
  return { commit, files: wanted.flatMap(name => described.get(name) ?? []) }
}

/** A relative link, as all programs of the ecosystem make; where the system has none, a second name for the same file, or a copy. */
export async function linkBlob(blob: string, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  if (await lstat(path).catch(() => null) !== null) {
    if (await sizeOf(path) === await sizeOf(blob)) return
    await rm(path, { force: true })
  }
  const attempts = [() => symlink(relative(dirname(path), blob), path), () => link(blob, path), () => copyFile(blob, path)]
  let failure: unknown
  for (const attempt of attempts) {
    try {
      await attempt(); return;
    } catch (error) {
      // Another process made it meanwhile.
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return
      failure = error
    }
  }
  throw writeError(path, failure)
}

function coded(error: unknown, repo: string, { endpoint, token }: HubEnvironment): unknown {
  if (error instanceof ConnectionFailure) {
    return new Text2LiveError('DOWNLOAD_FAILED',
      `The download of ${repo} failed several times in a row: ${error.message}. What was downloaded so far is kept; run the same again to go on.`, { cause: error })
  }
  if (!(error instanceof HubApiError)) return error
  const { statusCode } = error
  if (statusCode !== 401 && statusCode !== 403 && statusCode !== 404) {
    return new Text2LiveError('DOWNLOAD_FAILED', `${endpoint} answered ${statusCode} when asked for ${repo}: ${error.message}. Try again later.`, { cause: error })
  }
  const nearest = nearestModel(repo)
  return new Text2LiveError('MODEL_UNKNOWN',
    `Expected a model called ${repo} at ${endpoint}, which shows none (${statusCode})${nearest === repo ? '' : `. The nearest known name is "${nearest}"`}. `
      + (token === null
        ? 'If it is private or asks to accept terms, put a token into HF_TOKEN.'
        : 'If it is private or asks to accept terms, the token in use may not read it: accept the terms on its page, or use another token.'),
    { cause: error })
}

const unreadable = (repo: string, endpoint: string, came: string): Text2LiveError =>
  new Text2LiveError('DOWNLOAD_FAILED', `Expected ${endpoint} to describe the files of ${repo}; it gave ${came}. Check HF_ENDPOINT, or try again later.`)

function offline(repo: string, { cache }: HubEnvironment, why: string): Text2LiveError {
  const folder = repoFolder(cache, repo)
  return new Text2LiveError('MODEL_OFFLINE',
    `The files of ${repo} are not all in ${folder}, and they cannot be fetched: ${why}. It takes config.json, model.safetensors (or pytorch_model.bin) and `
      + 'tokenizer.json (or vocab.json and merges.txt). Two ways to put them there: on a machine with network, `text2live models get '
      + `${repo}\`, then copy that folder to ${folder} here; or copy the files to any folder and run \`text2live models import <folder> --name ${repo}\`.`)
}
