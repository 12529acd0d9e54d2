import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Text2LiveError } from '../../errors.js'
import { oddPath } from '../../pathHint.js'
import { expectedSize, openToRead } from '../../media/node/readRegularFile.js'
import type { FileSource } from '../fileSource.js'

/**
 * The files of a model in a folder; large files are read in parts, so that a tower's weights never stand twice in
 * memory.
 * @throws GUIDANCE_NOT_FOUND when there is no such folder
 */
export async function folderSource(folder: string): Promise<FileSource> {
  const found = await stat(folder).catch(() => null)
  if (!found) throw notFound(folder, 'there is nothing')
  if (!found.isDirectory()) throw notFound(folder, 'that is a file')
  return {
    location: folder,
    async size(name) {
      const file = await stat(join(folder, name)).catch(() => null)
      return file?.isFile() ? file.size : null
    },
    list: async () => await readdir(folder).catch(() => []),
    async read(name, start = 0, end) {
      const path = join(folder, name)
      const file = await open(path, openToRead)
      try {
        const size = expectedSize(path, await file.stat(), { what: 'a file of a model', maxBytes: Infinity })
        const length = Math.max(0, Math.min(end ?? size, size) - start)
        const bytes = new Uint8Array(length)
        let done = 0
        while (done < length) {
          // One read system call returns at most 2 GiB.
          const { bytesRead } = await file.read(bytes, done, Math.min(length - done, 2 ** 30), start + done)
          if (bytesRead === 0) break
          done += bytesRead
        }
        return bytes.subarray(0, done)
      } finally {
        await file.close()
      }
    },
  }
}

function notFound(folder: string, came: string): Text2LiveError {
  return new Text2LiveError(
    'GUIDANCE_NOT_FOUND',
    `Expected a folder with a guidance model (config.json, safetensors weights, tokenizer files) at ${folder}, ${came}. ` +
      (oddPath(folder) ?? 'Check the path, or leave the option out to use the starter model.'),
  )
}
