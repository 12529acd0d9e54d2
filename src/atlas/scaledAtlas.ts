import type { FloatImage } from '../media/image.js'
import { resize } from '../media/resample.js'
import type { LayerName, LayeredAtlas, Mapping } from './layeredAtlas.js'

const SMOOTH = { filter: 'bilinear', antialias: true } as const

/**
 * The same clip at other sizes: frames `frameScale` times as large, atlas images `imageScale` times. Positions are
 * means over what a pixel of the smaller frame covers.
 */
export function scaledAtlas(atlas: LayeredAtlas, frameScale: number, imageScale: number): LayeredAtlas {
  if (frameScale === 1 && imageScale === 1) return atlas
  const width = Math.round(atlas.width * frameScale)
  const height = Math.round(atlas.height * frameScale)
  const images = new Map<LayerName, Promise<{ readonly image: FloatImage; readonly x: number; readonly y: number }>>()
  const scaled = async (layer: LayerName) => {
    const image = await atlas.image(layer)
    const [w, h] = [
      Math.max(1, Math.round(image.width * imageScale)),
      Math.max(1, Math.round(image.height * imageScale)),
    ]
    return { image: resize(image, w, h, SMOOTH), x: w / image.width, y: h / image.height }
  }
  const known = (layer: LayerName) => {
    const made = images.get(layer) ?? scaled(layer)
    images.set(layer, made)
    return made
  }
  return {
    frames: atlas.frames,
    width,
    height,
    image: async (layer) => (await known(layer)).image,
    async mapping(layer, frame): Promise<Mapping> {
      const { x, y } = await known(layer)
      const { width: w, height: h, data } = await atlas.mapping(layer, frame)
      const plane = (k: number) =>
        resize(
          { width: w, height: h, channels: 1, data: data.subarray(k * w * h, (k + 1) * w * h) },
          width,
          height,
          SMOOTH,
        ).data
      const out = new Float32Array(2 * width * height)
      out.set(plane(0).map((u) => u * x))
      out.set(
        plane(1).map((v) => v * y),
        width * height,
      )
      return { width, height, data: out }
    },
    opacity: async (frame) => resize(await atlas.opacity(frame), width, height, SMOOTH),
  }
}

/**
 * Pixels of a layer's atlas image for one pixel of a frame, along a side: the median over the first, the middle and the
 * last frame.
 */
export async function atlasDensity(atlas: LayeredAtlas, layer: LayerName): Promise<number> {
  const { width, height, frames } = atlas
  const values: number[] = []
  for (const t of new Set([0, Math.floor((frames - 1) / 2), frames - 1])) {
    const { data } = await atlas.mapping(layer, t)
    const opacity = await atlas.opacity(t)
    for (let y = 0; y + 1 < height; y += 4) {
      for (let x = 0; x + 1 < width; x += 4) {
        const i = y * width + x
        if (layer === 'foreground' && opacity.data[i]! < 0.5) continue
        const slope = (plane: number, step: number) =>
          data[plane * width * height + i + step]! - data[plane * width * height + i]!
        values.push(Math.sqrt(Math.abs(slope(0, 1) * slope(1, width) - slope(0, width) * slope(1, 1))))
      }
    }
  }
  values.sort((a, b) => a - b)
  return values[Math.floor(values.length / 2)] ?? 1
}
