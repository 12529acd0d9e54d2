import { Slices } from './slices.js'

/** A picture at a part of its size: each of its px stands for `step` px of the whole in each direction. */
export interface Level {
  readonly source: ImageBitmap | OffscreenCanvas
  readonly step: number
}

const tile = 1024
/** Below this a whole picture is drawn as quickly as a smaller one. */
const smallest = 1_500_000

/**
 * Halves, quarters and so on of large pictures. Drawing 24 megapixels into a stage of one by single samples flickers,
 * and by filtering all of them takes longer than a frame; of the level next above the size that is wanted neither does.
 * Levels are made in slices, and until there are any the whole picture serves.
 */
export class SmallerPictures {
  readonly #levels = new WeakMap<ImageBitmap, Level[]>()
  readonly #changed: () => void

  /** @param changed called when there is something better to draw */
  constructor(changed: () => void) {
    this.#changed = changed
  }

  /** @param scale device px for each px of the whole picture; of a canvas, which may change, there are no others */
  levelFor(picture: ImageBitmap | OffscreenCanvas, scale: number): Level {
    if (picture instanceof OffscreenCanvas) return { source: picture, step: 1 }
    let levels = this.#levels.get(picture)
    if (levels === undefined) {
      levels = [{ source: picture, step: 1 }]
      this.#levels.set(picture, levels)
      if (picture.width * picture.height > smallest) void this.#make(picture, levels)
    }
    return levels.findLast(({ step }) => step * scale <= 1) ?? levels[0]!
  }

  async #make(picture: ImageBitmap, levels: Level[]): Promise<void> {
    let from = levels[0]!
    while (from.source.width * from.source.height > smallest) {
      const half = await halved(from.source)
      // A picture that was closed meanwhile has no size, and is not shown any more.
      if (half === null || picture.width === 0) return
      from = { source: half, step: from.step * 2 }
      levels.push(from)
      this.#changed()
    }
  }
}

async function halved(source: ImageBitmap | OffscreenCanvas): Promise<OffscreenCanvas | null> {
  const { width, height } = source
  const half = new OffscreenCanvas(Math.ceil(width / 2), Math.ceil(height / 2))
  const context = half.getContext('2d')
  if (context === null) return null
  const slices = new Slices()
  for (let y = 0; y < height; y += tile) {
    for (let x = 0; x < width; x += tile) {
      if (slices.spent) await slices.next()
      if (source.width === 0) return null
      const [w, h] = [Math.min(tile, width - x), Math.min(tile, height - y)]
      const part = await createImageBitmap(source, x, y, w, h, {
        resizeWidth: Math.ceil(w / 2),
        resizeHeight: Math.ceil(h / 2),
        resizeQuality: 'low',
      })
      context.drawImage(part, x / 2, y / 2)
      part.close()
    }
  }
  return half
}
