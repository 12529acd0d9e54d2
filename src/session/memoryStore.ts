import { concatBytes } from '../media/bytes.js'
import type { RunStore } from './store.js'

/** A run that is kept in memory, for as long as somebody holds it. */
export interface MemoryStore extends RunStore {
  readonly files: ReadonlyMap<string, Uint8Array>
}

/** @param path what the run is called in events */
export function memoryStore(path: string): MemoryStore {
  const files = new Map<string, Uint8Array>()
  const encoder = new TextEncoder()
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
