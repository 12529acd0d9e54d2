import { createHash } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import { basename, dirname, join } from 'node:path'
import { Text2LiveError } from '../../errors.js'
import type { FileSource } from '../fileSource.js'
import { publishedSha256 } from '../knownModels.js'
import { withoutSecrets } from '../withoutSecrets.js'
import { isResNet, resNet } from '../otherModels.js'
import { openaiSource } from '../torchSource.js'
import { digestOf, fetchFile, sizeOf } from './fetchFile.js'
import { folderSource } from './folderSource.js'
import type { HubEnvironment } from './hubEnvironment.js'
import type { FetchModelOptions } from './hubRepo.js'
import { countProgress } from '../modelProgress.js'
import { readBundledVocabulary } from './readBundledVocabulary.js'
import { ConnectionFailure, patiently, steadyFetch } from './steadyFetch.js'

/**
 * OpenAI's `.pt` file at `path` as the files of a model. A file that has the name of a published one must be that file.
 * @throws MODEL_DAMAGED, PYTORCH_FILE_INVALID, PICKLE_UNSAFE, GUIDANCE_INVALID
 */
export async function openTorchFile(path: string, sha256 = publishedSha256(basename(path))): Promise<FileSource> {
  if (sha256 !== undefined) {
    const found = await digestOf(path, 'sha256')
    if (found !== sha256) {
      throw new Text2LiveError(
        'MODEL_DAMAGED',
        `Expected ${path} to be the file that was published under this name, of SHA-256 ${sha256}; it has ${found}. Download it again; a model of your own ` +
          'needs another name.',
      )
    }
  }
  const [folder, name, size] = [await folderSource(dirname(path)), basename(path), await sizeOf(path)]
  return await openaiSource(
    { location: path, size: size ?? 0, read: (start, end) => folder.read(name, start, end) },
    await readBundledVocabulary(),
  )
}

/** The published addresses carry the hash of the file in their path. */
export const sha256In = (url: string): string | undefined => /\/([0-9a-f]{64})\//.exec(new URL(url).pathname)?.[1]

/**
 * A `.pt` file from the web, fetched once: into the folder where OpenAI's program keeps its own, or below that by its
 * address.
 * @returns its path
 * @throws OPTION_INVALID for an address of something else, MODEL_OFFLINE, MODEL_UNKNOWN, MODEL_DAMAGED,
 *   DOWNLOAD_FAILED, DISK_FULL, INTERRUPTED
 */
export async function fetchTorchFile(
  url: string,
  { environment, patience, signal, onProgress = () => undefined }: FetchModelOptions,
): Promise<string> {
  const shown = withoutSecrets(url)
  const path = torchFilePath(url, environment)
  const name = basename(path)
  if (isResNet(name)) throw resNet(name)
  const sha256 = sha256In(url)
  if ((await sizeOf(path)) !== null) return path
  if (environment.offline) throw offline(shown, path, 'HF_HUB_OFFLINE is set')
  const bearing = patience ?? { stallSeconds: environment.stallSeconds }
  const { fetch } = steadyFetch({ ...bearing, signal, proxies: environment.proxies })
  // An address with a user and a password cannot be fetched as it is.
  const { username, password } = new URL(url)
  const authorization =
    username + password === ''
      ? {}
      : {
          authorization: `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`,
        }
  const address = withoutUser(url)
  const get = async (range: string): Promise<Response> => {
    const response = await fetch(address, { headers: { range, ...authorization } })
    if (response.ok) return response
    throw new Text2LiveError(
      'MODEL_UNKNOWN',
      `Expected a file at ${shown}, the server answered ${`${response.status} ${STATUS_CODES[response.status] ?? ''}`.trim()}. Check the address.`,
    )
  }
  try {
    const total = Number(
      (await patiently(bearing, signal, () => get('bytes=0-0'))).headers.get('content-range')?.split('/')[1] ?? NaN,
    )
    if (!Number.isSafeInteger(total))
      throw new Text2LiveError(
        'DOWNLOAD_FAILED',
        `Expected the server of ${shown} to say how large the file is, it does not. Download it by other means.`,
      )
    const progress = countProgress(shown, total, onProgress)
    await fetchFile(
      {
        path,
        name: shown,
        size: total,
        digest: sha256 === undefined ? null : { kind: 'sha256', hex: sha256 },
        lock: `${path}.lock`,
        open: async (start) => (await get(`bytes=${start}-${total - 1}`)).body as unknown as AsyncIterable<Uint8Array>,
      },
      { patience: bearing, signal, onBytes: (bytes) => progress.at(name, bytes) },
    )
    progress.done(name)
    return path
  } catch (error) {
    if (!(error instanceof ConnectionFailure)) throw error
    if (error.unreachable) throw offline(shown, path, error.message)
    throw new Text2LiveError(
      'DOWNLOAD_FAILED',
      `The download of ${shown} failed${error.kind === 'refused' ? '' : ' several times in a row'}: ${error.message}. What was downloaded so far is kept.`,
      { cause: error },
    )
  }
}

const offline = (shown: string, path: string, why: string): Text2LiveError =>
  new Text2LiveError(
    'MODEL_OFFLINE',
    `${shown} is not in ${path}, and it cannot be fetched: ${why}. Two ways to put it there: on a machine with network, \`text2live models get ${shown}\`, then copy the ` +
      'file to that place; or copy it anywhere and run `text2live models import <file>`, or give its path as it is.',
  )

/** Where the file of an address lies when it is fetched. @throws OPTION_INVALID for an address of something else */
function torchFilePath(url: string, { torchCache }: Pick<HubEnvironment, 'torchCache'>): string {
  const name = basename(new URL(url).pathname)
  if (!/^[\w][\w.-]*\.pt$/.test(name)) {
    throw new Text2LiveError(
      'OPTION_INVALID',
      `Expected the address of a .pt file of OpenAI's, it is ${withoutSecrets(url)}. A model of the hub is named owner/name, without an address.`,
    )
  }
  const sha256 = sha256In(url)
  const known = sha256 !== undefined && sha256 === publishedSha256(name)
  return join(
    torchCache,
    ...(known ? [] : [createHash('sha256').update(withoutUser(url)).digest('hex').slice(0, 16)]),
    name,
  )
}

/** The path of a file that was fetched from there before, or null. @throws OPTION_INVALID */
export async function fetchedTorchFile(
  url: string,
  environment: Pick<HubEnvironment, 'torchCache'>,
): Promise<string | null> {
  const path = torchFilePath(url, environment)
  return (await sizeOf(path)) === null ? null : path
}

const withoutUser = (url: string): string => url.replace(/^([^/]*\/\/)[^/?#]*@/, '$1')
