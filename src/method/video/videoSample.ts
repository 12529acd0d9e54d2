import type { Box } from '../../atlas/frameBoxes.js'
import type { Mapping } from '../../atlas/layeredAtlas.js'
import { sampleAtlas } from '../../atlas/sampleAtlas.js'
import type { RandomStream } from '../../engine/random.js'
import { crop } from '../../media/crop.js'
import { flipHorizontal } from '../../media/flipHorizontal.js'
import type { FloatImage } from '../../media/image.js'
import { resize } from '../../media/resample.js'
import { minGeneratorSide } from '../../options/resolveSettings.js'
import type { VideoSettings } from '../../options/videoOptions.js'
import { bucketed } from '../internalExamples.js'
import { jitterPhoto } from '../jitterPhoto.js'
import { type JitterDraw, type Size, drawJitter } from '../viewDraws.js'
import { type FrameCrop, type TrainingLayer, widened } from './trainingLayer.js'

/** Everything random about the three frames of one step (supplement 3.1). */
export interface VideoDraw {
  readonly frames: readonly number[]
  /** A crop of each. */
  readonly crops: readonly Box[]
  readonly flip: boolean
  readonly atlasJitter: JitterDraw | null
  /** Of the atlas crop. */
  readonly scale: number
  /** Which of the frames is the direct input. */
  readonly direct: number
  readonly directJitter: JitterDraw | null
}

type SampleSettings = Pick<
  VideoSettings,
  | 'frameDistance'
  | 'cropsMinCover'
  | 'flipProbability'
  | 'jitterProbability'
  | 'scaleMin'
  | 'scaleMax'
  | 'sizes'
  | 'bucket'
  | 'atlasSampling'
>

/**
 * Draws a segment t - d, t, t + d, the crops of its frames, and their augmentation. A frame without foreground gives
 * its place to frame t.
 */
export function drawVideoSample(random: RandomStream, layer: TrainingLayer, settings: SampleSettings): VideoDraw {
  const { frames, boxes } = layer
  const distance = Math.min(settings.frameDistance, Math.floor((frames - 1) / 2))
  const centres = boxes.flatMap((box, t) => (box && t >= distance && t < frames - distance ? [t] : []))
  const candidates = centres.length > 0 ? centres : boxes.flatMap((box, t) => (box ? [t] : []))
  const centre = candidates[random.integer(0, candidates.length)]!
  const chosen = [centre - distance, centre, centre + distance].map((t) => (boxes[t] ? t : centre))
  const flip = random.chance(settings.flipProbability)
  const jitter = () => (random.chance(settings.jitterProbability) ? drawJitter(random) : null)
  const own = () => chosen.map((t) => drawCrop(random, boxes[t]!, layer, settings))
  // The background is cropped alike in all three, the foreground in each on its own (published code).
  const crops =
    layer.name === 'foreground' ? own() : new Array<Box>(3).fill(drawCrop(random, boxes[centre]!, layer, settings))
  return {
    frames: chosen,
    crops,
    flip,
    atlasJitter: jitter(),
    scale: random.uniform(settings.scaleMin, settings.scaleMax),
    direct: random.integer(0, 3),
    directJitter: jitter(),
  }
}

function drawCrop(random: RandomStream, box: Box, frame: Size, settings: SampleSettings): Box {
  const along = (start: number, length: number, available: number): [number, number] => {
    const drawn = Math.max(random.integer(Math.round(settings.cropsMinCover * length), length + 1), minGeneratorSide)
    const side = settings.sizes === 'exact' ? drawn : bucketed(drawn, available, settings.bucket)
    // Inside the box, or around it where the bucket is larger.
    const ends = [start, start + length - side]
    return [random.integer(Math.max(0, Math.min(...ends)), Math.min(available - side, Math.max(...ends)) + 1), side]
  }
  const [y, height] = along(box.y, box.height, frame.height)
  const [x, width] = along(box.x, box.width, frame.width)
  return { x, y, width, height }
}

/** One frame of a step as it reads the atlas crop. */
export interface MappedFrame extends FrameCrop {
  /** [h, w, 2]: where each pixel lies in the atlas crop, (x, y) in [-1, 1]. */
  readonly grid: Float32Array
}

/** The internal example of a draw. */
export interface VideoSample {
  /** The smallest crop of the atlas that the three frames use, augmented. */
  readonly atlas: FloatImage
  readonly mapped: readonly MappedFrame[]
  /** The frame crop that is given to the generator itself. */
  readonly direct: FrameCrop
  /** A map of the size of the layer's atlas image, as the atlas crop shows it. */
  inAtlas(map: FloatImage): FloatImage
  /** The same map as a frame shows it. */
  inFrame(map: FloatImage, frame: FrameCrop): FloatImage
}

