import sharp from 'sharp'
import type { FloatImage } from '../../src/media/image.js'
import { crop } from '../../src/media/crop.js'
import { flipHorizontal } from '../../src/media/flipHorizontal.js'
import { resize } from '../../src/media/resample.js'
import { colours, luminance, tint } from './colours.js'
import type { PairFolder } from './pairs.js'
import { type Ellipse, type Layer, type View, coverage } from './views.js'

const bicubic = { filter: 'bicubic', antialias: true } as const

/** The pixels [3, size, size] of a view, in [0, 1]. */
export async function renderView(view: View, folder: PairFolder): Promise<Float32Array> {
  const { size } = view
  const { data } = await renderLayer(view.ground, size, size, folder)
  for (const { layer, box, ellipse } of view.pasted) {
    const { data: photo } = await renderLayer(layer, box.width, box.height, folder)
    const pixels = box.width * box.height
    for (let i = 0; i < pixels; i++) {
      const [x, y] = [box.x + (i % box.width), box.y + Math.floor(i / box.width)]
      const share = coverage(box, ellipse, x + 0.5, y + 0.5)
      for (let c = 0; c < 3; c++) {
        const at = (c * size + y) * size + x
        data[at] = data[at]! * (1 - share) + photo[c * pixels + i]! * share
      }
    }
  }
  for (let i = 0; i < data.length; i++) data[i] = Math.min(Math.max(data[i]!, 0), 1)
  return data
}

async function renderLayer(layer: Layer, width: number, height: number, folder: PairFolder): Promise<FloatImage> {
  const photo = windowed(await decode(layer.pair, folder), layer, width / height)
  const n = photo.width * photo.height
  const amount = layer.within ? ellipseMask(layer.within, photo.width, photo.height) : undefined
  if (layer.colour !== null) tint(photo.data, n, colours[layer.colour]!, amount)
  if (layer.texture !== null) {
    const texture = windowed(await decode(layer.texture, folder), { window: null, flip: false }, photo.width / photo.height)
    layUpon(photo, resize(texture, photo.width, photo.height, bicubic), amount)
  }
  return resize(photo, width, height, bicubic)
}

/** A JPEG's pixels in [0, 1]. */
async function decode(pair: number, folder: PairFolder): Promise<FloatImage> {
  return await decodeJpeg(folder.jpeg(folder.pairs[pair]!))
}

export async function decodeJpeg(jpeg: Buffer): Promise<FloatImage> {
  const { data, info } = await sharp(jpeg).toColourspace('srgb').removeAlpha().raw().toBuffer({ resolveWithObject: true })
  const n = info.width * info.height
  const planes = new Float32Array(3 * n)
  for (let i = 0; i < n; i++) for (let c = 0; c < 3; c++) planes[c * n + i] = data[info.channels * i + (info.channels === 1 ? 0 : c)]! / 255
  return { width: info.width, height: info.height, channels: 3, data: planes }
}

/** The layer's window of a picture, in the shape width / height = `aspect`, as large as the picture allows; a copy. */
function windowed(image: FloatImage, { window, flip }: Pick<Layer, 'window' | 'flip'>, aspect: number): FloatImage {
  const scale = window?.width ?? 1
  const height = Math.min(image.height, Math.max(8, Math.round(Math.min(image.height, image.width / aspect) * scale)))
  const width = Math.min(image.width, Math.max(8, Math.round(height * aspect)))
  const left = Math.round((image.width - width) * (window?.left ?? 0.5))
  const top = Math.round((image.height - height) * (window?.top ?? 0.5))
  const part = crop(image, left, top, width, height)
  return flip ? flipHorizontal(part) : part
}

/** The texture, with the photo's brightness. */
function layUpon(photo: FloatImage, texture: FloatImage, amount?: Float32Array): void {
  const n = photo.width * photo.height
  const bright = (planes: Float32Array, i: number): number => luminance(planes[i]!, planes[n + i]!, planes[2 * n + i]!)
  let mean = 0
  for (let i = 0; i < n; i++) mean += bright(photo.data, i) / n
  for (let i = 0; i < n; i++) {
    const light = 0.35 + (0.65 * bright(photo.data, i)) / Math.max(mean, 0.1)
    const share = amount ? amount[i]! : 1
    for (let c = 0; c < 3; c++) photo.data[c * n + i] = photo.data[c * n + i]! * (1 - share) + Math.min(Math.max(texture.data[c * n + i]! * light, 0), 1) * share
  }
}

/** 1 inside, 0 outside, soft over a tenth of the radius. */
function ellipseMask({ x, y, rx, ry }: Ellipse, width: number, height: number): Float32Array {
  const mask = new Float32Array(width * height)
  for (let i = 0; i < mask.length; i++) {
    const distance = Math.hypot(((i % width) + 0.5) / width / rx - x / rx, (Math.floor(i / width) + 0.5) / height / ry - y / ry)
    mask[i] = Math.min(Math.max((1.05 - distance) / 0.1, 0), 1)
  }
  return mask
}
