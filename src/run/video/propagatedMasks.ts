import { bilinear, type ClipFlow, type Flow } from '../../atlas/clipFlow.js'
import { Text2LiveError } from '../../errors.js'
import type { ClipFrames } from '../../media/clipFrames.js'
import type { FloatImage } from '../../media/image.js'

export type ForegroundHint =
  | { readonly kind: 'masks'; readonly masks: ReadonlyMap<number, FloatImage> }
  | { readonly kind: 'point'; readonly x: number; readonly y: number; readonly frame: number }
  | { readonly kind: 'relevancy'; readonly maps: ReadonlyMap<number, FloatImage> }
  | { readonly kind: 'motion' }

/** Given masks, carried along the flow to the frames that have none: each takes that of the nearest frame with one. */
export function propagatedMasks(frames: ClipFrames, flow: ClipFlow, hint: ForegroundHint): FloatImage[] {
  if (hint.kind !== 'masks') throw new Text2LiveError('OPTION_INVALID', `The object cannot be found by its ${hint.kind} yet; give a mask with --object.`)
  const { masks } = hint
  const count = frames.pixels.length
  const found = new Map(masks)
  for (let distance = 1; distance < count; distance++) {
    const known = new Map(found)
    for (let t = 0; t < count; t++) {
      if (known.has(t)) continue
      const [before, after] = [known.get(t - 1), known.get(t + 1)]
      if (before !== undefined) found.set(t, carried(before, flow.backward[t - 1]!))
      else if (after !== undefined) found.set(t, carried(after, flow.forward[t]!))
    }
  }
  return Array.from({ length: count }, (_, t) => found.get(t)!)
}

function carried({ width, height, data }: FloatImage, flow: Flow): FloatImage {
  const size = width * height
  const out = new Float32Array(size)
  for (let i = 0; i < size; i++) {
    const x = Math.min(Math.max(i % width + flow.data[i]!, 0), width - 1)
    const y = Math.min(Math.max(Math.floor(i / width) + flow.data[size + i]!, 0), height - 1)
    out[i] = bilinear(data, 0, width, height, x, y)
  }
  return { width, height, channels: 1, data: out }
}
