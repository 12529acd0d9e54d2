import { fromBufferPromise, type Entry } from 'yauzl'
import { Text2LiveError } from '../../../errors.js'

export interface ZipFiles {
  /**
   * The bytes of a file; null where there is none of that name.
   * @throws Text2LiveError INPUT_TOO_LARGE where it unfolds into more than `maxBytes`; Error for what is damaged
   */
  readonly read: (name: string, maxBytes: number) => Promise<Uint8Array | null>
}

/**
 * A zip archive in memory. An entry that unfolds into another size than it declares is an error, and it is found while
 * unfolding.
 */
export async function openZip(bytes: Uint8Array): Promise<ZipFiles> {
  const archive = await fromBufferPromise(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), {
    lazyEntries: true,
    validateEntrySizes: true,
  })
  const entries = new Map<string, Entry>()
  for await (const entry of archive.eachEntry()) entries.set(entry.fileName, entry)
  return {
    read: async (name, maxBytes) => {
      const entry = entries.get(name)
      if (entry === undefined) return null
      if (entry.uncompressedSize > maxBytes) {
        throw new Text2LiveError(
          'INPUT_TOO_LARGE',
          `The file "${name}" of the document unfolds into ${entry.uncompressedSize} bytes, and ${maxBytes} are the most that is read. Save the document again.`,
        )
      }
      const chunks: Uint8Array[] = []
      for await (const chunk of await archive.openReadStreamPromise(entry)) chunks.push(chunk as Uint8Array)
      return Buffer.concat(chunks)
    },
  }
}
