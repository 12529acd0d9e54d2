import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { newFile } from '../media/node/newFile.js'
import { syncFolder } from '../media/node/syncFolder.js'
import type { NewFiles } from '../session/store.js'
import { writing } from './fileErrors.js'

/**
 * New files in a folder that is there, each on the disk when it is closed; `flush` does the same for their names.
 * @param called what messages call a file
 */
export function newFilesIn(
  folder: string,
  called: (name: string) => string,
): NewFiles & { readonly flush: () => Promise<void> } {
  const folders = new Set<string>([folder])
  const create = async (name: string): ReturnType<NewFiles['create']> => {
    const path = join(folder, name)
    const file = await writing(called(name), async () => {
      if (!folders.has(dirname(path))) await mkdir(dirname(path), { recursive: true })
      folders.add(dirname(path))
      return await newFile(path)
    })
    return {
      write: (data, position) => writing(called(name), () => file.write(data, position)),
      close: () => writing(called(name), () => file.close()),
    }
  }
  return {
    create,
    async write(name, data) {
      const file = await create(name)
      try {
        await file.write(data, 0)
      } finally {
        await file.close()
      }
    },
    async flush() {
      for (const each of folders) await writing(called(''), () => syncFolder(each))
    },
  }
}
