const tints = new WeakMap<ImageBitmap, OffscreenCanvas>()

/** More than any map has that a model makes; a larger one is made smaller. */
const largest = 1024

/** A grey map as a tint to lay over a photo: the brighter, the more opaque. Made once for each map. */
export function tintOf(map: ImageBitmap): OffscreenCanvas {
  const made = tints.get(map)
  if (made !== undefined) return made
  const scale = Math.min(1, largest / Math.max(map.width, map.height, 1))
  const [width, height] = [Math.max(1, Math.round(map.width * scale)), Math.max(1, Math.round(map.height * scale))]
  const tint = new OffscreenCanvas(width, height)
  tints.set(map, tint)
  const context = tint.getContext('2d')
  if (context === null || map.width === 0) return tint
  context.drawImage(map, 0, 0, width, height)
  const picture = context.getImageData(0, 0, width, height)
  const { data } = picture
  for (let i = 0; i < data.length; i += 4) {
    const grey = data[i]!
    data[i] = 255
    data[i + 1] = 170
    data[i + 2] = 0
    data[i + 3] = grey * 0.6
  }
  context.putImageData(picture, 0, 0)
  return tint
}
