import { join } from 'node:path'
import type { ImageSettings } from '../options/imageOptions.js'
import type { OutputFiles } from '../session/outputs.js'
import type { TrainedRun } from '../session/trainRun.js'
import { filesOf } from './folderOutputs.js'

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
