import { dirname, join } from 'node:path'
import { Text2LiveError } from '../errors.js'
import type { ImageSettings } from '../options/imageOptions.js'
import { outputFiles, type OutputName } from '../session/events.js'
import type { OutputFiles } from '../session/outputs.js'
import type { RunStore } from '../session/store.js'
import type { TrainedRun } from '../session/trainRun.js'
import { readRunFileSync } from './runFile.js'

/** What a run leaves. */
export interface EditResult {
  /** All steps were made; false for a run that was stopped and wrote the state it had reached. */
  readonly finished: boolean
  readonly step: number
  readonly settings: ImageSettings
  readonly folder: string | null
  /** Each output as the bytes of its file. Of a run with a folder they are read from there, when they are asked for. */
  readonly files: OutputFiles
  /** With several seeds: the result of each; the fields above are those of the first. */
  readonly variations?: readonly EditResult[]
  /** With several seeds: a PNG of all composites. */
  readonly contactSheet?: Uint8Array
}

export function editResult({ finished, step, settings, store, files }: TrainedRun): EditResult {
  return { finished, step, settings, folder: store?.path ?? null, files: files ?? filesOf(store!) }
}

/** A result as it crosses from process to process: what lies in a folder is read there by whoever wants it. */
export type SentResult = Omit<EditResult, 'files' | 'variations'> & {
  readonly files: OutputFiles | null
  readonly variations?: readonly SentResult[]
}

export function sentResult({ variations, ...result }: EditResult): SentResult {
  return {
    ...result,
    files: result.folder === null && variations === undefined ? result.files : null,
    ...(variations === undefined ? {} : { variations: variations.map(sentResult) }),
  }
}

export function receivedResult({ variations: sent, files, ...result }: SentResult): EditResult {
  const variations = sent?.map(receivedResult)
  return {
    ...result,
    files: variations?.[0]?.files ?? files ?? filesOf({ file: (name) => join(result.folder ?? '', name) }),
    ...(variations === undefined ? {} : { variations }),
  }
}

const names = Object.keys(outputFiles) as OutputName[]

/** Each file is read when it is asked for: many runs, or one of a large photo, would not fit. */
export function filesOf(folder: Pick<RunStore, 'file'>): OutputFiles {
  const paths = names.map((name) => [name, folder.file(outputFiles[name])] as const)
  return Object.defineProperties(
    {},
    Object.fromEntries(paths.map(([name, path]) => [name, { enumerable: true, get: () => readOutput(path) }])),
  ) as OutputFiles
}

function readOutput(path: string): Buffer {
  const bytes = readRunFileSync(path)
  if (bytes !== null) return bytes
  throw new Text2LiveError(
    'RUN_INVALID',
    `"${path}" was written by the run, and it is no longer there. Write it again with: text2live render ${dirname(path)}`,
  )
}
