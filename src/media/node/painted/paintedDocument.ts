import type { FloatImage } from '../../image.js'

/** A layer or group of a layered document, as far as its picture goes. */
export interface PaintedLayer {
  readonly name: string
  readonly hidden: boolean
  /** [0, 1]; of Photoshop's two, opacity and fill, the product. */
  readonly opacity: number
  /** Shown only where the first layer below that is not clipped itself has pixels. */
  readonly clipped: boolean
  /**
   * What of its look is no colour and opacity, in words ('has the blend mode "multiply"'); it is refused where it would
   * be seen.
   */
  readonly unsupported: readonly string[]
  /** It is seen without pixels of its own (an adjustment layer). */
  readonly seenWithoutPixels: boolean
  /** Of a group, from the bottom; null of a layer. */
  readonly children: readonly PaintedLayer[] | null
  /**
   * RGBA at the document's size, straight alpha, in the document's colours; null where it holds no pixels, as groups
   * do.
   */
  readonly pixels: () => Promise<FloatImage | null>
  /** Its mask at the document's size, [0, 1]; null where all of it is shown. */
  readonly mask: () => Float32Array | null
}

export interface PaintedDocument {
  readonly width: number
  readonly height: number
  /** From the bottom. */
  readonly layers: readonly PaintedLayer[]
  /** The picture for programs that do not read layers, RGBA. */
  readonly merged: () => Promise<FloatImage>
  /** Converts from the document's colours to sRGB. */
  readonly toSrgb: (image: FloatImage) => Promise<FloatImage>
}

/**
 * Greatest size of a document where the size that it must have is not known, px: what it takes on its way is under a
 * gigabyte.
 */
export const maxDocumentPixels = 25_000_000
/** Layers and groups in one document. */
export const maxLayers = 10_000
/** Groups within groups; Photoshop allows 10. */
export const maxDepth = 64

/** Greatest size of one layer of a document, px: it may reach far over the edges, but not without bound. */
export const maxLayerPixels = (width: number, height: number): number => Math.max(16_000_000, 4 * width * height)
/** Greatest size of all layers together that are decoded, px. */
export const maxDecodedPixels = 1_000_000_000
