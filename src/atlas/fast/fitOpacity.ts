import { boxMean } from '../../media/boxMean.js'
import type { Flow } from '../clipFlow.js'
import type { Lattice } from './lattice.js'
import type { ScaledClip } from './scaledClip.js'
import { type Layers, placesIn } from './solveTextures.js'
import { type Texture, sampleTexture } from './texture.js'

/** Only so near to the outline of the mask the opacity may differ from it, px. */
const BAND = 6
/**
 * Weight of the mask (the bootstrapping of layered neural atlases) and of each neighbouring frame's opacity (its
 * opacity flow), against squared colour errors.
 */
const MASK = 0.05
const NEIGHBOUR = 0.03
export interface OpacityNeighbour {
  /** From this frame to the other. */
  readonly flow: Flow
  readonly opacity: Uint8Array
}

/**
 * Opacity of a frame, given all else: at each pixel near the outline of its mask the minimum of
 * |opacity foreground + (1 - opacity) background - frame|^2 + MASK (opacity - mask)^2 +
 * NEIGHBOUR sum of (opacity - opacity where the flow leads)^2, the colour errors taken over 3x3 pixels.
 *
 * @param mask 8 bits, the first opacity of the frame
 */
export function fitOpacity(
  clip: ScaledClip,
  t: number,
  mask: Uint8Array,
  neighbours: readonly OpacityNeighbour[],
  lattices: Layers<readonly Lattice[]>,
  textures: Layers<Texture>,
): Uint8Array {
  const { width, height } = clip
  const plane = width * height
  const near = boxMean(Float32Array.from(mask), width, height, BAND)
  const inFront = placesIn(textures.foreground, lattices.foreground[t]!, clip)
  const behind = placesIn(textures.background, lattices.background[t]!, clip)
  const colours = clip.colours[t]!
  const [f, b] = [new Float32Array(3), new Float32Array(3)]
  const along = new Float32Array(plane)
  const contrast = new Float32Array(plane)
  const inBand = (i: number) => near[i]! > 0.5 && near[i]! < 254.5
  for (let i = 0; i < plane; i++) {
    if (!inBand(i)) continue
    sampleTexture(textures.foreground, inFront[i]!, inFront[plane + i]!, f)
    sampleTexture(textures.background, behind[i]!, behind[plane + i]!, b)
    for (let c = 0; c < 3; c++) {
      const d = f[c]! - b[c]!
      along[i]! += d * (colours[3 * i + c]! / 255 - b[c]!)
      contrast[i]! += d * d
    }
  }
  const [alongMean, contrastMean] = [boxMean(along, width, height, 1), boxMean(contrast, width, height, 1)]
  const result = mask.slice()
  for (let i = 0; i < plane; i++) {
    if (!inBand(i)) continue
    let sum = alongMean[i]! + (MASK * mask[i]!) / 255
    let weight = contrastMean[i]! + MASK
    for (const { flow, opacity } of neighbours) {
      if (flow.valid[i] === 0) continue
      const x = Math.min(Math.max(Math.round((i % width) + flow.data[i]!), 0), width - 1)
      const y = Math.min(Math.max(Math.round(Math.floor(i / width) + flow.data[plane + i]!), 0), height - 1)
      sum += (NEIGHBOUR * opacity[y * width + x]!) / 255
      weight += NEIGHBOUR
    }
    result[i] = Math.round(255 * Math.min(Math.max(sum / weight, 0), 1))
  }
  return result
}
