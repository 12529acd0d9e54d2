import { dirname, extname } from 'node:path'
import { Text2LiveError } from '../errors.js'
import { readRegularFile } from '../media/node/readRegularFile.js'
import { validateLayer } from '../options/resolveSettings.js'
import type { OptionValue } from '../options/parseOption.js'
import type { BatchJob } from './batchJob.js'
import { BatchListError } from './list/batchListError.js'
import { checkList, tables } from './list/checkList.js'
import type { ListText } from './list/listText.js'
import { readCsv } from './list/readCsv.js'
import { readJsonLines } from './list/readJsonLines.js'
import { readYaml } from './list/readYaml.js'

/** A list, read and checked. */
export interface BatchList {
  readonly path: string
  /** In the order of the list. */
  readonly jobs: readonly BatchJob[]
}

const readers: Readonly<Record<string, (text: string) => ListText>> = {
  '.csv': readCsv,
  '.tsv': readCsv,
  '.jsonl': readJsonLines,
  '.ndjson': readJsonLines,
  '.yaml': readYaml,
  '.yml': readYaml,
}

/** Greatest length of a list, bytes: some hundred thousand rows. */
const maxBytes = 2 ** 26

/**
 * Reads a list of edits: CSV, JSON lines or YAML, by the ending of its name. It is checked whole: each name and value
 * of an option, the rules between them, each input.
 * @param defaults options that hold where the list itself says nothing else; one may be of photos or clips alone. Above
 *   the list's own defaults, below its rows. Paths are as seen from here, those in the list from its folder
 * @throws LIST_INVALID (a `BatchListError`) with all that is wrong in it; INPUT_NOT_FOUND for the list itself;
 *   OPTION_INVALID, OPTION_UNKNOWN for the defaults
 */
export async function readBatchList(
  path: string,
  defaults: Readonly<Record<string, unknown>> = {},
): Promise<BatchList> {
  const read = readers[extname(path).toLowerCase()]
  if (read === undefined)
    throw new Text2LiveError(
      'LIST_INVALID',
      `Expected a list as ${Object.keys(readers).join(', ')}, but "${path}" ends otherwise. Save it as one of these.`,
    )
  const bytes = await readRegularFile(path, { what: 'a list of edits', maxBytes })
  const { jobs, faults } = await checkList(read(decoded(bytes, path)), {
    base: dirname(path),
    given: { photo: optionsFor('photo', defaults), clip: optionsFor('clip', defaults) },
  })
  if (faults.length > 0) throw new BatchListError(path, faults)
  return { path, jobs }
}

/** A byte order mark is none of the text. @throws LIST_INVALID */
function decoded(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new Text2LiveError(
      'LIST_INVALID',
      `Expected "${path}" to be text in UTF-8, but it is not. Save it so; spreadsheets call it "CSV UTF-8".`,
      { cause },
    )
  }
}

function optionsFor(
  kind: BatchJob['kind'],
  defaults: Readonly<Record<string, unknown>>,
): Readonly<Record<string, OptionValue>> {
  const other = tables[kind === 'photo' ? 'clip' : 'photo']
  const ofKind = Object.entries(defaults).filter(
    ([name]) => Object.hasOwn(tables[kind].rows, name) || !Object.hasOwn(other.rows, name),
  )
  return validateLayer(tables[kind], Object.fromEntries(ofKind))
}
