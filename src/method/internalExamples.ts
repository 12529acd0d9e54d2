import type { RandomStream } from '../engine/random.js'
import { crop } from '../media/crop.js'
import { flipHorizontal } from '../media/flipHorizontal.js'
import type { FloatImage } from '../media/image.js'
import { resize } from '../media/resample.js'
import type { ImageSettings } from '../options/imageOptions.js'
import { minGeneratorSide } from '../options/resolveSettings.js'
import { jitterPhoto } from './jitterPhoto.js'
import { type JitterDraw, type Size, drawJitter } from './viewDraws.js'

/** The random augmentation of the photo into one internal example (supplement 2.1). */
export interface ExampleDraw {
  readonly jitter: JitterDraw | null
  readonly flip: boolean
  /** Size of the scaled photo. */
  readonly scaled: Size
  /** Window of the scaled, flipped photo. */
  readonly crop: { readonly top: number; readonly left: number; readonly height: number; readonly width: number }
}

type ExampleSettings = Pick<
  ImageSettings,
  'jitterProbability' | 'flipProbability' | 'scaleMin' | 'scaleMax' | 'cropsMinCover' | 'sizes' | 'bucket'
>

/**
 * Draws an example: jitter, flip, a scale, a crop. With bucketed sizes the crop's sides are the drawn ones rounded to
 * multiples of `bucket`: the window changes by some pixels, the picture in it is not distorted.
 */
export function drawExample(random: RandomStream, photo: Size, settings: ExampleSettings): ExampleDraw {
  const jitter = random.chance(settings.jitterProbability) ? drawJitter(random) : null
  const flip = random.chance(settings.flipProbability)
  const scale = random.uniform(settings.scaleMin, settings.scaleMax)
  const scaled = { height: Math.floor(photo.height * scale), width: Math.floor(photo.width * scale) }
  const share = random.uniform(settings.cropsMinCover, 1)
  const side = (length: number) => {
    const drawn = Math.floor(length * share)
    return settings.sizes === 'exact' ? drawn : bucketed(drawn, length, settings.bucket)
  }
  const window = { height: side(scaled.height), width: side(scaled.width) }
  return {
    jitter,
    flip,
    scaled,
    crop: {
      ...window,
      top: random.integer(0, scaled.height - window.height + 1),
      left: random.integer(0, scaled.width - window.width + 1),
    },
  }
}

/**
 * The multiple of `bucket` nearest to `drawn` that the picture holds and the generator takes; where there is none, of
 * half the bucket, and so on.
 */
export function bucketed(drawn: number, available: number, bucket: number): number {
  const smallest = Math.ceil(minGeneratorSide / bucket) * bucket
  const largest = Math.floor(available / bucket) * bucket
  if (largest < smallest) return bucket > 1 ? bucketed(drawn, available, Math.ceil(bucket / 2)) : drawn
  return Math.min(Math.max(Math.round(drawn / bucket) * bucket, smallest), largest)
}

/**
 * The example of a draw: the photo [3] augmented; 8-bit steps in between as the published code's PIL images have them.
 */
export function internalExample(photo: FloatImage, draw: ExampleDraw): FloatImage {
  return placeLike(draw.jitter ? jitterPhoto(photo, draw.jitter) : photo, draw, true)
}

/** A map of the photo's size (mask, relevancy), flipped, scaled and cropped as the example was. */
export function placeLike(map: FloatImage, { flip, scaled, crop: window }: ExampleDraw, round8 = false): FloatImage {
  const mirrored = flip ? flipHorizontal(map) : map
  const resized = resize(mirrored, scaled.width, scaled.height, { filter: 'bilinear', antialias: true, round8 })
  return crop(resized, window.left, window.top, window.width, window.height)
}
