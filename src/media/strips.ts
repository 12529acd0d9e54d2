import type { FloatImage } from './image.js'
import type { PixelImage } from './quantise.js'

/**
 * A large picture that is given in strips of rows, as float planes: only the strip at hand takes four bytes a sample.
 */
export interface Strips {
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3
  /** Rows `y` to `y + rows - 1`. */
  strip(y: number, rows: number): FloatImage
  /** All planes, four bytes a sample; made anew each time they are read. */
  readonly data: Float32Array
}

/**
 * Few enough that the planes of a strip stay in the processor's cache, enough that what is done once for each does not
 * count.
 */
const stripRows = 16

/** The strips of a picture from the top. */
export function* stripsOf(height: number): Generator<{ readonly y: number; readonly rows: number }> {
  for (let y = 0; y < height; y += stripRows) yield { y, rows: Math.min(stripRows, height - y) }
}

/** The colours of RGB or RGBA samples, [0, 1]. */
export const colourStrips = (pixels: PixelImage): Strips => samples(pixels, 0, 3)

/** The alpha of RGBA samples, [0, 1]. */
export const alphaStrips = (pixels: PixelImage): Strips => samples(pixels, 3, 1)

function samples(pixels: PixelImage, first: number, channels: 1 | 3): Strips {
  const { width, height, channels: stride, data: from } = pixels
  const top = pixels.bitDepth === 8 ? 255 : 65535
  return withData({
    width,
    height,
    channels,
    strip(y, rows) {
      const plane = rows * width
      const data = new Float32Array(channels * plane)
      for (let c = 0; c < channels; c++) {
        const start = y * width * stride + first + c
        for (let i = 0; i < plane; i++) data[c * plane + i] = from[start + i * stride]! / top
      }
      return { width, height: rows, channels, data }
    },
  })
}

/** One plane that is held as floats. */
export function planeStrips({ width, height, data }: FloatImage): Strips {
  return withData({
    width,
    height,
    channels: 1,
    strip: (y, rows) => ({ width, height: rows, channels: 1, data: data.subarray(y * width, (y + rows) * width) }),
  })
}

/** The product of two planes. */
export function productStrips(a: Strips, b: Strips): Strips {
  const { width, height, channels } = a
  return withData({
    width,
    height,
    channels,
    strip(y, rows) {
      const [left, right] = [a.strip(y, rows), b.strip(y, rows)]
      return { ...left, data: left.data.map((value, i) => value * right.data[i]!) }
    },
  })
}

/** All rows at once. */
export const wholeOf = (strips: Pick<Strips, 'height' | 'strip'>): FloatImage => strips.strip(0, strips.height)

/** Strips that give their whole too. */
export function withData(strips: Omit<Strips, 'data'>): Strips {
  return {
    ...strips,
    get data() {
      return wholeOf(strips).data
    },
  }
}
