import type { LayerName, LayeredAtlas } from '../../src/atlas/layeredAtlas.js'
import type { ClipFrames } from '../../src/media/clipFrames.js'
import type { FloatImage } from '../../src/media/image.js'
import { readFixtureJson, readFixtureTensors } from './readFixture.js'

export interface AtlasFixture {
  frames: number
  width: number
  height: number
  boxes: {
    height: number
    width: number
    object: [number, number, number, number]
    box: [number, number, number, number]
  }[]
}

export const atlasFixture = readFixtureJson<AtlasFixture>('atlas')
export const atlasTensor = readFixtureTensors('atlas')

/** A tensor [c, h, w] or [h, w] of the fixture as an image. */
export function fixtureImage(name: string): FloatImage {
  const { shape, data } = atlasTensor(name)
  const [height, width] = shape.slice(-2) as [number, number]
  return { width, height, channels: (shape.length === 3 ? shape[0]! : 1) as 1 | 3 | 4, data }
}

/** The atlas of fixture `atlas`: random images, mappings a little beyond them, random opacity. */
export const fixtureAtlas: LayeredAtlas = {
  frames: atlasFixture.frames,
  width: atlasFixture.width,
  height: atlasFixture.height,
  image: (layer: LayerName) => Promise.resolve(fixtureImage(`${layer}.image`)),
  mapping: (layer: LayerName, frame: number) => Promise.resolve(fixtureImage(`${layer}.mapping.${frame}`)),
  opacity: (frame: number) => Promise.resolve(fixtureImage(`opacity.${frame}`)),
}

export const fixtureFrames: ClipFrames = {
  width: atlasFixture.width,
  height: atlasFixture.height,
  pixels: Array.from({ length: atlasFixture.frames }, (_, t) => {
    const { data } = fixtureImage(`frame.${t}`)
    const size = data.length / 3
    return Uint8Array.from({ length: data.length }, (_, i) => data[(i % 3) * size + Math.floor(i / 3)]!)
  }),
}
