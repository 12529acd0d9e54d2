import { Zip, ZipDeflate, ZipPassThrough } from 'fflate'
import { Text2LiveError } from '../errors.js'

/** A file that goes into an archive. */
export interface ArchivedFile {
  readonly name: string
  readonly bytes: number
  readonly pieces: AsyncIterable<Uint8Array>
}

/** What a zip without 64-bit sizes can hold. */
const maxBytes = 2 ** 32 - 2 ** 24

/**
 * A zip of a run, in a folder of its name, made as it is read: no more of it is held than a piece. Pictures and states
 * do not get smaller, so only texts are packed.
 * @throws INPUT_TOO_LARGE
 */
export async function* runArchive(
  run: string,
  files: Iterable<ArchivedFile> | AsyncIterable<ArchivedFile>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let made: Uint8Array[] = []
  let failure: Error | null = null
  const zip = new Zip((error, data) => {
    failure ??= error
    made.push(data)
  })
  const take = (): Uint8Array[] => {
    if (failure !== null) throw failure
    const taken = made.filter(({ length }) => length > 0)
    made = []
    return taken
  }
  let total = 0
  for await (const { name, bytes, pieces } of files) {
    total += bytes
    if (total > maxBytes)
      throw new Text2LiveError(
        'INPUT_TOO_LARGE',
        `The run "${run}" has more than 4 GB, which no zip of this kind holds. Copy its folder instead.`,
      )
    const path = `${run}/${name}`
    const entry = /\.(yaml|ndjson|svg)$/.test(name) ? new ZipDeflate(path) : new ZipPassThrough(path)
    zip.add(entry)
    for await (const piece of pieces) {
      entry.push(piece)
      yield* take()
    }
    entry.push(new Uint8Array(), true)
    yield* take()
  }
  zip.end()
  yield* take()
}
