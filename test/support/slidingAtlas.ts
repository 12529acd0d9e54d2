import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FastAtlas } from '../../src/atlas/fast/fastAtlas.js'
import { latticeOf } from '../../src/atlas/fast/lattice.js'
import type { LayerName } from '../../src/atlas/layeredAtlas.js'
import { encodePng } from '../../src/media/node/encodePng.js'
import { pixelImage, quantise } from '../../src/media/quantise.js'
import { atlasBytes } from '../../src/session/video/atlasFile.js'
import { type SlidingClip, slidingClip } from './slidingClip.js'

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

/** Writes five frames of 96x64 as the folder `clip` of PNGs, and beside it their `atlas.safetensors`. */
export async function writeSlidingClip(folder: string): Promise<void> {
  const sliding = slidingClip(96, 64, 5)
  const { width, height, pixels } = sliding.frames
  mkdirSync(join(folder, 'clip'), { recursive: true })
  for (const [t, frame] of pixels.entries())
    writeFileSync(join(folder, 'clip', `0000${t}.png`), await encodePng(pixelImage(width, height, 3, frame)))
  writeFileSync(join(folder, 'atlas.safetensors'), atlasBytes(await slidingAtlas(sliding), ''))
}
