import type { RenderedFrame } from './renderEdit.js'

/**
 * A rendered frame whose edit stays where the clip is opaque.
 * @param original the frame as it was, RGB bytes
 * @param alpha of the clip there; null where it is opaque all over
 */
export function boundedEdit(rendered: RenderedFrame, original: Uint8Array, alpha: Uint8Array | null): RenderedFrame {
  if (alpha === null) return rendered
  const layer = rendered.layer.slice()
  const frame = original.slice()
  for (let i = 0; i < alpha.length; i++) {
    const share = Math.round((layer[4 * i + 3]! * alpha[i]!) / 255)
    layer[4 * i + 3] = share
    // From the rounded layer, so that whoever puts the layer over the frame gets this frame.
    for (let c = 0; share > 0 && c < 3; c++)
      frame[3 * i + c] = Math.round((share * layer[4 * i + c]! + (255 - share) * original[3 * i + c]!) / 255)
  }
  return { frame, layer }
}
