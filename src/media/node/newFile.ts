import { open } from 'node:fs/promises'
import type { FileWriter } from '../clipCodec.js'

/** A file that was not there, on the disk when it is closed. */
export async function newFile(path: string): Promise<FileWriter> {
  const file = await open(path, 'wx')
  return {
    async write(data, position) {
      // A write may be cut short, as on a full disk.
      for (let done = 0; done < data.length;)
        done += (await file.write(data, done, data.length - done, position + done)).bytesWritten
    },
    async close() {
      try {
        await file.sync()
      } finally {
        await file.close()
      }
    },
  }
}
