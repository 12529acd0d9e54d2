import { downloadFile, HubApiError, modelInfo, pathsInfo } from '@huggingface/hub'
import { link, mkdir, readdir, symlink, copyFile, lstat, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { z } from 'zod'
import { Text2LiveError } from '../../errors.js'
import { atomicWrite, writeError } from '../../media/node/atomicWrite.js'
import { readRegularFile } from '../../media/node/readRegularFile.js'
import { findKnownModel, nearestModel } from '../knownModels.js'
import { layoutOf, missingFiles, normalisationFile, openClipLayout, surveyModel, wantedFiles } from '../modelFiles.js'
import { kindOfModel } from '../otherModels.js'
import { readShards, shardIndex } from '../shards.js'
import { readJson } from '../weightFile.js'
import { boundedFetch } from './boundedFetch.js'
import { fetchFile, sizeOf, type Digest } from './fetchFile.js'
import { folderSource } from './folderSource.js'
import type { HubEnvironment } from './hubEnvironment.js'
import { countProgress, type OnProgress } from '../modelProgress.js'
import { proxyFor } from './proxies.js'
import { ConnectionFailure, patiently, steadyFetch, type Patience, type SteadyFetch } from './steadyFetch.js'

export interface FetchModelOptions {
  readonly environment: HubEnvironment
  readonly onProgress?: OnProgress
  /** What a person should know of how the model was found. */
  readonly onNote?: (message: string) => void
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

/** A whole model is in the cache: what else may be had is worth one question and these seconds. */
const brief = { attempts: 1, stallSeconds: 5 }

/**
 * The folder of a model's files, from the cache where they are all there, whatever the network answers; what is missing
 * is fetched first.
 * @param refresh ask the hub for the newest commit in any case
 * @throws MODEL_UNKNOWN, MODEL_OFFLINE, MODEL_DAMAGED, DOWNLOAD_FAILED, DISK_FULL, OUTPUT_NOT_WRITABLE, INTERRUPTED;
 *   OPTION_INVALID for a proxy variable that cannot be used
 */
export async function fetchRepo(repo: string, options: FetchModelOptions, refresh = false): Promise<string> {
  const { environment, onNote = () => undefined } = options
  const { offline: isOffline, cache } = environment
  const cached = refresh ? null : await cachedSnapshot(cache, repo)
  if (cached !== null) await noteOlder(cache, repo, cached, onNote)
  const complete = cached !== null && (await isComplete(cache, repo, cached))
  const lacking = (why: string): void => {
    // The known models want what OpenAI's do.
    if (!complete && findKnownModel(repo) === undefined) {
      onNote(
        `${repo} is taken from the cache, which lacks ${normalisationFile}, so pixels are normalised as OpenAI's models want them: ${why}`,
      )
    }
  }
  if (cached !== null && (isOffline || complete)) {
    if (isOffline) lacking('HF_HUB_OFFLINE is set')
    return cached
  }
  if (isOffline) throw offline(repo, environment, 'HF_HUB_OFFLINE is set')
  try {
    if (cached === null) return await download(repo, options, 'main')
    const patience = {
      ...options.patience,
      ...brief,
      stallSeconds: Math.min(brief.stallSeconds, options.patience?.stallSeconds ?? environment.stallSeconds),
    }
    return await download(repo, { ...options, patience }, basename(cached))
  } catch (error) {
    if (cached === null)
      throw error instanceof ConnectionFailure && error.unreachable
        ? offline(repo, environment, error.message)
        : coded(error, repo, environment)
    if (error instanceof Text2LiveError && error.code === 'INTERRUPTED') throw error
    const why = error instanceof ConnectionFailure ? error : coded(error, repo, environment)
    lacking(why instanceof Error ? why.message : String(why))
    return cached
  }
}

/** The snapshot that `refs/main` names where it holds a whole model, else the newest that does. */
export async function cachedSnapshot(cache: string, repo: string): Promise<string | null> {
  const snapshots = join(repoFolder(cache, repo), 'snapshots')
  const main = await mainCommit(cache, repo)
  if (main !== '' && (await isWhole(join(snapshots, main)))) return join(snapshots, main)
  const others = (await readdir(snapshots).catch(() => []))
    .filter((name) => name !== main)
    .map((name) => join(snapshots, name))
  const dated = await Promise.all(
    others.map(async (path) => ({ path, time: (await stat(path).catch(() => null))?.mtimeMs ?? 0 })),
  )
  for (const { path } of dated.sort((a, b) => b.time - a.time)) if (await isWhole(path)) return path
  return null
}

/** Empty where no program has written it. What it says becomes part of a path. */
async function mainCommit(cache: string, repo: string): Promise<string> {
  const bytes = await readRegularFile(join(repoFolder(cache, repo), 'refs', 'main'), {
    what: 'the name of a commit',
    maxBytes: 1000,
  }).catch(() => new Uint8Array())
  const text = new TextDecoder().decode(bytes).trim()
  return /^[\w-]+$/.test(text) ? text : ''
}

async function isWhole(snapshot: string): Promise<boolean> {
  try {
    return (await surveyModel(await folderSource(snapshot))).missing.length === 0
  } catch {
    return false
  }
}

async function noteOlder(
  cache: string,
  repo: string,
  snapshot: string,
  onNote: (message: string) => void,
): Promise<void> {
  const [main, commits] = [await mainCommit(cache, repo), await readdir(dirname(snapshot))]
  if (main === basename(snapshot) || (main === '' && commits.length === 1)) return
  onNote(
    `${repo}: commit ${basename(snapshot)} is taken, the newest that is whole in the cache${main === '' ? '' : `; ${main}, which it counts as the current one, is not`}. ` +
      `text2live models get ${repo} fetches the newest`,
  )
}

/**
 * Another program may have put a model here without the files that it had no use for. What the repository does not have
 * either is marked as all programs of the ecosystem do: by an empty file in `.no_exist/<commit>`. The layout of
 * open_clip has its normalisation in its config.
 */
async function isComplete(cache: string, repo: string, snapshot: string): Promise<boolean> {
  if (layoutOf(new Set(await readdir(snapshot))) === openClipLayout) return true
  const absent = join(repoFolder(cache, repo), '.no_exist', basename(snapshot), normalisationFile)
  return (await sizeOf(join(snapshot, normalisationFile))) !== null || (await sizeOf(absent)) !== null
}

/** @param present the files that the repository has at `commit` */
export async function markAbsent(folder: string, commit: string, present: ReadonlySet<string>): Promise<void> {
  if (present.has(normalisationFile)) return
  await mkdir(join(folder, '.no_exist', commit), { recursive: true })
  await atomicWrite(join(folder, '.no_exist', commit, normalisationFile), '')
}

/** The files of the model in a folder, shards included, links to nothing left out. */
export async function filesIn(folder: string): Promise<string[]> {
  return (await surveyModel(await folderSource(folder))).files
}

async function download(repo: string, options: FetchModelOptions, revision: string): Promise<string> {
  const { environment, signal, onProgress = () => undefined } = options
  const { cache } = environment
  const patience = { stallSeconds: environment.stallSeconds, ...options.patience }
  const hub = connectHub(repo, environment, patience, signal)
  const { commit, names } = await hub.head(revision)
  const wanted = wantedOf(repo, names)
  const folder = repoFolder(cache, repo)
  const snapshot = join(folder, 'snapshots', commit)
  const fetchAll = async (files: readonly RemoteFile[], progress: ReturnType<typeof countProgress>): Promise<void> => {
    let before = 0
    for (const { path, size, digest } of files) {
      const blob = join(folder, 'blobs', digest.hex)
      // Where the system has no links, the file itself is in the snapshot.
      if ((await sizeOf(join(snapshot, path))) !== size) {
        if ((await sizeOf(blob)) !== size) {
          if ((await sizeOf(blob)) !== null) await rm(blob)
          await fetchFile(
            {
              path: blob,
              name: `${repo}/${path}`,
              size,
              digest,
              lock: join(cache, '.locks', `models--${repo.replaceAll('/', '--')}`, `${digest.hex}.text2live`),
              open: (start) => hub.open(commit, path, start),
            },
            { patience, signal, onBytes: (bytes) => progress.at(path, before + bytes) },
          )
        }
        await linkBlob(blob, join(snapshot, path))
      }
      before += size
    }
  }
  const described = await hub.describe(commit, wanted)
  const small = described.filter(({ path }) => path.endsWith('.json'))
  // What describes the model is read before the weights are fetched: they may be of another kind, or several files.
  await fetchAll(
    small,
    countProgress(repo, sizeOfAll(small), () => undefined),
  )
  const shards = await readDescriptions(snapshot, repo, wanted, names)
  const files = shards.length === 0 ? described : [...described, ...(await hub.describe(commit, [...shards]))]
  const progress = countProgress(repo, sizeOfAll(files), onProgress)
  await fetchAll(files, progress)
  try {
    await markAbsent(folder, commit, names)
  } catch (error) {
    // A cache that cannot be written needs no marks to be read: the hub is asked again.
    if (!(error instanceof Text2LiveError)) throw error
  }
  if (revision === 'main') {
    await mkdir(join(folder, 'refs'), { recursive: true })
    await atomicWrite(join(folder, 'refs', 'main'), commit)
  }
  progress.done(files.at(-1)!.path)
  return snapshot
}

const sizeOfAll = (files: readonly RemoteFile[]): number => files.reduce((sum, { size }) => sum + size, 0)

/** @returns the names of the shards that the weights are in, none where they are one file */
async function readDescriptions(
  snapshot: string,
  repo: string,
  wanted: readonly string[],
  names: ReadonlySet<string>,
): Promise<readonly string[]> {
  const source = await folderSource(snapshot)
  if (wanted.includes('config.json')) kindOfModel(await readJson(source, 'config.json'), `${repo}/config.json`)
  if (!wanted.includes(shardIndex)) return []
  const { shards } = await readShards(source)
  const absent = shards.filter((name) => !names.has(name))
  if (absent.length > 0)
    throw noModel(
      repo,
      absent.map((name) => `${name}, which ${shardIndex} names`),
    )
  return shards
}

interface Hub {
  /** The commit that a branch (or a commit) names, and the names of its files. */
  head(revision: string): Promise<{ commit: string; names: Set<string> }>
  describe(commit: string, paths: string[]): Promise<RemoteFile[]>
  open(commit: string, path: string, start: number): Promise<AsyncIterable<Uint8Array>>
}

/** What the hub says of files, as far as it is used. */
const fileSize = z.int().nonnegative()
const describedFiles = z.array(
  z.object({
    path: z.string(),
    size: fileSize,
    oid: z.string().optional(),
    lfs: z
      .object({ oid: z.string(), size: fileSize.optional() })
      .nullish()
      .transform((lfs) => lfs ?? undefined),
  }),
)

/** The hub client, with our `fetch` and our patience. */
function connectHub(
  repo: string,
  environment: HubEnvironment,
  patience: Patience,
  signal: AbortSignal | undefined,
): Hub {
  const { endpoint: hubUrl, token } = environment
  const steady = (): SteadyFetch =>
    steadyFetch({ ...patience, signal, token, origin: new URL(hubUrl).origin, proxies: environment.proxies })
  /** One request with its answer read to the end. */
  const call = <T>(work: (fetch: typeof globalThis.fetch) => Promise<T>): Promise<T> =>
    patiently(patience, signal, async () => {
      const { fetch, failure } = steady()
      try {
        return await work(boundedFetch(fetch, true))
      } catch (error) {
        throw withReason(failure() ?? error)
      }
    })
  /** What the client says of an answer that it cannot make sense of has no kind of its own. */
  const withReason = (error: unknown): unknown =>
    error instanceof Text2LiveError || error instanceof ConnectionFailure || error instanceof HubApiError
      ? error
      : unreadable(
          repo,
          hubUrl,
          `something else (${error instanceof Error ? error.message : String(error)}), perhaps the sign-in page of a network`,
        )
  return {
    async head(revision) {
      const { sha, filePaths } = await call((fetch) =>
        modelInfo({ name: repo, revision, hubUrl, fetch, additionalFields: ['sha', 'filePaths'] }),
      )
      // Both become names in the cache.
      if (typeof sha !== 'string' || !/^[0-9a-f]{40}$/.test(sha)) throw unreadable(repo, hubUrl, 'no commit')
      return { commit: sha, names: new Set(filePaths) }
    },
    async describe(commit, paths) {
      const infos = await call((fetch) => pathsInfo({ repo, paths, revision: commit, hubUrl, fetch }))
      const parsed = describedFiles.safeParse(infos)
      if (!parsed.success) throw unreadable(repo, hubUrl, 'no sizes or no hashes')
      const described = new Map(parsed.data.map((file) => [file.path, file]))
      // Of what it tells, only what was asked for: paths become names in the cache.
      return paths.map((path) => {
        const file = described.get(path)
        if (file === undefined) throw unreadable(repo, hubUrl, `nothing of ${path}`)
        const { size, lfs, oid } = file
        const digest: Digest = lfs === undefined ? { kind: 'git', hex: oid ?? '' } : { kind: 'sha256', hex: lfs.oid }
        if (!/^[0-9a-f]{40}([0-9a-f]{24})?$/.test(digest.hex)) throw unreadable(repo, hubUrl, `no hash for ${path}`)
        return { path, size: lfs?.size ?? size, digest }
      })
    },
    async open(commit, path, start) {
      const { fetch, failure } = steady()
      const blob = await downloadFile({
        repo,
        path,
        revision: commit,
        hubUrl,
        fetch: boundedFetch(fetch, false),
        xet: false,
      }).catch((error: unknown) => {
        throw withReason(failure() ?? error)
      })
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

/** @throws GUIDANCE_INVALID unless `names` are files of a model */
function wantedOf(repo: string, names: ReadonlySet<string>): string[] {
  const missing = missingFiles(names)
  if (missing.length > 0) throw noModel(repo, missing)
  return wantedFiles(names)
}

const noModel = (repo: string, missing: readonly string[]): Text2LiveError =>
  new Text2LiveError(
    'GUIDANCE_INVALID',
    `Expected ${repo} to be a CLIP in the Hugging Face layout; it offers no ${missing.join(', no ')}. Use another repository, for instance openai/clip-vit-base-patch32.`,
  )

/**
 * A relative link, as all programs of the ecosystem make; where the system has none, a second name for the same file,
 * or a copy.
 */
export async function linkBlob(blob: string, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  if ((await lstat(path).catch(() => null)) !== null) {
    if ((await sizeOf(path)) === (await sizeOf(blob))) return
    await rm(path, { force: true })
  }
  const attempts = [
    () => symlink(relative(dirname(path), blob), path),
    () => link(blob, path),
    () => copyFile(blob, path),
  ]
  let failure: unknown
  for (const attempt of attempts) {
    try {
      await attempt()
      return
    } catch (error) {
      // Another process made it meanwhile.
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return
      failure = error
    }
  }
  throw writeError(path, failure)
}

function coded(error: unknown, repo: string, { endpoint, token, proxies }: HubEnvironment): unknown {
  if (error instanceof ConnectionFailure) {
    if (error.kind === 'refused')
      return new Text2LiveError('DOWNLOAD_FAILED', `${repo} cannot be fetched: ${error.message}.`, { cause: error })
    return new Text2LiveError(
      'DOWNLOAD_FAILED',
      `The download of ${repo} failed several times in a row: ${error.message}. What was downloaded so far is kept; run the same again to go on.`,
      { cause: error },
    )
  }
  if (!(error instanceof HubApiError)) return error
  const { statusCode } = error
  if (statusCode !== 401 && statusCode !== 403 && statusCode !== 404) {
    return new Text2LiveError(
      'DOWNLOAD_FAILED',
      `${endpoint} answered ${statusCode} when asked for ${repo}: ${error.message}. Try again later.`,
      { cause: error },
    )
  }
  const nearest = nearestModel(repo)
  const proxy = proxyFor(new URL(endpoint), proxies)
  return new Text2LiveError(
    'MODEL_UNKNOWN',
    `Expected a model called ${repo} at ${endpoint}, which shows none (${statusCode})${nearest === repo ? '' : `. The nearest known name is "${nearest}"`}. ` +
      (token === null
        ? 'If it is private or asks to accept terms, put a token into HF_TOKEN.'
        : 'If it is private or asks to accept terms, the token in use may not read it: accept the terms on its page, or use another token.') +
      (proxy === null || statusCode !== 403
        ? ''
        : ` Or the proxy ${proxy.address} (${proxy.variable}), through which it was asked, does not let it through.`),
    { cause: error },
  )
}

const unreadable = (repo: string, endpoint: string, came: string): Text2LiveError =>
  new Text2LiveError(
    'DOWNLOAD_FAILED',
    `Expected ${endpoint} to describe the files of ${repo}; it gave ${came}. Check HF_ENDPOINT, or try again later.`,
  )

function offline(repo: string, { cache }: HubEnvironment, why: string): Text2LiveError {
  const folder = repoFolder(cache, repo)
  return new Text2LiveError(
    'MODEL_OFFLINE',
    `The files of ${repo} are not all in ${folder}, and they cannot be fetched: ${why}. It takes config.json, model.safetensors (or pytorch_model.bin) and ` +
      'tokenizer.json (or vocab.json and merges.txt). Two ways to put them there: on a machine with network, `text2live models get ' +
      `${repo}\`, then copy that folder to ${folder} here; or copy the files to any folder and run \`text2live models import <folder> --name ${repo}\`.`,
  )
}
