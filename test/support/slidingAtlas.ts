import { FastAtlas } from '../../src/atlas/fast/fastAtlas.js'
import { latticeOf } from '../../src/atlas/fast/lattice.js'
import type { LayerName } from '../../src/atlas/layeredAtlas.js'
import { quantise } from '../../src/media/quantise.js'
import type { SlidingClip } from './slidingClip.js'

/** The atlas of a sliding clip with its default step and density, as a fit leaves it: what a file can hold. */
export async function slidingAtlas({ atlas, frames: { pixels } }: SlidingClip): Promise<FastAtlas> {
  const { width, height } = atlas
  const [step, spacing] = [3, 16]
  const offset = (layer: LayerName, t: number): number => step * (layer === 'background' ? t : pixels.length - 1 - t)
  const image = async (layer: LayerName) => {
    const { width: w, height: h, data } = quantise(await atlas.image(layer), 8)
    return { origin: [0, 0], scale: 1, width: w, height: h, pixels: data as Uint8Array } as const
  }
  const lattices = (layer: LayerName) =>
    pixels.map((_, t) => latticeOf({ width, height }, spacing, (x, y) => [x + offset(layer, t), y]))
  const opacity = await Promise.all(pixels.map(async (_, t) => quantise(await atlas.opacity(t), 8).data as Uint8Array))
  return new FastAtlas({
    width,
    height,
    images: { foreground: await image('foreground'), background: await image('background') },
    lattices: { foreground: lattices('foreground'), background: lattices('background') },
    opacity,
  })
}
