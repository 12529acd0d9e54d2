import sharp from 'sharp'
import type { FloatImage } from '../../src/media/image.js'
import { crop } from '../../src/media/crop.js'
import { flipHorizontal } from '../../src/media/flipHorizontal.js'
import { resize } from '../../src/media/resample.js'
import { randomStream } from '../../src/engine/random.js'
import { colours, shadeOf, tint } from './colours.js'
import { finishes, inFinish, withGrainOf } from './finishes.js'
import { type ObjectBox, type ObjectMasks, noMasks } from './objectMasks.js'
import { layUpon, paintSubstance } from './paint.js'
import type { PairFolder } from './pairs.js'
import { type Ellipse, type Layer, type Look, type View, type Window, coverage } from './views.js'

const bicubic = { filter: 'bicubic', antialias: true } as const

/** The pixels [3, size, size] of a view, in [0, 1]. */
export async function renderView(view: View, folder: PairFolder, masks: ObjectMasks = noMasks): Promise<Float32Array> {
  const { size } = view
  const { data } = await renderLayer(view.ground, size, size, folder, masks)
  for (const each of view.pasted) {
    const { layer, box } = each
    const { data: photo } = await renderLayer(layer, box.width, box.height, folder, masks)
    const covers = coverage(each, masks)
    const pixels = box.width * box.height
    for (let i = 0; i < pixels; i++) {
      const [x, y] = [box.x + (i % box.width), box.y + Math.floor(i / box.width)]
      const share = covers(x + 0.5, y + 0.5)
      for (let c = 0; c < 3; c++) {
        const at = (c * size + y) * size + x
        data[at] = data[at]! * (1 - share) + photo[c * pixels + i]! * share
      }
    }
  }
  for (let i = 0; i < data.length; i++) data[i] = Math.min(Math.max(data[i]!, 0), 1)
  return data
}

/** How much each pixel of a view of one photo belongs to its object: [size, size], [0, 1]. */
export async function objectShare(
  { size, ground }: View,
  folder: PairFolder,
  masks: ObjectMasks,
): Promise<Float32Array> {
  const whole = await decode(ground.pair, folder)
  const cut = ground.window === 'object' ? boxCut(whole, masks.box(ground.pair)) : windowCut(whole, ground.window, 1)
  return objectAmount(ground, cut, whole, size, size, masks)
}

async function renderLayer(
  layer: Layer,
  width: number,
  height: number,
  folder: PairFolder,
  masks: ObjectMasks,
): Promise<FloatImage> {
  const whole = await decode(layer.pair, folder)
  const cut =
    layer.window === 'object' ? boxCut(whole, masks.box(layer.pair)) : windowCut(whole, layer.window, width / height)
  const part = crop(whole, cut.x, cut.y, cut.width, cut.height)
  // What a look adds is finer than a picture of a hundred pixels: it is painted at the size that is shown.
  const photo = resize(layer.flip ? flipHorizontal(part) : part, width, height, bicubic)
  if (layer.look === null) return photo
  const amount =
    layer.window === 'object' || layer.within === 'object'
      ? objectAmount(layer, cut, whole, width, height, masks)
      : layer.within
        ? ellipseMask(layer.within, width, height)
        : null
  await paint(photo, layer.look, amount, folder)
  return photo
}

async function paint(photo: FloatImage, look: Look, amount: Float32Array | null, folder: PairFolder): Promise<void> {
  const filled = async (pair: number): Promise<FloatImage> => {
    const picture = await decode(pair, folder)
    const cut = windowCut(picture, null, photo.width / photo.height)
    return resize(crop(picture, cut.x, cut.y, cut.width, cut.height), photo.width, photo.height, bicubic)
  }
  switch (look.of) {
    case 'colour': {
      tint(photo.data, photo.width * photo.height, shadeOf(colours[look.index]!, look.shade), amount ?? undefined)
      return
    }
    case 'material': {
      layUpon(photo, await filled(look.picture), amount)
      return
    }
    case 'substance': {
      paintSubstance(photo, look.index, amount, look.picture === null ? null : await filled(look.picture), look.seed)
      return
    }
    case 'finish': {
      paintFinish(photo, look, amount ?? new Float32Array(photo.width * photo.height).fill(1))
      return
    }
  }
}

/** How strong the grain of a finish is. */
const GRAIN = { least: 0.5, most: 1 } as const

/** In a finish's colours, with its grain, as an edit has it. */
function paintFinish(photo: FloatImage, { index, seed }: Extract<Look, { of: 'finish' }>, object: Float32Array): void {
  const finish = finishes[index]!
  const strength = randomStream(seed, 'grain').uniform(GRAIN.least, GRAIN.most)
  photo.data.set(inFinish(withGrainOf(finish, photo, object, { seed, strength }).data, object, finish))
}

/** A part of a picture in whole pixels. */
interface Cut {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** The object's mask over the layer's pixels. */
function objectAmount(
  { pair, flip }: Layer,
  cut: Cut,
  whole: FloatImage,
  width: number,
  height: number,
  masks: ObjectMasks,
): Float32Array {
  return new Float32Array(width * height).map((_, i) => {
    const u = ((i % width) + 0.5) / width
    const x = cut.x + (flip ? 1 - u : u) * cut.width
    const y = cut.y + ((Math.floor(i / width) + 0.5) / height) * cut.height
    return masks.at(pair, x / whole.width, y / whole.height)
  })
}

/** A JPEG's pixels in [0, 1]. */
async function decode(pair: number, folder: PairFolder): Promise<FloatImage> {
  return await decodeJpeg(folder.jpeg(folder.pairs[pair]!))
}

export async function decodeJpeg(jpeg: Buffer): Promise<FloatImage> {
  const { data, info } = await sharp(jpeg)
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  const n = info.width * info.height
  const planes = new Float32Array(3 * n)
  for (let i = 0; i < n; i++)
    for (let c = 0; c < 3; c++) planes[c * n + i] = data[info.channels * i + (info.channels === 1 ? 0 : c)]! / 255
  return { width: info.width, height: info.height, channels: 3, data: planes }
}

/** A window in the shape width / height = `aspect`, as large as the picture allows; null: the centre. */
function windowCut(image: FloatImage, window: Window | null, aspect: number): Cut {
  const scale = window?.width ?? 1
  const height = Math.min(image.height, Math.max(8, Math.round(Math.min(image.height, image.width / aspect) * scale)))
  const width = Math.min(image.width, Math.max(8, Math.round(height * aspect)))
  return {
    x: Math.round((image.width - width) * (window?.left ?? 0.5)),
    y: Math.round((image.height - height) * (window?.top ?? 0.5)),
    width,
    height,
  }
}

function boxCut({ width, height }: FloatImage, box: ObjectBox): Cut {
  const [x, y] = [Math.floor(box.left * width), Math.floor(box.top * height)]
  return {
    x,
    y,
    width: Math.min(width - x, Math.max(4, Math.round(box.width * width))),
    height: Math.min(height - y, Math.max(4, Math.round(box.height * height))),
  }
}

/** 1 inside, 0 outside, soft over a tenth of the radius. */
function ellipseMask({ x, y, rx, ry }: Ellipse, width: number, height: number): Float32Array {
  const mask = new Float32Array(width * height)
  for (let i = 0; i < mask.length; i++) {
    const distance = Math.hypot(
      ((i % width) + 0.5) / width / rx - x / rx,
      (Math.floor(i / width) + 0.5) / height / ry - y / ry,
    )
    mask[i] = Math.min(Math.max((1.05 - distance) / 0.1, 0), 1)
  }
  return mask
}
