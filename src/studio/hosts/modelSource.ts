import type { FileSource } from '../../models/fileSource.js'
import type { FileCache } from './fileCache.js'

/** The files of a model that the site carries, out of the browser's cache, each read once. */
export function modelSource(files: FileCache, folder: string): FileSource {
  const read = new Map<string, Promise<Uint8Array>>()
  const whole = (name: string): Promise<Uint8Array> => {
    const known = read.get(name) ?? files.read(`${folder}/${name}`)
    read.set(name, known)
    return known
  }
  return {
    location: folder,
    size: (name) => Promise.resolve(files.size(`${folder}/${name}`)),
    read: async (name, start, end) => (await whole(name)).subarray(start, end),
  }
}
