/** Which neighbours make one output sample of a 1-D resize, and with what weights. */
export interface ResampleTaps {
  /** Number of output samples. */
  readonly size: number
  /** Taps per output sample; unused ones have weight 0. */
  readonly taps: number
  /** `[size]`: the first input sample of each output sample. */
  readonly start: Int32Array
  /** `[size]`: how many of its taps are used. */
  readonly count: Int32Array
  /** `[size * taps]`, each row summing to 1. */
  readonly weight: Float64Array
}

export type ResampleFilter = 'bilinear' | 'bicubic' | 'lanczos'

/**
 * Weights of a separable resize from `from` to `to` samples, half-pixel centres.
 *
 * With `antialias` the kernel is widened by the ratio when shrinking and what falls outside is left out (Pillow, and
 * PyTorch's `antialias=True`; cubic a = -0.5). Without, the kernel keeps its width and the border sample is repeated
 * (PyTorch's `antialias=False`; cubic a = -0.75).
 */
export function resampleTaps(from: number, to: number, filter: ResampleFilter, antialias: boolean): ResampleTaps {
  const ratio = from / to
  const widen = antialias ? Math.max(ratio, 1) : 1
  const kernel = kernels[filter]
  const cubic = antialias ? -0.5 : -0.75
  const support = kernel.support * widen
  const taps = Math.min(from, Math.ceil(support) * 2 + 1)
  const start = new Int32Array(to)
  const count = new Int32Array(to)
  const weight = new Float64Array(to * taps)
  for (let o = 0; o < to; o++) {
    const centre = (o + 0.5) * ratio
    const low = Math.floor(centre - support + 0.5)
    const high = Math.floor(centre + support + 0.5)
    const begin = antialias ? Math.max(low, 0) : low
    const end = antialias ? Math.min(high, from) : high
    const first = Math.min(Math.max(low, 0), from - 1)
    start[o] = first
    count[o] = Math.max(1, Math.min(high, from) - first)
    let sum = 0
    const row = o * taps
    for (let i = begin; i < end; i++) {
      const w = kernel.at((i - centre + 0.5) / widen, cubic)
      const k = row + Math.min(Math.max(i, 0), from - 1) - first
      weight[k] = weight[k]! + w
      sum += w
    }
    for (let k = 0; k < taps; k++) weight[row + k] = weight[row + k]! / sum
  }
  return { size: to, taps, start, count, weight }
}

const kernels = {
  bilinear: { support: 1, at: (x: number) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: {
    support: 2,
    at: (x: number, a: number) => {
      const d = Math.abs(x)
      if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1
      return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0
    },
  },
  lanczos: { support: 3, at: (x: number) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
} as const satisfies Record<ResampleFilter, { support: number; at: (x: number, a: number) => number }>

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x)
}
