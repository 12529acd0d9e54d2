import { boxMean } from '../media/boxMean.js'
import type { FloatImage } from '../media/image.js'
import type { Mapping } from './layeredAtlas.js'

/** A map of one frame and where its pixels lie. */
export interface ProjectedMap {
  readonly mapping: Mapping
  /** One channel, of the mapping's size. */
  readonly map: FloatImage
}

/**
 * Maps of frames seen on the atlas image: at each of its pixels the mean of what the frames say there, taken from a
 * neighbourhood of `radius` px so that no gap is left between the frame's pixels. 0 where no frame says anything.
 */
export async function projectToAtlas(
  size: { readonly width: number; readonly height: number },
  maps: AsyncIterable<ProjectedMap>,
  radius: number,
): Promise<FloatImage> {
  const { width, height } = size
  const sum = new Float64Array(width * height)
  const weight = new Float64Array(width * height)
  for await (const { mapping, map } of maps) {
    const n = mapping.width * mapping.height
    for (let i = 0; i < n; i++) {
      const [x, y] = [Math.floor(mapping.data[i]!), Math.floor(mapping.data[n + i]!)]
      if (x < 0 || y < 0 || x >= width || y >= height) continue
      const at = y * width + x
      sum[at] = sum[at]! + map.data[i]!
      weight[at] = weight[at]! + 1
    }
  }
  const [near, count] = [boxMean(sum, width, height, radius), boxMean(weight, width, height, radius)]
  return {
    width,
    height,
    channels: 1,
    data: new Float32Array(near.map((x, i) => (count[i]! > 1e-9 ? Math.min(Math.max(x / count[i]!, 0), 1) : 0))),
  }
}
