import { Text2LiveError } from '../../errors.js'
import { interrupted } from '../../engine/stoppable.js'
import { digest } from '../../session/digest.js'
import { downloadSiteFile } from './downloadSiteFile.js'
import type { SiteFile } from './siteFile.js'

/** How much of what the page needs to work lies in this browser. */
export interface FetchedFiles {
  readonly state: 'none' | 'partial' | 'ready'
  /** Bytes that are here. */
  readonly here: number
  /** Bytes of all, here or not. */
  readonly total: number
}

const cacheName = 'text2live-files'

/**
 * Files of the site that are kept in the browser, each checked against its SHA-256 when it is fetched and again when it
 * is read. They are kept by what they are: a new build of the site fetches only those that changed.
 */
export class FileCache {
  readonly #site: string
  readonly #all: readonly SiteFile[]
  /** Those that are needed here. */
  readonly #files: readonly SiteFile[]

  /**
   * @param site address of the site's folder, with its last slash
   * @param isNeeded whether a file is counted and fetched; default: each
   */
  constructor(site: string, all: readonly SiteFile[], isNeeded: (file: SiteFile) => boolean = () => true) {
    this.#site = site
    this.#all = all
    this.#files = all.filter(isNeeded)
  }

  async state(): Promise<FetchedFiles> {
    const kept = await this.#kept()
    const here = sum(this.#files.filter((file) => kept.has(this.#key(file))))
    const total = sum(this.#files)
    return { state: here === total ? 'ready' : here === 0 ? 'none' : 'partial', here, total }
  }

  /**
   * Fetches what is not here yet, a file after the other. What was fetched before it ends stays.
   * @param onProgress told the bytes that are here
   * @throws DOWNLOAD_FAILED, MODEL_DAMAGED, DISK_FULL; INTERRUPTED when `signal` aborts
   */
  async fetch(onProgress: (here: number, total: number) => void, signal: AbortSignal): Promise<void> {
    // One tab fetches; another that was asked too finds the files when its turn comes.
    await navigator.locks.request(cacheName, async () => {
      const [cache, kept] = [await caches.open(cacheName), await this.#kept()]
      const missing = this.#files.filter((file) => !kept.has(this.#key(file)))
      const total = sum(this.#files)
      let here = total - sum(missing)
      onProgress(here, total)
      for (const file of missing) {
        if (signal.aborted) throw interrupted()
        const bytes = await downloadSiteFile(this.#site, file, (done) => onProgress(here + done, total), signal)
        await keep(cache, this.#key(file), bytes)
        here += file.bytes
        onProgress(here, total)
      }
      // Of a build before this one.
      const known = new Set(this.#all.map((file) => this.#key(file)))
      for (const old of kept) if (!known.has(old)) await cache.delete(old)
    })
  }

  /** The file's size; null where the site has none of that name. */
  size(path: string): number | null {
    return this.#all.find((file) => file.path === path)?.bytes ?? null
  }

  /** @throws MODEL_NOT_CACHED, MODEL_DAMAGED */
  async read(path: string): Promise<Uint8Array<ArrayBuffer>> {
    const file = this.#all.find((each) => each.path === path)
    const cache = await caches.open(cacheName)
    const kept = file === undefined ? undefined : await cache.match(this.#key(file))
    if (file === undefined || kept === undefined)
      throw new Text2LiveError(
        'MODEL_NOT_CACHED',
        `"${path}" is needed and not in this browser yet. Fetch the models first; where that was done, the browser has thrown them away.`,
      )
    const bytes = new Uint8Array(await kept.arrayBuffer())
    if ((await digest(bytes)) === file.sha256) return bytes
    await cache.delete(this.#key(file))
    throw new Text2LiveError(
      'MODEL_DAMAGED',
      `"${path}" is no longer what was fetched, so it has been thrown away. Fetch the models again.`,
    )
  }

  /** Keys of all that is kept. */
  async #kept(): Promise<Set<string>> {
    const cache = await caches.open(cacheName)
    return new Set((await cache.keys()).map(({ url }) => url))
  }

  #key({ path, sha256 }: SiteFile): string {
    return `${new URL(path, this.#site).href}?sha256=${sha256}`
  }
}

const sum = (files: readonly SiteFile[]): number => files.reduce((all, { bytes }) => all + bytes, 0)

async function keep(cache: Cache, key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  try {
    await cache.put(key, new Response(bytes))
  } catch (cause) {
    throw new Text2LiveError(
      'DISK_FULL',
      'There is no room in this browser for the models. Free some space, or delete runs that are no longer needed.',
      { cause },
    )
  }
}
