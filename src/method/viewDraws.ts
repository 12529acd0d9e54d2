import type { RandomStream } from '../engine/random.js'

export type Point = readonly [x: number, y: number]

/** The colour jitter of one picture: 0 brightness, 1 contrast, 2 saturation, 3 hue, applied in `order`. */
export interface JitterDraw {
  readonly order: readonly number[]
  readonly brightness: number
  readonly contrast: number
  readonly saturation: number
  /** In turns. */
  readonly hue: number
}

/** Everything random about one CLIP view; null leaves a stage out. */
export interface ViewDraw {
  /** Window of the picture in pixels; null takes all of it. */
  readonly crop: { readonly top: number; readonly left: number; readonly height: number; readonly width: number } | null
  readonly flip: boolean
  /** Rotation in degrees and shift in whole pixels of the view. */
  readonly affine: { readonly angle: number; readonly translate: Point } | null
  /** Corners of the view, from top left clockwise, and where they go. */
  readonly perspective: { readonly startpoints: readonly Point[]; readonly endpoints: readonly Point[] } | null
  readonly jitter: JitterDraw | null
  readonly grayscale: boolean
}

export interface Size {
  readonly height: number
  readonly width: number
}

/**
 * Size of a picture whose short side becomes `short`, aspect kept; where the long side would pass `longest`, that side
 * leads. A picture so narrow that its short side would then show less than a row of image tokens keeps that row, a
 * seventh of `short` (one of the 7 that ViT-B/32 has), and is longer.
 */
export function viewSize({ height, width }: Size, short: number, longest: number): Size {
  const s = Math.min(height, width)
  let long = Math.floor((short * Math.max(height, width)) / s)
  let side = short
  if (long > longest) {
    side = Math.floor((longest * short) / long)
    long = longest
  }
  const least = Math.ceil(short / 7)
  if (side < least) {
    side = least
    long = Math.floor((least * Math.max(height, width)) / s)
  }
  return height <= width ? { height: side, width: long } : { height: long, width: side }
}

/** Draws the views of one picture: the first shows all of it, the others a crop of .6 to 1 of each side. */
export function drawViews(random: RandomStream, count: number, source: Size, view: Size): ViewDraw[] {
  return Array.from({ length: count }, (_, i) => {
    const share = i === 0 ? 1 : random.uniform(0.6, 1)
    const height = Math.floor(source.height * share)
    const width = Math.floor(source.width * share)
    return {
      crop:
        i === 0
          ? null
          : {
              height,
              width,
              top: random.integer(0, source.height - height + 1),
              left: random.integer(0, source.width - width + 1),
            },
      flip: random.chance(0.5),
      affine: random.chance(0.8)
        ? {
            angle: random.uniform(-15, 15),
            translate: [
              Math.round(random.uniform(-0.1, 0.1) * view.width),
              Math.round(random.uniform(-0.1, 0.1) * view.height),
            ],
          }
        : null,
      perspective: random.chance(0.5) ? drawPerspective(random, view, 0.4) : null,
      jitter: random.chance(0.7) ? drawJitter(random) : null,
      grayscale: random.chance(0.15),
    }
  })
}

/** Brightness, contrast and saturation within 10 %, hue within a tenth of a turn, in random order. */
export function drawJitter(random: RandomStream): JitterDraw {
  return {
    order: random.permutation(4),
    brightness: random.uniform(0.9, 1.1),
    contrast: random.uniform(0.9, 1.1),
    saturation: random.uniform(0.9, 1.1),
    hue: random.uniform(-0.1, 0.1),
  }
}

function drawPerspective(
  random: RandomStream,
  { height, width }: Size,
  distortion: number,
): NonNullable<ViewDraw['perspective']> {
  const dx = Math.floor(distortion * Math.floor(width / 2))
  const dy = Math.floor(distortion * Math.floor(height / 2))
  const near = (n: number) => random.integer(0, n + 1)
  const far = (length: number, n: number) => random.integer(length - n - 1, length)
  return {
    startpoints: [
      [0, 0],
      [width - 1, 0],
      [width - 1, height - 1],
      [0, height - 1],
    ],
    endpoints: [
      [near(dx), near(dy)],
      [far(width, dx), near(dy)],
      [far(width, dx), far(height, dy)],
      [near(dx), far(height, dy)],
    ],
  }
}
