import { createHash } from 'node:crypto'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { atomicWrite } from '../../src/media/node/atomicWrite.js'
import { toHalf } from './toHalf.js'
import { FEATURES } from './trunkFeatures.js'
import { type PlannedViews, type ViewKind, type ViewPlan, cellsOf, drawView, viewCount, viewKinds } from './views.js'

/** Views in one file. */
export const CHUNK = 256

/** What the stored features were made from; another value needs another folder. */
export interface StoreOrigin {
  readonly seed: number
  readonly pairs: number
  /** Pairs whose object is known. */
  readonly objects: number
  readonly counts: PlannedViews
  /** SHA-256 of trunk.safetensors. */
  readonly trunk: string
  /** SHA-256 of how many views each kind has, and of the first of them as they are drawn. */
  readonly drawn: string
}

/** Views of each kind that stand for the rules by which all are drawn. */
const TELLING = 32

export function storeOrigin(plan: ViewPlan, parts: string): StoreOrigin {
  const sum = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex')
  const drawn = viewKinds.map((kind) => {
    const count = viewCount(plan, kind)
    return [count, ...Array.from({ length: Math.min(TELLING, count) }, (_, i) => drawView(plan, kind, i))]
  })
  return {
    seed: plan.seed,
    pairs: plan.pairs.length,
    objects: plan.objects.length,
    counts: plan.counts,
    trunk: sum(readFileSync(join(parts, 'trunk.safetensors'))),
    drawn: sum(JSON.stringify(drawn)),
  }
}

/** Trunk features of views on disk, fp16: `<folder>/<kind>/<chunk>.f16` = [views of the chunk, cells, FEATURES]. */
export class FeatureStore {
  private readonly files = new Map<string, number>()

  constructor(private readonly folder: string) {}

  /** @throws when the folder holds features made from something else */
  async claim(origin: StoreOrigin): Promise<void> {
    mkdirSync(this.folder, { recursive: true })
    const path = join(this.folder, 'origin.json')
    const text = `${JSON.stringify(origin)}\n`
    if (!existsSync(path)) {
      await atomicWrite(path, text)
      return
    }
    const found = readFileSync(path, 'utf8')
    if (found !== text)
      throw new Error(
        `${this.folder} holds features of other views: expected ${text.trim()}, found ${found.trim()}. Choose another --work folder.`,
      )
  }

  has(kind: ViewKind, chunk: number): boolean {
    return existsSync(this.path(kind, chunk))
  }

  async write(kind: ViewKind, chunk: number, features: Float32Array): Promise<void> {
    mkdirSync(join(this.folder, kind), { recursive: true })
    const half = toHalf(features)
    await atomicWrite(this.path(kind, chunk), new Uint8Array(half.buffer, half.byteOffset, half.byteLength))
  }

  /** How many of a kind's first views are stored without a gap. */
  stored(kind: ViewKind): number {
    let chunk = 0
    while (this.has(kind, chunk)) chunk++
    return chunk === 0
      ? 0
      : (chunk - 1) * CHUNK + statSync(this.path(kind, chunk - 1)).size / (2 * cellsOf(kind) * FEATURES)
  }

  /** Reads view `i` into `into`, [cells * FEATURES] half-precision numbers. */
  read(kind: ViewKind, i: number, into: Uint16Array): void {
    const length = 2 * cellsOf(kind) * FEATURES
    const bytes = new Uint8Array(into.buffer, into.byteOffset, length)
    if (readSync(this.open(kind, Math.floor(i / CHUNK)), bytes, 0, length, (i % CHUNK) * length) !== length) {
      throw new Error(
        `${this.path(kind, Math.floor(i / CHUNK))} ends before view ${i}. Delete it and run the command "features" again.`,
      )
    }
  }

  close(): void {
    for (const file of this.files.values()) closeSync(file)
    this.files.clear()
  }

  private open(kind: ViewKind, chunk: number): number {
    const path = this.path(kind, chunk)
    let file = this.files.get(path)
    if (file === undefined) this.files.set(path, (file = openSync(path, 'r')))
    return file
  }

  private path(kind: ViewKind, chunk: number): string {
    return join(this.folder, kind, `${chunk}.f16`)
  }
}
