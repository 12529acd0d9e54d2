import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { atomicWrite } from '../../src/media/node/atomicWrite.js'
import { namesColour } from './colours.js'
import type { Pair } from './pairs.js'

/** Side of a stored mask: the picture, squeezed into a square. */
export const MASK_SIDE = 64
/** Masks in one file. */
export const MASK_CHUNK = 256

/** The box around an object, as shares of its picture's sides. `aspect`: width / height in the picture's pixels. */
export interface ObjectBox {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
  readonly aspect: number
}

/** Where the objects of some pairs' pictures are. */
export interface ObjectMasks {
  /** Whether the pair's object is known to its edges. */
  has(pair: number): boolean
  box(pair: number): ObjectBox
  /** The mask at a point, as shares of the picture's sides: [0, 1]. */
  at(pair: number, u: number, v: number): number
}

function unknown(pair: number): never {
  throw new Error(`no mask of pair ${pair}`)
}
export const noMasks: ObjectMasks = { has: () => false, box: unknown, at: unknown }

/**
 * Sources whose pictures show a thing before a ground; of the others (places, weather, textures, fire, styles, pictures
 * of 64 pixels) no mask is asked for.
 */
const sources: ReadonlySet<string> = new Set([
  'caltech101',
  'clothing-cc0',
  'fashion',
  'grocery',
  'dreambooth',
  'imagenette',
  'pacs-photo',
  'imagen-synsets',
  'imagenet-samples',
  'imagewoof',
  'wordpics',
  'spell-quest',
  'catdog',
  'vehicles6',
  'ikea',
])
/**
 * Every second one: there are enough. Pairs where a picture of fire, rain or a place may hide behind a word are few.
 */
export function maskCandidates(pairs: readonly Pair[]): number[] {
  return pairs
    .flatMap((pair, i) => (sources.has(pair.source) && objectLabel(pair) !== null ? [i] : []))
    .filter((_, k) => k % 2 === 0)
}

/**
 * What the object is called when it is given another colour or material: the pair's first short text without a colour.
 */
export function objectLabel(pair: Pair): string | null {
  return pair.texts.find((text) => text.split(' ').length <= 4 && !namesColour(text)) ?? null
}

/**
 * Masks on disk, one byte a pixel: `<folder>/<chunk>.u8` = [masks of the chunk, 64, 64], in the order of the
 * candidates.
 */
export class MaskStore {
  constructor(private readonly folder: string) {}

  has(chunk: number): boolean {
    return existsSync(this.path(chunk))
  }

  async write(chunk: number, masks: Uint8Array): Promise<void> {
    mkdirSync(this.folder, { recursive: true })
    await atomicWrite(this.path(chunk), masks)
  }

  /** Reads what is stored; masks that are not confident are left out. */
  open(pairs: readonly Pair[]): ObjectMasks {
    const candidates = maskCandidates(pairs)
    const found = new Map<number, { readonly mask: Uint8Array; readonly box: ObjectBox }>()
    for (let chunk = 0; this.has(chunk); chunk++) {
      const all = new Uint8Array(readFileSync(this.path(chunk)))
      for (let k = 0; k * MASK_SIDE ** 2 < all.length; k++) {
        const mask = all.subarray(k * MASK_SIDE ** 2, (k + 1) * MASK_SIDE ** 2)
        const i = candidates[chunk * MASK_CHUNK + k]!
        const box = isConfident(mask) ? boxOf(mask, pairs[i]!) : null
        if (box) found.set(i, { mask, box })
      }
    }
    const of = (pair: number) => found.get(pair) ?? unknown(pair)
    return {
      has: (pair) => found.has(pair),
      box: (pair) => of(pair).box,
      at: (pair, u, v) => sample(of(pair).mask, u, v),
    }
  }

  private path(chunk: number): string {
    return join(this.folder, `${chunk}.u8`)
  }
}

/**
 * An object of between a twentieth and three quarters of the picture, with few pixels that may or may not belong to it.
 */
function isConfident(mask: Uint8Array): boolean {
  let [area, unsure] = [0, 0]
  for (const x of mask) {
    if (x > 127) area++
    if (x > 50 && x < 205) unsure++
  }
  const share = area / mask.length
  return share > 0.05 && share < 0.75 && unsure < 0.22 * area
}

function boxOf(mask: Uint8Array, { w, h }: Pair): ObjectBox {
  let [left, top, right, bottom] = [MASK_SIDE, MASK_SIDE, -1, -1]
  for (let i = 0; i < mask.length; i++) {
    if (mask[i]! <= 100) continue
    const [x, y] = [i % MASK_SIDE, Math.floor(i / MASK_SIDE)]
    left = Math.min(left, x)
    right = Math.max(right, x)
    top = Math.min(top, y)
    bottom = Math.max(bottom, y)
  }
  const [width, height] = [(right + 1 - left) / MASK_SIDE, (bottom + 1 - top) / MASK_SIDE]
  return { left: left / MASK_SIDE, top: top / MASK_SIDE, width, height, aspect: (width * w) / (height * h) }
}

/** Bilinear. */
function sample(mask: Uint8Array, u: number, v: number): number {
  const at = (share: number): readonly [number, number, number] => {
    const x = Math.min(Math.max(share * MASK_SIDE - 0.5, 0), MASK_SIDE - 1)
    const low = Math.floor(x)
    return [low, Math.min(low + 1, MASK_SIDE - 1), x - low]
  }
  const [[x0, x1, fx], [y0, y1, fy]] = [at(u), at(v)]
  const row = (y: number): number => mask[y * MASK_SIDE + x0]! * (1 - fx) + mask[y * MASK_SIDE + x1]! * fx
  return (row(y0) * (1 - fy) + row(y1) * fy) / 255
}
