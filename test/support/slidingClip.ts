import type { LayeredAtlas } from '../../src/atlas/layeredAtlas.js'
import { sampleAtlas } from '../../src/atlas/sampleAtlas.js'
import type { ClipFrames } from '../../src/media/clipFrames.js'
import type { FloatImage } from '../../src/media/image.js'

export interface SlidingClip {
  readonly atlas: LayeredAtlas
  readonly frames: ClipFrames
}

/**
 * A clip whose layers are known: a shaded ground that slides by `step` px a frame, and a striped disc that slides the
 * other way. Atlas images have `density` pixels for one of the frame. Frames of `absent` show no disc.
 */
export function slidingClip(
  width: number,
  height: number,
  frames: number,
  { step = 3, density = 1, absent = [] as readonly number[] } = {},
): SlidingClip {
  const shift = (frames - 1) * step
  const picture = (w: number, h: number, colour: (x: number, y: number, c: number) => number): FloatImage => {
    const [columns, rows] = [Math.round(w * density), Math.round(h * density)]
    const data = new Float32Array(3 * columns * rows)
    for (let i = 0; i < data.length; i++) {
      const x = ((i % columns) + 0.5) / density
      const y = ((Math.floor(i / columns) % rows) + 0.5) / density
      data[i] = colour(x, y, Math.floor(i / (columns * rows)))
    }
    return { width: columns, height: rows, channels: 3, data }
  }
  const ground = picture(
    width + shift,
    height,
    (x, y, c) => 0.45 + 0.25 * Math.sin(x / 17 + c) + 0.2 * Math.cos(y / 11 - 2 * c),
  )
  const disc = picture(width + shift, height, (x, y, c) => 0.5 + 0.45 * Math.sin((x + y) / 9 + 2 * c))
  const offset = (layer: 'foreground' | 'background', t: number) =>
    layer === 'background' ? t * step : shift - t * step
  const radius = Math.min(width, height) / 4
  const atlas: LayeredAtlas = {
    frames,
    width,
    height,
    image: (layer) => Promise.resolve(layer === 'background' ? ground : disc),
    mapping(layer, t) {
      const data = new Float32Array(2 * width * height)
      for (let i = 0; i < width * height; i++) {
        data[i] = ((i % width) + 0.5 + offset(layer, t)) * density
        data[width * height + i] = (Math.floor(i / width) + 0.5) * density
      }
      return Promise.resolve({ width, height, data })
    },
    opacity(t) {
      const data = Float32Array.from({ length: width * height }, (_, i) => {
        const away = Math.hypot(
          (i % width) - width / 2 + (t - (frames - 1) / 2) * step,
          Math.floor(i / width) - height / 2,
        )
        return absent.includes(t) ? 0 : Math.min(Math.max(radius - away + 0.5, 0.001), 0.991)
      })
      return Promise.resolve({ width, height, channels: 1, data })
    },
  }
  return { atlas, frames: { width, height, pixels: Array.from({ length: frames }, (_, t) => frame(t)) } }

  function frame(t: number): Uint8Array {
    const seen = (image: FloatImage, layer: 'foreground' | 'background') => {
      const data = new Float32Array(2 * width * height)
      for (let i = 0; i < width * height; i++) {
        data[i] = ((i % width) + 0.5 + offset(layer, t)) * density
        data[width * height + i] = (Math.floor(i / width) + 0.5) * density
      }
      return sampleAtlas(image, { width, height, data }).data
    }
    const [back, front] = [seen(ground, 'background'), seen(disc, 'foreground')]
    const bytes = new Uint8Array(3 * width * height)
    for (let i = 0; i < width * height; i++) {
      const away = Math.hypot(
        (i % width) - width / 2 + (t - (frames - 1) / 2) * step,
        Math.floor(i / width) - height / 2,
      )
      const opacity = absent.includes(t) ? 0 : Math.min(Math.max(radius - away + 0.5, 0), 1)
      for (let c = 0; c < 3; c++)
        bytes[3 * i + c] = Math.round(
          255 * (opacity * front[c * width * height + i]! + (1 - opacity) * back[c * width * height + i]!),
        )
    }
    return bytes
  }
}
