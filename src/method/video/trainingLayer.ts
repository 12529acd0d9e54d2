import { foregroundAtlasBox } from '../../atlas/foregroundAtlasBox.js'
import { type Box, frameBoxes } from '../../atlas/frameBoxes.js'
import type { LayerName, LayeredAtlas, Mapping } from '../../atlas/layeredAtlas.js'
import { sampleAtlas } from '../../atlas/sampleAtlas.js'
import { atlasDensity, scaledAtlas } from '../../atlas/scaledAtlas.js'
import { Text2LiveError } from '../../errors.js'
import { type ClipFrames, frameImage } from '../../media/clipFrames.js'
import { crop } from '../../media/crop.js'
import type { FloatImage } from '../../media/image.js'
import { resize } from '../../media/resample.js'
import { minGeneratorSide } from '../../options/resolveSettings.js'
import type { VideoSettings } from '../../options/videoOptions.js'

/** A crop of one frame and where it lies in the atlas image of the layer. */
export interface FrameCrop {
  readonly mapping: Mapping
  /** One channel, of the foreground only. */
  readonly opacity: FloatImage | null
  /** RGB of the original frame. */
  readonly frame: FloatImage
  /**
   * RGB that the generator gets as a direct input: frame times opacity, or the background as the atlas holds it.
   */
  readonly picture: FloatImage
}

/** One layer of a clip at training size: what internal examples are cut from. */
export interface TrainingLayer {
  readonly name: LayerName
  readonly frames: number
  readonly width: number
  readonly height: number
  readonly image: FloatImage
  /** The part of the image that is edited as a whole: what the foreground's boxes use, or all of the background. */
  readonly box: Box
  /** Where crops of a frame are taken; null where the foreground is not in the frame. */
  readonly boxes: readonly (Box | null)[]
  crop(frame: number, box: Box): Promise<FrameCrop>
  /** The clip at this size. */
  readonly atlas: LayeredAtlas
}

type LayerSettings = Pick<VideoSettings, 'trainSize' | 'boxBorder' | 'opacityThreshold' | 'atlasSampling'>

/** Bytes of frames kept at hand; what lies beyond is asked of the atlas again. */
const FRAME_BYTES = 600e6

/**
 * Scales the clip to training size and finds the boxes of the layer. With `trainSize`, the frames get that short side
 * and the atlas image about as many pixels as they have; without, both keep their size, as published.
 * @throws ATLAS_EMPTY, SHAPE_MISMATCH, INPUT_TOO_SMALL
 */
export async function trainingLayer(
  original: LayeredAtlas,
  frames: ClipFrames,
  name: LayerName,
  settings: LayerSettings,
): Promise<TrainingLayer> {
  if (
    frames.width !== original.width ||
    frames.height !== original.height ||
    frames.pixels.length !== original.frames
  ) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      `The layered atlas holds ${original.frames} frames of ${original.width}x${original.height}; the clip has ${frames.pixels.length} of ${frames.width}x${frames.height}. ` +
        'Use the clip and the --frames and --size that the atlas was fitted with.',
    )
  }
  const shortSide = Math.min(original.width, original.height)
  const scale = settings.trainSize > 0 ? Math.min(1, settings.trainSize / shortSide) : 1
  const atlas =
    settings.trainSize > 0 ? scaledAtlas(original, scale, await imageScale(original, name, scale)) : original
  const { width, height } = atlas
  if (Math.min(width, height) < minGeneratorSide) {
    throw new Text2LiveError(
      'INPUT_TOO_SMALL',
      `The generator needs frames of at least ${minGeneratorSide} px on each side to train on; these have ${width}x${height}. Use a larger --size.`,
    )
  }
  const image = await atlas.image(name)
  const whole: Box = { x: 0, y: 0, width, height }
  const boxes =
    name === 'foreground'
      ? await frameBoxes(atlas, {
          threshold: settings.opacityThreshold,
          border: Math.round(settings.boxBorder * scale),
          smallest: minGeneratorSide,
        })
      : Array.from({ length: atlas.frames }, () => whole)
  const box = widened(
    name === 'foreground'
      ? await foregroundAtlasBox(atlas, boxes)
      : { x: 0, y: 0, width: image.width, height: image.height },
    image,
  )
  const known = new Map<number, { mapping: Mapping; opacity: FloatImage | null; frame: FloatImage }>()
  const kept = Math.max(3, Math.floor(FRAME_BYTES / (width * height * 24)))
  const load = async (t: number) => {
    const held = known.get(t)
    if (held) return held
    const frame = resize(frameImage(frames, t), width, height, { filter: 'bilinear', antialias: true })
    const made = {
      mapping: await atlas.mapping(name, t),
      opacity: name === 'foreground' ? await atlas.opacity(t) : null,
      frame,
    }
    if (known.size >= kept) known.delete(known.keys().next().value!)
    known.set(t, made)
    return made
  }
  return {
    name,
    frames: atlas.frames,
    width,
    height,
    image,
    box,
    boxes,
    atlas,
    async crop(t, { x, y, width: w, height: h }) {
      const whole = await load(t)
      const cut = (picture: FloatImage) => crop(picture, x, y, w, h)
      const mapping = cropMapping(whole.mapping, { x, y, width: w, height: h })
      const opacity = whole.opacity && cut(whole.opacity)
      const frame = cut(whole.frame)
      const picture = opacity
        ? through(frame, opacity)
        : sampleAtlas(image, mapping, settings.atlasSampling === 'reference' ? 'zeros' : 'edge')
      return { mapping, opacity, frame, picture }
    },
  }
}

/**
 * Scale of the atlas image at which a pixel of it is one of the scaled frame; larger where the image would become too
 * small for the generator.
 */
async function imageScale(atlas: LayeredAtlas, name: LayerName, frameScale: number): Promise<number> {
  const { width, height } = await atlas.image(name)
  return Math.min(
    1,
    Math.max(frameScale / (await atlasDensity(atlas, name)), (1.1 * minGeneratorSide) / Math.min(width, height)),
  )
}

/** A picture times an opacity. */
export function through(picture: FloatImage, opacity: FloatImage): FloatImage {
  const n = opacity.data.length
  return { ...picture, data: picture.data.map((x, i) => x * opacity.data[i % n]!) }
}

function cropMapping({ width, height, data }: Mapping, { x, y, width: w, height: h }: Box): Mapping {
  const out = new Float32Array(2 * w * h)
  for (let plane = 0; plane < 2; plane++) {
    for (let row = 0; row < h; row++) {
      const from = (plane * height + y + row) * width + x
      out.set(data.subarray(from, from + w), (plane * h + row) * w)
    }
  }
  return { width: w, height: h, data: out }
}

/** The box with sides that the generator takes, inside the image. @throws INPUT_TOO_SMALL */
export function widened(
  box: Box,
  { width, height }: { readonly width: number; readonly height: number },
  smallest = minGeneratorSide,
): Box {
  if (width < smallest || height < smallest) {
    throw new Text2LiveError(
      'INPUT_TOO_SMALL',
      `The generator needs an atlas image of at least ${smallest} px on each side to train on; this one has ${width}x${height}. Use a larger --train-size, or a larger atlas.`,
    )
  }
  const along = (start: number, length: number, available: number): [number, number] => {
    const side = Math.max(length, smallest)
    return [Math.min(Math.max(0, start - Math.floor((side - length) / 2)), available - side), side]
  }
  const [x, w] = along(box.x, box.width, width)
  const [y, h] = along(box.y, box.height, height)
  return { x, y, width: w, height: h }
}
