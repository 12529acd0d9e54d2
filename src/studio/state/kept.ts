import { del, get, set } from 'idb-keyval'
import type { GivenOptions } from '../../options/imageOptions.js'
import type { GivenVideoOptions } from '../../options/videoOptions.js'
import type { NamedFile } from '../../session/runHost.js'
import type { LayerName } from '../../atlas/layeredAtlas.js'
import type { EditLayer } from './layers.js'

/** The photo or clip that was open. */
export interface KeptPhoto {
  /** A photo unless it says so. */
  readonly kind?: 'clip'
  readonly name: string
  readonly bytes: Uint8Array
}

/** What else is on the page. */
export interface KeptPage {
  readonly layers: readonly EditLayer[]
  readonly selected: string | null
  readonly options: GivenOptions | GivenVideoOptions
  /** How often an edit is made; once where it is absent. */
  readonly variations?: number
  /** What bounds the edit of a clip; null or absent for nothing. */
  readonly bound?: NamedFile | null
}

/** What was painted on an atlas and is not written to the clip yet. */
export interface KeptPaint {
  /** PNG of the atlas's size, straight alpha. */
  readonly png: Uint8Array
  /** Does the trained edit lie under it? */
  readonly withEdit: boolean
}

/** Of how many photos, clips and atlases what was painted is kept. */
const keptPaintings = 12

/**
 * What the page keeps in this browser between visits. A browser that keeps nothing (a private window) is no fault: the
 * page begins empty then. Writes are done one after another, so that the last one counts.
 */
export class Kept {
  #last: Promise<unknown> = Promise.resolve()
  readonly #prefix: string

  /** @param prefix of the names, one for each host */
  constructor(prefix: string) {
    this.#prefix = `text2live ${prefix} `
  }

  async photo(): Promise<KeptPhoto | null> {
    return await this.#get<KeptPhoto>('photo')
  }

  keepPhoto(photo: KeptPhoto | null): Promise<void> {
    return this.#set('photo', photo)
  }

  async page(): Promise<KeptPage | null> {
    return await this.#get<KeptPage>('page')
  }

  keepPage(page: KeptPage): Promise<void> {
    return this.#set('page', page)
  }

  /** The mask that was last painted on a photo, as a PNG. @param photo its hash */
  async mask(photo: string): Promise<Uint8Array | null> {
    return await this.#get<Uint8Array>(`mask ${photo}`)
  }

  /** The masks that were last painted on a clip, as PNGs by frame. @param clip its hash */
  async clipMasks(clip: string): Promise<ReadonlyMap<number, Uint8Array>> {
    return (await this.#get<ReadonlyMap<number, Uint8Array>>(`mask ${clip}`)) ?? new Map<number, Uint8Array>()
  }

  /**
   * Keeps the mask of a photo, or the masks of a clip by frame; those of files that were not opened for longest go.
   * @param photo its hash
   */
  async keepMask(photo: string, png: Uint8Array | ReadonlyMap<number, Uint8Array> | null): Promise<void> {
    await this.#keepPainted(photo, png)
  }

  /** What was painted on the atlas of a layer of a clip's run. */
  async paint(run: string, layer: LayerName): Promise<KeptPaint | null> {
    return await this.#get<KeptPaint>(`mask ${run} ${layer}`)
  }

  async keepPaint(run: string, layer: LayerName, paint: KeptPaint | null): Promise<void> {
    await this.#keepPainted(`${run} ${layer}`, paint)
  }

  async #keepPainted(id: string, painted: unknown): Promise<void> {
    const order = ((await this.#get<readonly string[]>('masks')) ?? []).filter((one) => one !== id)
    const kept = painted === null ? order : [id, ...order]
    for (const old of kept.slice(keptPaintings)) await this.#set(`mask ${old}`, null)
    await this.#set(`mask ${id}`, painted)
    await this.#set('masks', kept.slice(0, keptPaintings))
  }

  async #get<T>(name: string): Promise<T | null> {
    return (await get<T>(this.#prefix + name).catch(() => undefined)) ?? null
  }

  async #set(name: string, value: unknown): Promise<void> {
    const key = this.#prefix + name
    const write = this.#last.then(() => (value === null ? del(key) : set(key, value))).catch(() => undefined)
    this.#last = write
    await write
  }
}
