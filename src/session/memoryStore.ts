import { concatBytes } from '../media/bytes.js'
import type { NewFiles, RunStore } from './store.js'

/** A run that is kept in memory, for as long as somebody holds it. */
export interface MemoryStore extends RunStore {
  readonly files: ReadonlyMap<string, Uint8Array>
}

/**
 * An empty run in memory, held by who makes it.
 * @param path what the run is called in events
 */
export function memoryStore(path: string): MemoryStore {
  const files = new Map<string, Uint8Array>()
  const encoder = new TextEncoder()
  const below = (name: string): string[] => [...files.keys()].filter((file) => file === name || isIn(name, file))
  return {
    path,
    files,
    file: (name) => `${path}/${name}`,
    read: (name) => Promise.resolve(files.get(name) ?? null),
    has: (name) => Promise.resolve(files.has(name)),
    write(name, data) {
      files.set(
        name,
        typeof data === 'string' ? encoder.encode(data) : data instanceof Uint8Array ? data : concatBytes(data),
      )
      return Promise.resolve()
    },
    list: (folder) =>
      Promise.resolve(
        [...new Set(below(folder).map((file) => file.slice(folder.length + 1).split('/')[0]!))]
          .filter((name) => name !== '')
          .sort(),
      ),
    async replace(make) {
      const made = new Map<string, Uint8Array>()
      for (const name of await make(newFilesIn(made))) {
        below(name).forEach((old) => files.delete(old))
        for (const [file, data] of made) if (file === name || isIn(name, file)) files.set(file, data)
      }
    },
    remove(name) {
      below(name).forEach((file) => files.delete(file))
      return Promise.resolve()
    },
    openLog(name, keep) {
      files.set(name, (files.get(name) ?? new Uint8Array(0)).slice(0, keep))
      return Promise.resolve({
        append: (line) => {
          files.set(name, concatBytes([files.get(name)!, encoder.encode(line)]))
        },
        close: () => undefined,
      })
    },
    release: () => undefined,
  }
}

const isIn = (folder: string, file: string): boolean => file.startsWith(`${folder}/`)

function newFilesIn(made: Map<string, Uint8Array>): NewFiles {
  return {
    write(name, data) {
      made.set(name, data)
      return Promise.resolve()
    },
    create(name) {
      let held = new Uint8Array(1 << 16)
      let end = 0
      return Promise.resolve({
        write(data, position) {
          const needed = position + data.length
          if (needed > held.length) {
            const larger = new Uint8Array(Math.max(needed, 2 * held.length))
            larger.set(held)
            held = larger
          }
          held.set(data, position)
          end = Math.max(end, needed)
          return Promise.resolve()
        },
        close() {
          made.set(name, held.slice(0, end))
          return Promise.resolve()
        },
      })
    },
  }
}
