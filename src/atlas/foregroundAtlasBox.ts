import { Text2LiveError } from '../errors.js'
import type { Box } from './frameBoxes.js'
import type { LayeredAtlas } from './layeredAtlas.js'

/**
 * The part of the foreground's atlas image that the boxes of all frames use, every pixel in them counted
 * (get_atlas_bounding_box of the published code; the supplement counts the foreground's pixels only). It lies in the
 * image.
 *
 * @param boxes of every frame, see `frameBoxes`
 * @throws ATLAS_EMPTY when no frame has a box
 */
export async function foregroundAtlasBox(
  atlas: Pick<LayeredAtlas, 'image' | 'mapping'>,
  boxes: readonly (Box | null)[],
): Promise<Box> {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity]
  for (const [t, box] of boxes.entries()) {
    if (!box) continue
    const { width, height, data } = await atlas.mapping('foreground', t)
    for (let y = box.y; y < box.y + box.height; y++) {
      for (let i = y * width + box.x; i < y * width + box.x + box.width; i++) {
        const [u, v] = [data[i]!, data[height * width + i]!]
        if (u < left) left = u
        if (u > right) right = u
        if (v < top) top = v
        if (v > bottom) bottom = v
      }
    }
  }
  if (left === Infinity) {
    throw new Text2LiveError(
      'ATLAS_EMPTY',
      'Expected a foreground of at least the opacity of --opacity-threshold in some frame of the layered atlas; there is none. ' +
        'Say what the object is (--object, --point or --region) and fit the atlas again (a neural one for more iterations), lower the threshold, or edit the background.',
    )
  }
  const image = await atlas.image('foreground')
  const [x, width] = within(left, right, image.width)
  const [y, height] = within(top, bottom, image.height)
  return { x, y, width, height }
}

function within(low: number, high: number, length: number): [number, number] {
  const start = Math.min(Math.max(Math.floor(low), 0), length - 1)
  return [start, Math.min(Math.max(Math.ceil(high), start + 1), length) - start]
}
