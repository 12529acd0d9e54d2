import type { FloatImage } from '../media/image.js'

export type LayerName = 'foreground' | 'background'

/** Where the pixels of one frame lie in the atlas image of a layer. */
export interface Mapping {
  readonly width: number
  readonly height: number
  /**
   * Two planes, x then y, each `height * width` values in pixels of the atlas image: pixel k covers [k, k + 1), its
   * centre is k + 0.5. The centre of frame pixel (x, y) lies at `data[y * width + x]`, `data[(height + y) * width +
   * x]`.
   */
  readonly data: Float32Array
}

/**
 * A clip taken apart into two flat pictures (layered neural atlases, Kasten et al. 2021): each layer has one atlas
 * image, each frame says where its pixels lie in both and how far the foreground covers the background. Frame = opacity
 * * foreground + (1 - opacity) * background. Frames count from 0. Whatever it was made by, editing and rendering see
 * only this.
 */
export interface LayeredAtlas {
  readonly frames: number
  /** Size of a frame, px. */
  readonly width: number
  readonly height: number
  /** The atlas image of a layer, RGB in [0, 1], cropped to what the clip uses of it. */
  image(layer: LayerName): Promise<FloatImage>
  mapping(layer: LayerName, frame: number): Promise<Mapping>
  /** Opacity of the foreground at every pixel of a frame: one channel in [0, 1]. */
  opacity(frame: number): Promise<FloatImage>
}
