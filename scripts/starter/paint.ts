import { type RandomStream, randomStream } from '../../src/engine/random.js'
import type { FloatImage } from '../../src/media/image.js'
import { lumaAt } from '../../src/media/luma.js'
import { resize } from '../../src/media/resample.js'
import { spread } from './colours.js'
import { substances } from './materials.js'

const bilinear = { filter: 'bilinear', antialias: true } as const

function brightness({ data, width, height }: FloatImage): Float32Array {
  const n = width * height
  return new Float32Array(n).map((_, i) => lumaAt(data, i, n))
}

/** Puts `colour` (called with a pixel and its brightness) over the photo, as far as `amount` says. */
function cover(photo: FloatImage, amount: Float32Array | null, colour: (i: number, c: number) => number): void {
  const n = photo.width * photo.height
  for (let i = 0; i < n; i++) {
    const share = amount ? amount[i]! : 1
    if (share === 0) continue
    for (let c = 0; c < 3; c++) {
      const at = c * n + i
      photo.data[at] = photo.data[at]! * (1 - share) + Math.min(Math.max(colour(i, c), 0), 1) * share
    }
  }
}

/**
 * Lays a picture of a material (of the photo's size) upon the photo, which keeps its shading: brightness against the
 * mean over the part.
 */
export function layUpon(photo: FloatImage, texture: FloatImage, amount: Float32Array | null): void {
  const n = photo.width * photo.height
  const bright = brightness(photo)
  const { mean } = spread(bright, amount)
  cover(photo, amount, (i, c) => texture.data[c * n + i]! * (0.35 + (0.65 * bright[i]!) / Math.max(mean, 0.1)))
}

/** Changes the photo into a substance, where `amount` says. `picture`: flames, of the photo's size. */
export function paintSubstance(
  photo: FloatImage,
  index: number,
  amount: Float32Array | null,
  picture: FloatImage | null,
  seed: number,
): void {
  const random = randomStream(seed, 'substance')
  const { name } = substances[index]!
  switch (name) {
    case 'ice': {
      translucent(photo, amount, { rgb: [0.72, 0.88, 0.97], through: 0.35, gain: 1.6 })
      return
    }
    case 'glass': {
      translucent(photo, amount, { rgb: [0.86, 0.92, 0.92], through: 0.65, gain: 1.9 })
      return
    }
    case 'snow': {
      snow(photo, amount, random)
      return
    }
    case 'knitted': {
      knitted(photo, amount, random)
      return
    }
    case 'fur': {
      fur(photo, amount, random)
      return
    }
    case 'fire': {
      burning(photo, amount, picture!)
      return
    }
  }
}

/**
 * What lies behind shows through, blurred; the own shading stays as reflections, its bright parts shine, the rim is
 * bright.
 */
function translucent(
  photo: FloatImage,
  amount: Float32Array | null,
  { rgb, through, gain }: { rgb: readonly [number, number, number]; through: number; gain: number },
): void {
  const { width, height } = photo
  const n = width * height
  const bright = brightness(photo)
  const { mean, deviation } = spread(bright, amount)
  const behind = blurred(photo, amount)
  const rim = amount ? rimOf(amount, width, height) : null
  cover(photo, amount, (i, c) => {
    const relief = (bright[i]! - mean) / Math.max(2.5 * deviation, 0.1)
    const shine = Math.max(relief - 0.4, 0) * gain
    const body = rgb[c]! * (0.72 + 0.3 * relief)
    return behind.data[c * n + i]! * through + body * (1 - through) + 0.5 * shine + 0.25 * (rim?.[i] ?? 0)
  })
}

/** The ground without the part, spread over it: a coarse picture of the ground, enlarged. */
function blurred(photo: FloatImage, amount: Float32Array | null): FloatImage {
  const n = photo.width * photo.height
  const seen = photo.data.map((x, at) => x * (1.02 - (amount?.[at % n] ?? 0)))
  const weight = new Float32Array(n).map((_, i) => 1.02 - (amount?.[i] ?? 0))
  const small = (image: FloatImage): FloatImage =>
    resize(resize(image, 6, 6, bilinear), photo.width, photo.height, bilinear)
  const [sum, weights] = [small({ ...photo, data: seen }), small({ ...photo, channels: 1, data: weight })]
  return { ...photo, data: sum.data.map((x, at) => x / Math.max(weights.data[at % n]!, 0.01)) }
}

/** Bright towards the part's edge. */
function rimOf(amount: Float32Array, width: number, height: number): Float32Array {
  const side = Math.max(4, Math.round(Math.min(width, height) / 10))
  const soft = resize(
    resize(
      { width, height, channels: 1, data: amount },
      Math.ceil(width / side) + 2,
      Math.ceil(height / side) + 2,
      bilinear,
    ),
    width,
    height,
    bilinear,
  )
  return soft.data.map((x) => Math.max(0.9 - x, 0))
}

/**
 * Lies on what points upwards, the first rows under the part's upper edge, thinner further down, and dulls the rest a
 * little.
 */
