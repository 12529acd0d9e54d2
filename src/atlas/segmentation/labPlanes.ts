import type { ClipFrames } from '../../media/clipFrames.js'

/**
 * Frame `t` in CIE L*a*b* (D65): three planes, L in [0, 100], a and b about [-100, 100]. Equal distances look equally
 * different.
 */
export function labPlanes({ width, height, pixels }: ClipFrames, t: number): Float32Array {
  const bytes = pixels[t]!
  const size = width * height
  const lab = new Float32Array(3 * size)
  for (let i = 0; i < size; i++) {
    const r = linear[bytes[3 * i]!]!
    const g = linear[bytes[3 * i + 1]!]!
    const b = linear[bytes[3 * i + 2]!]!
    const fx = compressed((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047)
    const fy = compressed(0.2126 * r + 0.7152 * g + 0.0722 * b)
    const fz = compressed((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883)
    lab[i] = 116 * fy - 16
    lab[size + i] = 500 * (fx - fy)
    lab[2 * size + i] = 200 * (fy - fz)
  }
  return lab
}

/** sRGB bytes as linear light. */
const linear = new Float64Array(256).map((_, i) =>
  i / 255 <= 0.04045 ? i / 255 / 12.92 : ((i / 255 + 0.055) / 1.055) ** 2.4,
)

const compressed = (t: number) => (t > 216 / 24389 ? Math.cbrt(t) : ((24389 / 27) * t + 16) / 116)
