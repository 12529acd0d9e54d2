import { Text2LiveError } from '../../errors.js'
import { runFiles } from '../runFiles.js'
import type { NewFiles, RunStore } from '../store.js'

/**
 * Runs in the browser's origin-private file system, each a folder below one; for a worker, where files can be appended
 * to.
 */
export class OpfsRuns {
  readonly #folder: string

  /** @param folder below the root of the file system; made when it is first needed */
  constructor(folder = 'text2live-runs') {
    this.#folder = folder
  }

  /** The runs' names, in no order. */
  async names(): Promise<string[]> {
    const found: string[] = []
    for await (const [name, handle] of entriesOf(await this.#root())) if (handle.kind === 'directory') found.push(name)
    return found
  }

  /**
   * Makes a run of that name, or of `<name>-<n>` with the first free n, and holds it.
   * @param contents what it begins with, by name
   * @throws RUN_LOCKED, DISK_FULL, OUTPUT_NOT_WRITABLE
   */
  async make(name: string, contents: Readonly<Record<string, Uint8Array | string>>): Promise<RunStore> {
    const taken = new Set(await this.names())
    let free = name
    for (let n = 2; taken.has(free); n++) free = `${name}-${n}`
    const store = await hold(this.#folder, free, await (await this.#root()).getDirectoryHandle(free, { create: true }))
    try {
      // The settings go last: a folder is a run once it has them.
      for (const [file, data] of Object.entries(contents).sort(
        ([a], [b]) => Number(a === runFiles.config) - Number(b === runFiles.config),
      ))
        await store.write(file, data)
      return store
    } catch (error) {
      store.release()
      throw error
    }
  }

  /**
   * Holds a run that is there.
   * @param patience milliseconds to wait for another holder to let it go: a worker whose tab was closed ends when its
   *   step does
   * @throws RUN_NOT_FOUND, RUN_LOCKED
   */
  async open(name: string, patience = 0): Promise<RunStore> {
    return await hold(this.#folder, name, await this.#run(name), patience)
  }

  /**
   * The files of a run as they are now, while somebody else may hold and write it; from a page too.
   * @throws RUN_NOT_FOUND
   */
  async look(name: string): Promise<Pick<RunStore, 'path' | 'file' | 'read' | 'has' | 'list'>> {
    return storeIn(name, await this.#run(name), () => undefined)
  }

  /** A file that lies beside the runs; null where there is none. */
  async readBeside(file: string): Promise<Uint8Array | null> {
    return await storeIn(this.#folder, await this.#root(), () => undefined).read(file)
  }

  /** @throws DISK_FULL, OUTPUT_NOT_WRITABLE */
  async writeBeside(file: string, text: string): Promise<void> {
    await storeIn(this.#folder, await this.#root(), () => undefined).write(file, text)
  }

  /** Deletes a run. @throws RUN_LOCKED while somebody holds it */
  async delete(name: string): Promise<void> {
    const store = await this.open(name)
    try {
      await (await this.#root()).removeEntry(name, { recursive: true })
    } finally {
      store.release()
    }
  }

  async #run(name: string): Promise<FileSystemDirectoryHandle> {
    const folder = await (await this.#root()).getDirectoryHandle(name).catch(() => null)
    if (folder !== null) return folder
    throw new Text2LiveError(
      'RUN_NOT_FOUND',
      `There should be a run "${name}" in this browser, but there is none. It may have been deleted, with the data of this site or by hand.`,
    )
  }

  async #root(): Promise<FileSystemDirectoryHandle> {
    return await (await navigator.storage.getDirectory()).getDirectoryHandle(this.#folder, { create: true })
  }
}

/** Where files are made that have no names yet; what a tab that was closed left there goes when others are made. */
const aside = '.new'

/**
 * What TypeScript's library lacks: folders can be walked, and files of this file system be moved, and written in place
 * by a worker.
 */
interface SyncAccessHandle {
  write(bytes: Uint8Array, options: { at: number }): number
  truncate(size: number): void
  flush(): void
  close(): void
}
const entriesOf = (folder: FileSystemDirectoryHandle): AsyncIterable<[string, FileSystemHandle]> =>
  (folder as unknown as { entries(): AsyncIterable<[string, FileSystemHandle]> }).entries()
const moveTo = (file: FileSystemFileHandle, folder: FileSystemDirectoryHandle, name: string): Promise<void> =>
  (file as unknown as { move(folder: FileSystemDirectoryHandle, name: string): Promise<void> }).move(folder, name)
const openInPlace = (file: FileSystemFileHandle): Promise<SyncAccessHandle> =>
  (file as unknown as { createSyncAccessHandle(): Promise<SyncAccessHandle> }).createSyncAccessHandle()

/** Of a file that changes while it is read. */
const readAttempts = 8

/** One holder in all tabs; a tab that is closed, or crashes, holds nothing. */
async function hold(parent: string, name: string, folder: FileSystemDirectoryHandle, patience = 0): Promise<RunStore> {
  let release = (): void => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const isHeld = await new Promise<boolean>((resolve, reject) => {
    const waiting: LockOptions = patience > 0 ? { signal: AbortSignal.timeout(patience) } : { ifAvailable: true }
    navigator.locks
      .request(`text2live ${parent}/${name}`, waiting, async (lock) => {
        resolve(lock !== null)
        if (lock !== null) await held
      })
      .catch((cause: unknown) => {
        if (cause instanceof DOMException && cause.name === 'TimeoutError') resolve(false)
        else reject(cause instanceof Error ? cause : new Error(String(cause)))
      })
  })
  if (!isHeld)
    throw new Text2LiveError(
      'RUN_LOCKED',
      `The run "${name}" is in use: another tab, or another worker of this one, is writing it. Wait for it or close it.`,
    )
  return storeIn(name, folder, release)
}

function storeIn(path: string, root: FileSystemDirectoryHandle, release: () => void): RunStore {
  const file = (name: string): string => `${path}/${name}`
  const at = async (name: string, create: boolean): Promise<FileSystemFileHandle | null> => {
    const parts = name.split('/')
    let folder = root
    try {
      for (const part of parts.slice(0, -1)) folder = await folder.getDirectoryHandle(part, { create })
      return await folder.getFileHandle(parts.at(-1)!, { create })
    } catch (cause) {
      if (!create && cause instanceof DOMException && cause.name === 'NotFoundError') return null
      throw writeError(file(name), cause)
    }
  }
  const folderAt = async (name: string): Promise<FileSystemDirectoryHandle | null> => {
    let folder = root
    try {
      for (const part of name.split('/')) folder = await folder.getDirectoryHandle(part)
      return folder
    } catch (cause) {
      if (cause instanceof DOMException && ['NotFoundError', 'TypeMismatchError'].includes(cause.name)) return null
      throw cause
    }
  }
  const remove = async (name: string): Promise<void> => {
    const cut = name.lastIndexOf('/')
    const parent = cut < 0 ? root : await folderAt(name.slice(0, cut))
    await parent?.removeEntry(name.slice(cut + 1), { recursive: true }).catch((cause: unknown) => {
      if (!(cause instanceof DOMException && cause.name === 'NotFoundError')) throw writeError(file(name), cause)
    })
  }
  /** Gives a file, or all files of a folder, that lie in `from` their place in the run. */
  const moveAll = async (from: string, name: string): Promise<void> => {
    const folder = await folderAt(`${from}/${name}`)
    if (folder !== null) {
      for await (const [each] of entriesOf(folder)) await moveAll(from, `${name}/${each}`)
      return
    }
    const made = await at(`${from}/${name}`, false)
    const cut = name.lastIndexOf('/')
    let target = root
    try {
      if (cut >= 0)
        for (const part of name.slice(0, cut).split('/'))
          target = await target.getDirectoryHandle(part, { create: true })
      await moveTo(made!, target, name.slice(cut + 1))
    } catch (cause) {
      throw writeError(file(name), cause)
    }
  }
  const create: NewFiles['create'] = async (name) => {
    const handle = await at(`${aside}/${name}`, true)
    const coded = async (doing: Promise<void>): Promise<void> => {
      await doing.catch((cause: unknown) => {
        throw writeError(file(name), cause)
      })
    }
    const writable = await handle!.createWritable().catch((cause: unknown) => {
      throw writeError(file(name), cause)
    })
    return {
      write: (data, position) =>
        coded(writable.write({ type: 'write', position, data: data as Uint8Array<ArrayBuffer> })),
      close: () => coded(writable.close()),
    }
  }
  const newFiles: NewFiles = {
    create,
    async write(name, data) {
      const writer = await create(name)
      await writer.write(data, 0)
      await writer.close()
    },
  }
  return {
    path,
    file,
    async read(name) {
      for (let attempt = 1; ; attempt++) {
        const found = await at(name, false)
        if (found === null) return null
        try {
          return new Uint8Array(await (await found.getFile()).arrayBuffer())
        } catch (cause) {
          // Whoever holds the run wrote the file between the two calls.
          if (attempt === readAttempts || !(cause instanceof DOMException)) throw cause
        }
      }
    },
    has: async (name) => (await at(name, false)) !== null,
    async write(name, data) {
      const handle = await at(name, true)
      let writable: FileSystemWritableFileStream | null = null
      try {
        // What is written goes to a file aside, which takes the other's place when it is closed.
        writable = await handle!.createWritable()
        for (const piece of typeof data === 'string' || data instanceof Uint8Array ? [data] : data)
          await writable.write(piece as Uint8Array<ArrayBuffer> | string)
        await writable.close()
      } catch (cause) {
        await writable?.abort().catch(() => undefined)
        throw writeError(file(name), cause)
      }
    },
    async list(folder) {
      const names: string[] = []
      const found = await folderAt(folder)
      if (found !== null) for await (const [name] of entriesOf(found)) names.push(name)
      return names.sort()
    },
    async replace(make) {
      await remove(aside)
      try {
        for (const name of await make(newFiles)) {
          await remove(name)
          await moveAll(aside, name)
        }
      } finally {
        await remove(aside)
      }
    },
    remove,
    async openLog(name, keep) {
      const handle = await openInPlace((await at(name, true))!).catch((cause: unknown) => {
        throw writeError(file(name), cause)
      })
      const encoder = new TextEncoder()
      handle.truncate(keep)
      let end = keep
      return {
        append(line) {
          const bytes = encoder.encode(line)
          try {
            if (handle.write(bytes, { at: end }) !== bytes.length)
              throw new DOMException('the file was not written whole', 'QuotaExceededError')
            handle.flush()
          } catch (cause) {
            handle.truncate(end)
            throw writeError(file(name), cause)
          }
          end += bytes.length
        },
        close: () => handle.close(),
      }
    },
    release,
  }
}

function writeError(path: string, cause: unknown): unknown {
  if (!(cause instanceof DOMException)) return cause
  if (cause.name === 'QuotaExceededError')
    return new Text2LiveError(
      'DISK_FULL',
      `There is no room to write "${path}" in this browser. Delete runs that are no longer needed, or free some space.`,
      { cause },
    )
  return new Text2LiveError(
    'OUTPUT_NOT_WRITABLE',
    `"${path}" cannot be written in this browser (${cause.name}). Private windows and some settings allow no files; try another window.`,
    { cause },
  )
}