/** Cuts, augments and aligns what was drawn. */
export async function videoSample(
  layer: TrainingLayer,
  draw: VideoDraw,
  settings: SampleSettings,
): Promise<VideoSample> {
  const crops: FrameCrop[] = []
  for (const [i, t] of draw.frames.entries()) crops.push(await layer.crop(t, draw.crops[i]!))
  const window = atlasWindow(
    crops.map(({ mapping }) => mapping),
    layer.image,
    settings,
  )
  const mirror = (picture: FloatImage) => (draw.flip ? flipHorizontal(picture) : picture)
  const size = scaledSize(window, draw.scale, settings)
  const inAtlas = (map: FloatImage) => {
    const cut = crop(map, window.x, window.y, window.width, window.height)
    return mirror(
      size.width === window.width && size.height === window.height
        ? cut
        : resize(cut, size.width, size.height, { filter: 'bilinear', antialias: true }),
    )
  }
  const jittered = (picture: FloatImage, jitter: JitterDraw | null) =>
    jitter ? jitterPhoto(picture, jitter, false) : picture
  const mapped = crops.map((one) => ({
    ...mirrored(one, mirror),
    grid: gridOf(one.mapping, window, draw.flip, settings.atlasSampling),
  }))
  const direct = mapped[draw.direct]!
  return {
    atlas: jittered(inAtlas(layer.image), draw.atlasJitter),
    mapped,
    direct: { ...direct, picture: jittered(direct.picture, draw.directJitter) },
    inAtlas,
    inFrame: (map, frame) => sampleAtlas(map, frame.mapping),
  }
}

/** All of a crop mirrored, so that its maps and positions still belong together. */
function mirrored(
  { mapping, opacity, frame, picture }: FrameCrop,
  mirror: (picture: FloatImage) => FloatImage,
): FrameCrop {
  const { width, height, data } = mapping
  const plane = (k: number): FloatImage => ({
    width,
    height,
    channels: 1,
    data: data.subarray(k * width * height, (k + 1) * width * height),
  })
  const positions = new Float32Array(data.length)
  positions.set(mirror(plane(0)).data)
  positions.set(mirror(plane(1)).data, width * height)
  return {
    mapping: { width, height, data: positions },
    opacity: opacity && mirror(opacity),
    frame: mirror(frame),
    picture: mirror(picture),
  }
}

/**
 * The smallest box of whole atlas pixels that holds all positions (supplement, Eq. 2). 'fixed' adds what bilinear
 * sampling reads beside them; with bucketed sizes it grows to multiples of the bucket where the image allows it.
 */
function atlasWindow(mappings: readonly Mapping[], image: Size, { atlasSampling, sizes, bucket }: SampleSettings): Box {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity]
  for (const { data } of mappings) {
    const n = data.length / 2
    for (let i = 0; i < n; i++) {
      const [u, v] = [data[i]!, data[n + i]!]
      if (u < left) left = u
      if (u > right) right = u
      if (v < top) top = v
      if (v > bottom) bottom = v
    }
  }
  const beside = atlasSampling === 'fixed' ? 0.5 : 0
  const along = (low: number, high: number, available: number): [number, number] => {
    const start = Math.min(Math.max(0, Math.floor(low - beside)), available - 1)
    const length = Math.min(Math.max(Math.ceil(high + beside), start + 1), available) - start
    if (sizes === 'exact') return [start, length]
    const side = Math.min(Math.ceil(length / bucket) * bucket, available)
    return [Math.min(Math.max(0, start - Math.floor((side - length) / 2)), available - side), side]
  }
  const [x, width] = along(left, right, image.width)
  const [y, height] = along(top, bottom, image.height)
  return widened({ x, y, width, height }, image)
}

/** Size of a scaled atlas crop. The frames read it through their positions: what they show is never distorted. */
function scaledSize({ width, height }: Size, scale: number, { sizes, bucket }: SampleSettings): Size {
  if (scale === 1) return { width, height }
  const side = (length: number) =>
    Math.max(
      minGeneratorSide,
      sizes === 'exact' ? Math.floor(length * scale) : Math.round((length * scale) / bucket) * bucket,
    )
  return { width: side(width), height: side(height) }
}

/**
 * Positions in the window, in [-1, 1]; mirrored with the window. 'fixed' keeps them half a pixel inside, where no
 * sample reads beyond the border.
 */
function gridOf(
  { width, height, data }: Mapping,
  window: Box,
  flip: boolean,
  sampling: SampleSettings['atlasSampling'],
): Float32Array {
  const n = width * height
  const grid = new Float32Array(2 * n)
  const inside = (p: number, length: number) => (sampling === 'fixed' ? Math.min(Math.max(p, 0.5), length - 0.5) : p)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = y * width + (flip ? width - 1 - x : x)
      const u = (2 * inside(data[from]! - window.x, window.width)) / window.width - 1
      grid[2 * (y * width + x)] = flip ? -u : u
      grid[2 * (y * width + x) + 1] = (2 * inside(data[n + from]! - window.y, window.height)) / window.height - 1
    }
  }
  return grid
}
