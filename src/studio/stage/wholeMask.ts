import { Text2LiveError } from '../../errors.js'
import { lumaOf } from '../../media/luma.js'
import { featherPlane, featherReach } from './featherPlane.js'
import { type GreyPlane, growPlane } from './growPlane.js'
import { type MaskTiles, sameTile, type Tile, tileSide } from './maskTiles.js'
import type { Slices } from './slices.js'
import { type Area, common } from './viewMatrix.js'

/** The tiles of a mask that a change makes otherwise, by index. */
type Changed = Map<number, Tile>

/** @param radius whole px from 1 */
export async function grownMask(tiles: MaskTiles, radius: number, slices: Slices): Promise<Changed> {
  const box = boxOf(tiles, (tile) => tile !== 0, radius)
  if (box === null) return new Map()
  const plane = { width: box.width, height: box.height, data: await planeOf(tiles, box, slices) }
  await growPlane(plane, radius, slices)
  return await cut(tiles, plane, box, slices)
}

/** What is not painted grows. */
export async function shrunkMask(tiles: MaskTiles, radius: number, slices: Slices): Promise<Changed> {
  const box = boxOf(tiles, (tile) => tile !== 255, radius)
  if (box === null) return new Map()
  const plane = { width: box.width, height: box.height, data: await planeOf(tiles, box, slices, inverted) }
  await growPlane(plane, radius, slices)
  await invertPlane(plane, slices)
  return await cut(tiles, plane, box, slices)
}

/** @param px whole px from 1 */
export async function featheredMask(tiles: MaskTiles, px: number, slices: Slices): Promise<Changed> {
  const box = boxOf(tiles, (tile) => tile !== 0, 3 * featherReach(px))
  if (box === null) return new Map()
  // Beyond the photo's border its last px go on, so the plane ends there.
  const inside = common(box, { x: 0, y: 0, width: tiles.width, height: tiles.height })
  const plane = { width: inside.width, height: inside.height, data: await planeOf(tiles, inside, slices) }
  await featherPlane(plane, px, slices)
  return await cut(tiles, plane, inside, slices)
}

export async function invertedMask(tiles: MaskTiles, slices: Slices): Promise<Changed> {
  const changed: Changed = new Map()
  for (let i = 0; i < tiles.count; i++) {
    changed.set(i, inverted(tiles.get(i)))
    if (slices.spent) await slices.next()
  }
  return changed
}

/** Another mask of the same size. */
export const planeMask = (tiles: MaskTiles, plane: GreyPlane, slices: Slices): Promise<Changed> =>
  cut(tiles, plane, { x: 0, y: 0, width: plane.width, height: plane.height }, slices)

/** A picture, scaled to the mask's size: the brighter and the more opaque, the more. */
export async function pictureMask(tiles: MaskTiles, picture: ImageBitmap, slices: Slices): Promise<Changed> {
  const loaded: Changed = new Map()
  for (let y = 0; y < tiles.height; y += tileSide) {
    const strip = { x: 0, y, width: tiles.width, height: Math.min(tileSide, tiles.height - y) }
    const plane = { width: strip.width, height: strip.height, data: greysOf(picture, tiles, strip) }
    for (const [index, tile] of await cut(tiles, plane, strip, slices)) loaded.set(index, tile)
    await slices.next()
  }
  return loaded
}

function inverted(tile: Tile): Tile {
  if (typeof tile === 'number') return 255 - tile
  // Four px at a time.
  const out = new Uint8Array(tile.length)
  const words = tile.length >> 2
  const [from, to] = [new Uint32Array(tile.buffer, 0, words), new Uint32Array(out.buffer, 0, words)]
  for (let i = 0; i < words; i++) to[i] = ~from[i]!
  for (let i = 4 * words; i < out.length; i++) out[i] = 255 - tile[i]!
  return out
}

async function invertPlane({ width, height, data }: GreyPlane, slices: Slices): Promise<void> {
  for (let y = 0; y < height; y++) {
    for (let i = y * width; i < (y + 1) * width; i++) data[i] = 255 - data[i]!
    if (slices.spent) await slices.next()
  }
}

/** A strip of a picture that is scaled to `size`, as greys; what is transparent counts as black. */
function greysOf(picture: ImageBitmap, size: { width: number; height: number }, strip: Area): Uint8Array {
  const greys = new Uint8Array(strip.width * strip.height)
  const context = new OffscreenCanvas(strip.width, strip.height).getContext('2d', { willReadFrequently: true })
  if (context === null)
    throw new Text2LiveError(
      'DEVICE_UNAVAILABLE',
      'Expected a canvas to read the mask with, and this browser gave none.',
    )
  context.fillRect(0, 0, strip.width, strip.height)
  context.drawImage(picture, 0, -strip.y, size.width, size.height)
  const { data } = context.getImageData(0, 0, strip.width, strip.height)
  for (let i = 0; i < greys.length; i++) greys[i] = lumaOf(data[4 * i]!, data[4 * i + 1]!, data[4 * i + 2]!) + 0.5
  return greys
}

/** The tiles for which `matters` holds, and `margin` px about them, outside the mask too; null for none. */
function boxOf(tiles: MaskTiles, matters: (tile: Tile) => boolean, margin: number): Area | null {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity]
  for (let i = 0; i < tiles.count; i++) {
    if (!matters(tiles.get(i))) continue
    const { x, y, width, height } = tiles.areaOf(i)
    left = Math.min(left, x)
    top = Math.min(top, y)
    right = Math.max(right, x + width)
    bottom = Math.max(bottom, y + height)
  }
  if (left === Infinity) return null
  return { x: left - margin, y: top - margin, width: right - left + 2 * margin, height: bottom - top + 2 * margin }
}

/** An area as a plane, 0 where it lies beyond the mask. */
async function planeOf(
  tiles: MaskTiles,
  area: Area,
  slices: Slices,
  made = (tile: Tile): Tile => tile,
): Promise<Uint8Array> {
  const data = new Uint8Array(area.width * area.height)
  for (const index of tiles.within(area)) {
    tiles.copyInto(data, area, index, made(tiles.get(index)))
    if (slices.spent) await slices.next()
  }
  return data
}

/** The tiles that a plane changes: those that lie in it in part go on as they are elsewhere. */
async function cut(tiles: MaskTiles, plane: GreyPlane, area: Area, slices: Slices): Promise<Changed> {
  const changed: Changed = new Map()
  for (const index of tiles.within(area)) {
    const tile = tiles.patched(index, plane.data, area)
    if (!sameTile(tile, tiles.get(index))) changed.set(index, tile)
    if (slices.spent) await slices.next()
  }
  return changed
}
