import type { FloatImage } from '../media/image.js'
import type { LayeredAtlas } from './layeredAtlas.js'
import { sampleAtlas } from './sampleAtlas.js'

/** Frame t as the atlas holds it: opacity * foreground + (1 - opacity) * background, RGB. */
export async function reconstructFrame(atlas: LayeredAtlas, t: number): Promise<FloatImage> {
  const foreground = sampleAtlas(await atlas.image('foreground'), await atlas.mapping('foreground', t))
  const { data } = sampleAtlas(await atlas.image('background'), await atlas.mapping('background', t))
  const opacity = await atlas.opacity(t)
  const size = opacity.data.length
  for (let c = 0; c < 3; c++) {
    for (let i = 0; i < size; i++)
      data[c * size + i]! += opacity.data[i]! * (foreground.data[c * size + i]! - data[c * size + i]!)
  }
  return { width: atlas.width, height: atlas.height, channels: 3, data }
}