function snow(photo: FloatImage, amount: Float32Array | null, random: RandomStream): void {
  const { width, height } = photo
  const deep = random.uniform(0.2, 0.7) * height
  const bright = brightness(photo)
  const waves = [
    random.uniform(0.05, 0.15),
    random.uniform(0, 6),
    random.uniform(0.2, 0.4),
    random.uniform(0, 6),
  ] as const
  const lying = new Float32Array(width * height)
  for (let x = 0; x < width; x++) {
    let from = -1
    for (let y = 0; y < height; y++) {
      const i = y * width + x
      const share = amount ? amount[i]! : 1
      if (share < 0.5) {
        from = -1
        continue
      }
      if (from < 0) from = y
      const reach = deep * (0.7 + 0.3 * Math.sin(waves[0] * x + waves[1]) + 0.2 * Math.sin(waves[2] * x + waves[3]))
      const open = 1 - Math.min(Math.max(((y - from) / Math.max(reach, 1) - 0.6) / 0.4, 0), 1)
      lying[i] = share * Math.max(open, 0.25)
    }
  }
  cover(photo, lying, (i, c) => [0.9, 0.93, 0.97][c]! * (0.8 + 0.25 * bright[i]!))
}

/** Rows of V-shaped stitches in a wool's colour, or the photo's own. */
function knitted(photo: FloatImage, amount: Float32Array | null, random: RandomStream): void {
  const { width, height } = photo
  const n = width * height
  const stitch = random.uniform(0.035, 0.075) * Math.max(width, height)
  const wool = [random.uniform(0.2, 0.95), random.uniform(0.2, 0.95), random.uniform(0.2, 0.95)] as const
  const own = random.chance(0.4)
  const bright = brightness(photo)
  const { mean } = spread(bright, amount)
  const colours = photo.data.slice()
  cover(photo, amount, (i, c) => {
    const [x, y] = [(i % width) / stitch, Math.floor(i / width) / stitch]
    const across = x - Math.floor(x)
    // Two legs that meet below: each a bump across its width, slanted towards the middle.
    const leg = across < 0.5 ? across * 2 : 2 - across * 2
    const along = y * 1.3 - leg * 0.7
    const bump =
      Math.sin(Math.PI * Math.min(Math.max(leg, 0.02), 1)) ** 0.5 * (0.55 + 0.45 * Math.sin(2 * Math.PI * along))
    const light = (0.5 + (0.5 * bright[i]!) / Math.max(mean, 0.1)) * (0.45 + 0.65 * bump)
    return (own ? (colours[c * n + i]! / Math.max(bright[i]!, 0.15)) * Math.max(mean, 0.3) : wool[c]!) * light
  })
}

/** Short strokes along a field of directions, in the photo's own colours or a fur's. */
function fur(photo: FloatImage, amount: Float32Array | null, random: RandomStream): void {
  const { width, height } = photo
  const n = width * height
  const coarse = (w: number, h: number): FloatImage => ({
    width: w,
    height: h,
    channels: 1,
    data: new Float32Array(w * h).map(() => random.uniform()),
  })
  // Noise stretched along the strokes, fine across them.
  const strokes = resize(coarse(Math.ceil(width / 1.5), Math.ceil(height / 7)), width, height, bilinear).data
  const tufts = resize(coarse(Math.ceil(width / 9), Math.ceil(height / 12)), width, height, bilinear).data
  const coat = (
    [
      [0.55, 0.36, 0.2],
      [0.8, 0.62, 0.4],
      [0.9, 0.88, 0.84],
      [0.3, 0.26, 0.24],
    ] as const
  )[random.integer(0, 4)]!
  const own = random.chance(0.4)
  const colours = photo.data.slice()
  const bright = brightness(photo)
  const { mean } = spread(bright, amount)
  cover(photo, amount, (i, c) => {
    const light = (0.4 + (0.6 * bright[i]!) / Math.max(mean, 0.1)) * (0.5 + 0.7 * strokes[i]! + 0.3 * (tufts[i]! - 0.5))
    return (own ? (colours[c * n + i]! / Math.max(bright[i]!, 0.15)) * Math.max(mean, 0.3) : coat[c]!) * light
  })
}

/** Flames over and around the part, as light is added; the part itself darkens. */
function burning(photo: FloatImage, amount: Float32Array | null, flames: FloatImage): void {
  const { width, height } = photo
  const n = width * height
  const around = amount
    ? resize(resize({ width, height, channels: 1, data: amount }, 9, 9, bilinear), width, height, bilinear).data
    : null
  for (let i = 0; i < n; i++) {
    const share = around ? Math.min(2 * around[i]!, 1) : 1
    for (let c = 0; c < 3; c++) {
      const at = c * n + i
      const below = photo.data[at]! * (1 - 0.35 * share)
      photo.data[at] = 1 - (1 - below) * (1 - share * flames.data[at]!)
    }
  }
}
