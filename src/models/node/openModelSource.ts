import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Text2LiveError } from '../../errors.js'
import { inMemory, withFiles } from '../convertedFile.js'
import type { FileSource } from '../fileSource.js'
import { isPluginName } from '../guidanceRegistry.js'
import { withoutSecrets } from '../withoutSecrets.js'
import { findKnownModel, knownModels, nearestModel, starterName } from '../knownModels.js'
import { hasTokenizer, layoutOf, openAiVocabulary, openClipLayout } from '../modelFiles.js'
import { isResNet, resNet } from '../otherModels.js'
import { sizeOf } from './fetchFile.js'
import { folderSource } from './folderSource.js'
import type { HubEnvironment } from './hubEnvironment.js'
import type { OnProgress } from '../modelProgress.js'
import { isModuleFile } from './registerGuidance.js'
import { readBundledVocabulary } from './readBundledVocabulary.js'
import type { Patience } from './steadyFetch.js'

export interface OpenModelOptions {
  readonly onProgress?: OnProgress
  /** What a person should know of how the model was found. */
  readonly onNote?: (message: string) => void
  readonly signal?: AbortSignal | undefined
  /** Default: what the variables of the process say. */
  readonly environment?: HubEnvironment
  readonly patience?: Patience
  /**
   * Take what is on this machine, and ask no server: for a model that a run folder names, which may come from anybody.
   */
  readonly hereOnly?: boolean
}

/** What a value of `--guidance` names. */
export type ModelName =
  | { readonly kind: 'starter' }
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'repo'; readonly repo: string }
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'plugin' }

/**
 * The files of the model that a value of `--guidance` names: `starter`; a folder; a known model or any other
 * `owner/name` of the hub, fetched once into the cache; a `.pt` file of OpenAI's by its path or address.
 * @throws MODEL_NOT_CACHED with `hereOnly`; MODEL_UNKNOWN, MODEL_OFFLINE, MODEL_DAMAGED, DOWNLOAD_FAILED,
 *   GUIDANCE_NOT_FOUND, GUIDANCE_INVALID, PYTORCH_FILE_INVALID, PICKLE_UNSAFE, DISK_FULL, INTERRUPTED
 */
export async function openModelSource(value: string, options: OpenModelOptions = {}): Promise<FileSource> {
  // To look whether there is such a path would send this user's name to the machine that it names.
  if (options.hereOnly === true && /^[\\/]{2}/.test(value)) throw notHere(value)
  const name = readModelName(value)
  switch (name.kind) {
    case 'starter':
      return await folderSource(fileURLToPath(new URL('../../../models/starter', import.meta.url)))
    case 'path':
      return await openPath(name.path)
    case 'repo': {
      const { cachedSnapshot, fetchRepo } = await import('./hubRepo.js')
      const all = await withEnvironment(options)
      if (options.hereOnly !== true) return await openFolder(await fetchRepo(name.repo, all))
      const snapshot = await cachedSnapshot(all.environment.cache, name.repo)
      if (snapshot === null) throw notHere(name.repo)
      return await openFolder(snapshot)
    }
    case 'plugin':
      throw isPlugin(value)
    case 'url': {
      const { fetchedTorchFile, fetchTorchFile, openTorchFile, sha256In } = await import('./torchFile.js')
      const all = await withEnvironment(options)
      const path =
        options.hereOnly === true
          ? await fetchedTorchFile(name.url, all.environment)
          : await fetchTorchFile(name.url, all)
      if (path === null) throw notHere(name.url)
      return await openTorchFile(path, sha256In(name.url))
    }
  }
}

/** For what is done with the files of a model. */
export const isPlugin = (value: string): Text2LiveError =>
  new Text2LiveError(
    'OPTION_INVALID',
    `Expected a model that is files; "${value}" is a plug-in, which is a module. Give that to --guidance or to: text2live models check`,
  )

const notHere = (name: string): Text2LiveError =>
  new Text2LiveError(
    'MODEL_NOT_CACHED',
    `The run was made with the model "${withoutSecrets(name)}", which is not on this machine. A run folder may come from anybody, so nothing that it names is fetched unasked. ` +
      `If you want that model, name it yourself: --guidance ${withoutSecrets(name)} beside --resume or score, or fetch it first: text2live models get ${withoutSecrets(name)}`,
  )

/**
 * The hub's client is loaded where it is needed only: a tenth of a second that a run with the embedded model has not to
 * wait.
 */
async function withEnvironment(
  options: OpenModelOptions,
): Promise<OpenModelOptions & { readonly environment: HubEnvironment }> {
  const { readHubEnvironment } = await import('./hubEnvironment.js')
  return { ...options, environment: options.environment ?? (await readHubEnvironment()) }
}

/**
 * The files of a model that lies at `path`: a folder, or a `.pt` file of OpenAI's.
 * @throws GUIDANCE_NOT_FOUND, MODEL_DAMAGED, PYTORCH_FILE_INVALID, PICKLE_UNSAFE, GUIDANCE_INVALID
 */
export async function openPath(path: string): Promise<FileSource> {
  if (!path.endsWith('.pt') || (await sizeOf(path)) === null) return await openFolder(path)
  const { openTorchFile } = await import('./torchFile.js')
  return await openTorchFile(path)
}

/** A model of open_clip often comes without tokenizer files: the library has OpenAI's vocabulary built in. */
async function openFolder(folder: string): Promise<FileSource> {
  const source = await folderSource(folder)
  const present = new Set(await source.list?.())
  if (layoutOf(present) !== openClipLayout || hasTokenizer(present)) return source
  return withFiles(source, new Map([[openAiVocabulary, inMemory(await readBundledVocabulary())]]))
}

/**
 * A file or folder that exists goes before a model of that name.
 * @throws MODEL_UNKNOWN naming the nearest known model, for a word that names nothing
 */
export function readModelName(value: string): ModelName {
  if (value === starterName) return { kind: 'starter' }
  if (isPluginName(value)) return { kind: 'plugin' }
  if (isModuleFile(value))
    throw new Text2LiveError(
      'GUIDANCE_NOT_REGISTERED',
      `"${value}" is a module, and its code is not run because a config, a list or a page names it. Name it yourself: --guidance on the command line, or registerGuidance in a program.`,
    )
  if (/^https?:\/\//i.test(value) && URL.canParse(value)) return { kind: 'url', url: value }
  const path = value.replace(/^~(?=[/\\]|$)/, homedir())
  if (existsSync(path)) return { kind: 'path', path }
  const known = findKnownModel(value)
  if (known) return { kind: 'repo', repo: known.repo }
  if (/^[\w-][\w.-]*\/[\w-][\w.-]*$/.test(value) && !/\.(pt|bin|safetensors)$/.test(value))
    return { kind: 'repo', repo: value }
  if (isResNet(value)) throw resNet(value)
  if (/[/\\]|^\.|\.(pt|bin|safetensors)$/.test(value)) return { kind: 'path', path }
  throw new Text2LiveError(
    'MODEL_UNKNOWN',
    `There is no guidance model called "${withoutSecrets(value)}", and no folder of that name. The nearest is "${nearestModel(value)}". Known: ${starterName}, ` +
      `${knownModels.map(({ repo }) => repo).join(', ')}; also any owner/name on the hub, a folder, or a .pt file of OpenAI's.`,
  )
}
