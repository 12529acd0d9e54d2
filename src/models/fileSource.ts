import { Text2LiveError } from '../errors.js'

/** A place that holds the files of a model: a folder, a web address, memory. */
export interface FileSource {
  /** What error messages call the place. */
  readonly location: string
  /** Bytes of the file, or null where there is none. */
  size(name: string): Promise<number | null>
  /** The names of all files, where the place can tell. */
  list?(): Promise<readonly string[]>
  /**
   * The bytes from `start` (default 0) to before `end` (default: the end) of a file that exists; a buffer of their own
   * or a view.
   */
  read(name: string, start?: number, end?: number): Promise<Uint8Array>
}

/** Files held in memory. */
export function memorySource(files: ReadonlyMap<string, Uint8Array>, location = 'memory'): FileSource {
  return {
    location,
    size: (name) => Promise.resolve(files.get(name)?.byteLength ?? null),
    list: () => Promise.resolve([...files.keys()]),
    read: (name, start, end) => Promise.resolve((files.get(name) ?? new Uint8Array()).subarray(start, end)),
  }
}

/** Files below a web address. Each is fetched once, whole, when it is first asked for. */
export function fetchSource(address: string): FileSource {
  const files = new Map<string, Promise<Uint8Array | null>>()
  const file = (name: string): Promise<Uint8Array | null> => {
    const known = files.get(name) ?? download(`${address.replace(/\/$/, '')}/${name}`)
    files.set(name, known)
    return known
  }
  return {
    location: address,
    size: async (name) => (await file(name))?.byteLength ?? null,
    read: async (name, start, end) => ((await file(name)) ?? new Uint8Array()).subarray(start, end),
  }
}

async function download(url: string): Promise<Uint8Array | null> {
  const response = await fetch(url)
  if (response.status === 404) return null
  if (!response.ok) {
    throw new Text2LiveError(
      'GUIDANCE_NOT_FOUND',
      `Expected to download ${url}, the server answered ${response.status} ${response.statusText}. Try again or check the address.`,
    )
  }
  return new Uint8Array(await response.arrayBuffer())
}
