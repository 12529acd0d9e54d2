/** A stream of uniform draws. */
export interface RandomStream {
  /** Uniform in [low, high). Default [0, 1). */
  uniform(low?: number, high?: number): number
  /** Uniform whole number in [low, high), high exclusive. */
  integer(low: number, high: number): number
  /** True with probability p. */
  chance(p: number): boolean
  /** The numbers 0 to n - 1 in random order. */
  permutation(n: number): number[]
}

/**
 * The random stream of one purpose at one step. Streams with different (seed, name, step) are independent, so an extra
 * draw in one place shifts no other, and a resumed run draws what the uninterrupted one would have drawn.
 */
export function randomStream(seed: number, name: string, step = 0): RandomStream {
  const next = sfc32(hash(`${seed}/${name}/${step}`))
  const uniform = (low = 0, high = 1) => low + (high - low) * next()
  const integer = (low: number, high: number) => Math.min(low + Math.floor(next() * (high - low)), high - 1)
  return {
    uniform,
    integer,
    chance: (p) => next() < p,
    permutation(n) {
      const order = Array.from({ length: n }, (_, i) => i)
      for (let i = n - 1; i > 0; i--) {
        const j = integer(0, i + 1)
        const held = order[i]!
        order[i] = order[j]!
        order[j] = held
      }
      return order
    },
  }
}

/** Chris Doty-Humphrey's small fast chaotic generator, 32 bit: values in [0, 1). */
function sfc32([a, b, c, d]: [number, number, number, number]): () => number {
  const next = () => {
    const t = (((a + b) | 0) + d) | 0
    d = (d + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + t) | 0
    return (t >>> 0) / 4294967296
  }
  for (let i = 0; i < 16; i++) next()
  return next
}

/** Four 32-bit words from a text (FNV-1a with four offsets, finished by MurmurHash3's mixer). */
function hash(text: string): [number, number, number, number] {
  const words = [0x811c9dc5, 0x9e3779b9, 0x85ebca6b, 0xc2b2ae35].map((offset) => {
    let h = offset
    for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
    return (h ^ (h >>> 16)) | 0
  })
  return words as [number, number, number, number]
}
