import { boxMean } from '../../media/boxMean.js'
import { FLOW_PIXEL, type Flow } from '../clipFlow.js'
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

/** The pixels of a frame whose opacity may differ from its mask, in order. */
export function opacityBand(mask: Uint8Array, { width, height }: { width: number; height: number }): Int32Array {
  const near = boxMean(Float32Array.from(mask), width, height, BAND)
  const band: number[] = []
  for (let i = 0; i < near.length; i++) if (near[i]! > 0.5 && near[i]! < 254.5) band.push(i)
  return Int32Array.from(band)
}

/** Where a flow leads from the pixels of a band: the nearest pixel of the other frame, -1 where it failed its check. */
export function bandLeads(
  band: Int32Array,
  { data, valid }: Flow,
  { width, height }: { width: number; height: number },
): Int32Array {
  return band.map((i) => {
    if (valid[i] === 0) return -1
    const x = Math.min(Math.max(Math.round((i % width) + data[i]! / FLOW_PIXEL), 0), width - 1)
    const y = Math.min(
      Math.max(Math.round(Math.floor(i / width) + data[width * height + i]! / FLOW_PIXEL), 0),
      height - 1,
    )
    return y * width + x
  })
}

export interface OpacityNeighbour {
  /** From the band of this frame to pixels of the other, `bandLeads`. */
  readonly leads: Int32Array
  readonly opacity: Uint8Array
}

/**
 * Opacity of a frame, given all else: at each pixel near the outline of its mask the minimum of
 * |opacity foreground + (1 - opacity) background - frame|^2 + MASK (opacity - mask)^2 +
 * NEIGHBOUR sum of (opacity - opacity where the flow leads)^2, the colour errors taken over 3x3 pixels.
 *
 * @param mask 8 bits, the first opacity of the frame
 * @param band `opacityBand` of it
 */
export function fitOpacity(
  clip: ScaledClip,
  t: number,
  mask: Uint8Array,
  band: Int32Array,
  neighbours: readonly OpacityNeighbour[],
  lattices: Layers<readonly Lattice[]>,
  textures: Layers<Texture>,
): Uint8Array {
  const { width, height } = clip
  const plane = width * height
  const inFront = placesIn(textures.foreground, lattices.foreground[t]!, clip)
  const behind = placesIn(textures.background, lattices.background[t]!, clip)
  const colours = clip.colours[t]!
  const [f, b] = [new Float32Array(3), new Float32Array(3)]
  const along = new Float32Array(plane)
  const contrast = new Float32Array(plane)
  for (const i of band) {
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
  band.forEach((i, k) => {
    let sum = alongMean[i]! + (MASK * mask[i]!) / 255
    let weight = contrastMean[i]! + MASK
    for (const { leads, opacity } of neighbours) {
      const there = leads[k]!
      if (there < 0) continue
      sum += (NEIGHBOUR * opacity[there]!) / 255
      weight += NEIGHBOUR
    }
    result[i] = Math.round(255 * Math.min(Math.max(sum / weight, 0), 1))
  })
  return result
}
