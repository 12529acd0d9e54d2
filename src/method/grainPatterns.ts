import { randomStream } from '../engine/random.js'

/**
 * How much lighter or darker a material is than on the mean at a place of a plane: near 1 on the mean. A brick is 14
 * units high, a stitch 10.
 */
export type GrainPattern = (x: number, y: number) => number

type Noise = (x: number, y: number) => number

/** Value noise in [-1, 1] on the unit grid, interpolated by smooth steps. */
function valueNoise(salt: number): Noise {
  const at = (i: number, j: number): number => {
    let h = Math.imul(i, 0x27d4eb2d) ^ Math.imul(j, 0x165667b1) ^ salt
    h = Math.imul(h ^ (h >>> 15), 0x85ebca6b)
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
    return ((h ^ (h >>> 16)) >>> 0) / 0x7fffffff - 1
  }
  return (x, y) => {
    const [i, j] = [Math.floor(x), Math.floor(y)]
    const [u, v] = [x - i, y - j].map((t) => t * t * (3 - 2 * t)) as [number, number]
    const row = (k: number) => at(i, k) + u * (at(i + 1, k) - at(i, k))
    const low = row(j)
    return low + v * (row(j + 1) - low)
  }
}

/** Octaves of noise, each at twice the frequency and half the height of the one before. */
function octaves(noise: Noise, count: number): Noise {
  return (x, y) => {
    let sum = 0
    for (let k = 0; k < count; k++) sum += noise(x * 2 ** k + 17 * k, y * 2 ** k - 31 * k) / 2 ** k
    return sum
  }
}

const clamp = (x: number): number => Math.min(Math.max(x, 0), 1)
const fraction = (x: number): number => x - Math.floor(x)
/** A bell of height 1 around 0. */
const bell = (x: number, width: number): number => Math.exp(-((x / width) ** 2))

/** Annual rings cut along, late wood dark, and fibres. */
function wood(noise: Noise): GrainPattern {
  const [bends, fibres] = [octaves(noise, 3), octaves(noise, 2)]
  return (x, y) => {
    const ring = fraction(x / 15 + 1.1 * bends(x / 70, y / 150) + 0.1 * noise(x / 12, y / 40))
    const late = ring < 0.82 ? (ring / 0.82) ** 2.5 : (1 - ring) / 0.18
    return 1.17 - 0.62 * late + 0.16 * fibres(x / 2.5, y / 30)
  }
}

/** Rows of bricks, every second one moved by half a brick, light mortar between. */
function brick(noise: Noise): GrainPattern {
  const [height, width, joint] = [14, 32, 2.2]
  const rough = octaves(noise, 2)
  return (x, y) => {
    const row = Math.floor(y / height)
    const along = x + (row % 2 === 0 ? 0 : width / 2)
    const edge = Math.min(
      fraction(y / height) * height,
      height - fraction(y / height) * height,
      fraction(along / width) * width,
      width - fraction(along / width) * width,
    )
    const face = clamp((edge - joint / 2) / 1.2)
    const tone = noise(Math.floor(along / width) + 0.5, row + 0.5)
    return face * (0.92 + 0.25 * tone + 0.12 * rough(x / 6, y / 6)) + (1 - face) * 1.45
  }
}

/** Stocking stitch: columns of Vs of round yarn. */
function knitted(noise: Noise): GrainPattern {
  const [width, height] = [12, 10]
  return (x, y) => {
    const across = Math.abs(fraction(x / width) - 0.5)
    const along = fraction(y / height + 1.3 * across)
    const yarn = Math.sqrt(1 - (2 * along - 1) ** 2)
    const gap = (1 - bell(across, 0.06)) * (1 - bell(0.5 - across, 0.05))
    return 0.48 + 0.75 * yarn * gap + 0.06 * noise(x / 2, y / 2)
  }
}

/** Dark veins, long ones and a net of fine ones. */
function marble(noise: Noise): GrainPattern {
  const [flow, fine] = [octaves(noise, 5), octaves(noise, 4)]
  return (x, y) => {
    const n = flow(x / 48, y / 48)
    const long = Math.exp(-Math.abs(Math.sin((x + y) / 20 + 3 * n)) / 0.12)
    const net = Math.exp(-Math.abs(fine(x / 30 + 50, y / 30)) / 0.05)
    return 1.1 - 0.5 * long - 0.3 * net + 0.06 * n
  }
}

/** Flaking blotches, light where it is powdery, with dark pits. */
function rust(noise: Noise): GrainPattern {
  const [blotches, flakes] = [octaves(noise, 5), octaves(noise, 3)]
  return (x, y) => {
    const pit = clamp((flakes(x / 9 + 40, y / 9) - 0.45) * 3)
    return 0.98 + 0.42 * clamp(0.5 + blotches(x / 30, y / 30)) - 0.2 - 0.5 * pit + 0.12 * flakes(x / 3, y / 3)
  }
}

/** Tongues that rise and part, dark between them. */
function fire(noise: Noise): GrainPattern {
  const [sways, tongues] = [octaves(noise, 3), octaves(noise, 3)]
  return (x, y) => {
    const swayed = x + 16 * sways(x / 50, y / 60)
    const tongue = 1 - Math.abs(tongues(swayed / 20, y / 62))
    return 0.38 + 1.55 * clamp(tongue) ** 3 + 0.25 * noise(swayed / 7, y / 24)
  }
}

/** Powder that the wind blew against it, in soft patches. */
function snow(noise: Noise): GrainPattern {
  const [drifts, grains] = [octaves(noise, 3), octaves(noise, 2)]
  return (x, y) => 1.05 + 0.12 * drifts(x / 40, y / 40) + 0.06 * grains(x / 3, y / 3)
}

const patterns = { wood, brick, knitted, marble, rust, fire, snow } as const

export type GrainMaterial = keyof typeof patterns

/** How thick snow lies from column to column, in units. */
export function snowDepth(seed: number): (x: number) => number {
  const random = randomStream(seed, 'snow')
  const drifts = octaves(valueNoise(random.integer(0, 2 ** 31)), 2)
  const at = random.uniform(0, 1000)
  return (x) => 28 * (1 + 0.4 * drifts(x / 32 + at, 0.5))
}

/** The grain of a material; another cut of it for another seed. */
export function grainPattern(material: GrainMaterial, seed: number): GrainPattern {
  const random = randomStream(seed, 'grain')
  const [dx, dy] = [random.uniform(0, 1000), random.uniform(0, 1000)]
  const pattern = patterns[material](valueNoise(random.integer(0, 2 ** 31)))
  return (x, y) => pattern(x + dx, y + dy)
}
