import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

const row = z.object({
  id: z.string(),
  shard: z.string(),
  off: z.int().min(0),
  len: z.int().positive(),
  w: z.int().positive(),
  h: z.int().positive(),
  texts: z.array(z.string().min(1)).min(1),
  kind: z.enum(['label', 'word', 'caption', 'texture', 'style']),
  source: z.string(),
  /** Dominant colour, guessed from pixels. */
  auto_color: z.string().optional(),
  /** Colour as a person named it. */
  color: z.string().optional(),
  label: z.string().optional(),
  set: z.enum(['objects', 'materials', 'colours']).optional(),
})

/** One picture and what it shows. */
export type Pair = z.infer<typeof row>
type Split = 'train' | 'heldout' | 'zeroshot'

/**
 * Sources whose licence is stated and permissive (sources.json): CC0, CC BY 4.0, MIT. The card of the model lists all.
 */
const cleanSources: ReadonlySet<string> = new Set([
  'caltech101',
  'clothing-cc0',
  'dreambooth',
  'fashion',
  'grocery',
  'trashnet',
  'weather4',
])

export function isClean({ source }: Pair): boolean {
  return cleanSources.has(source)
}

/** Pictures and texts of one split: `<split>.jsonl` beside the shards of JPEG files laid end to end. */
export class PairFolder {
  readonly pairs: readonly Pair[]
  private readonly shards = new Map<string, number>()

  constructor(
    private readonly folder: string,
    split: Split,
  ) {
    const lines = readFileSync(join(folder, `${split}.jsonl`), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
    const pairs = lines.map((line) => row.parse(JSON.parse(line)))
    // Clean sources first, so that what is made of them alone is a prefix; otherwise the file's order.
    this.pairs = split === 'train' ? [...pairs].sort((a, b) => Number(isClean(b)) - Number(isClean(a))) : pairs
  }

  /** Pairs of clean sources: the first ones. */
  get cleanCount(): number {
    return this.pairs.filter(isClean).length
  }

  jpeg(pair: Pair): Buffer {
    let shard = this.shards.get(pair.shard)
    if (shard === undefined) this.shards.set(pair.shard, (shard = openSync(join(this.folder, pair.shard), 'r')))
    const bytes = Buffer.alloc(pair.len)
    if (readSync(shard, bytes, 0, pair.len, pair.off) !== pair.len)
      throw new Error(`${pair.shard} ends before the picture of ${pair.id}`)
    return bytes
  }

  close(): void {
    for (const shard of this.shards.values()) closeSync(shard)
    this.shards.clear()
  }
}
