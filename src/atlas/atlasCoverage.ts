import type { FloatImage } from '../media/image.js'
import type { LayeredAtlas, LayerName } from './layeredAtlas.js'

/**
 * Which part of a layer's atlas image the clip shows, and how far: for each of its pixels the highest share that the
 * layer has of a frame's pixel there (the opacity, or what it leaves for the background).
 * @returns one channel in [0, 1], at the size of the atlas image
 */
export async function atlasCoverage(atlas: LayeredAtlas, layer: LayerName): Promise<FloatImage> {
  const { width, height } = await atlas.image(layer)
  const data = new Float32Array(width * height)
  const size = atlas.width * atlas.height
  for (let t = 0; t < atlas.frames; t++) {
    const opacity = (await atlas.opacity(t)).data
    const mapping = (await atlas.mapping(layer, t)).data
    for (let i = 0; i < size; i++) {
      const [u, v] = [Math.floor(mapping[i]!), Math.floor(mapping[size + i]!)]
      if (u < 0 || v < 0 || u >= width || v >= height) continue
      const share = layer === 'foreground' ? opacity[i]! : 1 - opacity[i]!
      if (share > data[v * width + u]!) data[v * width + u] = share
    }
  }
  return { width, height, channels: 1, data: spread(data, width, height) }
}

/** The highest value within one pixel: an atlas image may be finer than the frames, and has pixels between theirs. */
function spread(source: Float32Array, width: number, height: number): Float32Array {
  const out = source.slice()
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++) {
        for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) {
          if (source[v * width + u]! > out[y * width + x]!) out[y * width + x] = source[v * width + u]!
        }
      }
    }
  }
  return out
}
