import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Entry, openPromise, type ZipFile } from 'yauzl'
import { Text2LiveError } from '../errors.js'
import { asidePath } from '../media/node/asidePath.js'
import { writing } from '../run/fileErrors.js'
import { runFiles } from '../session/runFiles.js'
import { isRunFileName } from './runFileName.js'

/** A run as an archive holds it. */
export interface BroughtRun {
  /** The folder that it is in there. */
  readonly name: string
  readonly files: ReadonlyMap<string, Uint8Array>
}

/** Most that is unpacked, bytes, and most names that are looked at. */
const bounds = { bytes: 2 ** 30, entries: 10_000 } as const

/**
 * The run in a zip that may come from anybody: only files that a run has are unpacked, each to the size that it
 * declares, into memory; no name of it becomes a path.
 * @param place what the archive is kept beside meanwhile
 * @throws RUN_INVALID, REQUEST_TOO_LARGE, and what the pieces throw
 */
export async function openArchive(pieces: AsyncIterable<Uint8Array>, place: string): Promise<BroughtRun> {
  const aside = asidePath(place)
  try {
    await writing(place, () => pipeline(Readable.from(pieces, { objectMode: false }), createWriteStream(aside, { flags: 'wx' })))
    return await readArchive(aside)
  } finally {
    await rm(aside, { force: true })
  }
}

async function readArchive(path: string): Promise<BroughtRun> {
  let archive: ZipFile | null = null
  try {
    archive = await openPromise(path, { lazyEntries: true, validateEntrySizes: true, autoClose: false })
    if (archive.entryCount > bounds.entries) throw invalid(`it has ${archive.entryCount} entries`)
    const entries: Entry[] = []
    for await (const entry of archive.eachEntry()) {
      entries.push(entry)
      if (entries.length > bounds.entries) throw invalid(`it has more than ${bounds.entries} entries`)
    }
    const configs = entries.filter(({ fileName }) => /^(?:[^/]+\/)?config\.yaml$/.test(fileName))
    if (configs.length !== 1)
      throw invalid(configs.length === 0 ? `it has no ${runFiles.config}` : 'it holds more than one run')
    const folder = configs[0]!.fileName.slice(0, -runFiles.config.length)
    const ours = entries.filter(
      ({ fileName }) => fileName.startsWith(folder) && isRunFileName(fileName.slice(folder.length)),
    )
    const bytes = ours.reduce((sum, { uncompressedSize }) => sum + uncompressedSize, 0)
    if (bytes > bounds.bytes) throw invalid(`its files have ${bytes} bytes, and ${bounds.bytes} are the most that is taken`)
    const files = new Map<string, Uint8Array>()
    for (const entry of ours) {
      const chunks: Uint8Array[] = []
      for await (const chunk of await archive.openReadStreamPromise(entry)) chunks.push(chunk as Uint8Array)
      files.set(entry.fileName.slice(folder.length), Buffer.concat(chunks))
    }
    return { name: folder.replace(/\/$/, '') || 'run', files }
  } catch (cause) {
    // What yauzl finds damaged comes as plain errors.
    if (cause instanceof Text2LiveError) throw cause
    throw invalid(`it is damaged (${cause instanceof Error ? cause.message : String(cause)})`, cause)
  } finally {
    archive?.close()
  }
}

const invalid = (why: string, cause?: unknown): Text2LiveError =>
  new Text2LiveError(
    'RUN_INVALID',
    `Expected a zip of one run folder, as the studio gives it, but ${why}. Zip the folder of a run, and bring that.`,
    { cause },
  )
