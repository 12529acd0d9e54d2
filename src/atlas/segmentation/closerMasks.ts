import { overlap } from '../../media/changeMeasures.js'
import type { FloatImage } from '../../media/image.js'
import type { ClipFlow } from '../clipFlow.js'
import { meanAlongFlow } from '../meanAlongFlow.js'
import { sharpened } from './labelling.js'

/**
 * What stands out in a frame, seen close around where a map says that the object is; one channel of the frame's size in
 * [0, 1], null where the map says nothing.
 */
export type CloserLook = (t: number, around: FloatImage) => Promise<FloatImage | null>

/**
 * A look is believed by how far it overlaps with what is expected (intersection over union): not up to the first,
 * wholly from the second.
 */
const [DOUBTED, BELIEVED] = [0.5, 0.8]

/** How likely each pixel of a frame belongs to the object; one channel of the frame's size in [0, 1]. */
export type Likelihood = (t: number) => FloatImage

/**
 * Masks of an object of which every frame is looked at closely. Where it likely is, averaged along the flow, says where
 * to look and whether the look met the object; else the likelihood stands, along the picture's edges. Both are averaged
 * along the flow again, so that a look that errs is outvoted by the frames around it.
 *
 * @param likely by regions; asked for twice
 * @param edged the same along the picture's edges
 * @returns one channel in [0, 1] for each frame
 */
export async function closerMasks(
  flow: ClipFlow,
  likely: Likelihood,
  edged: Likelihood,
  look: CloserLook,
  breathe: () => Promise<void>,
): Promise<FloatImage[]> {
  const { width, height } = flow
  const image = (data: Float32Array): FloatImage => ({ width, height, channels: 1, data })
  const seen: Uint8Array[] = []
  await meanAlongFlow(
    flow,
    (t) => likely(t).data,
    async (t, mean) => {
      await breathe()
      seen[t] = inBytes(trusted(image(mean), await look(t, image(mean)), () => edged(t)))
    },
  )
  const masks: FloatImage[] = []
  await meanAlongFlow(
    flow,
    (t) => ofBytes(seen[t]!),
    async (t, mean) => {
      await breathe()
      masks[t] = image(mean.map(sharpened))
    },
  )
  return masks
}

/** What a look found, as far as it is believed, and else what is likely. */
function trusted(expected: FloatImage, found: FloatImage | null, likely: () => FloatImage): Float32Array {
  if (found === null) return likely().data
  const trust = (overlap(found, expected) - DOUBTED) / (BELIEVED - DOUBTED)
  if (trust >= 1) return found.data
  const { data } = likely()
  return trust <= 0 ? data : data.map((x, i) => x + trust * (found.data[i]! - x))
}

function inBytes(shares: Float32Array): Uint8Array {
  const bytes = new Uint8Array(shares.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = 255 * shares[i]! + 0.5
  return bytes
}

function ofBytes(bytes: Uint8Array): Float32Array {
  const shares = new Float32Array(bytes)
  for (let i = 0; i < shares.length; i++) shares[i]! /= 255
  return shares
}
