import { overlap } from '../../media/changeMeasures.js'
import type { FloatImage } from '../../media/image.js'
import { dequantise, type PixelImage, quantise } from '../../media/quantise.js'
import type { ClipFlow } from '../clipFlow.js'
import { meanAlongFlow } from '../meanAlongFlow.js'
import { sharpened } from './labelling.js'

/**
 * What stands out in a frame, seen close around where a map says that the object is; one channel of the frame's size in
 * [0, 1], null where the map says nothing.
 */
export type FrameLook = (t: number, around: FloatImage) => Promise<FloatImage | null>

/**
 * A look is believed by how far it overlaps with what is expected (intersection over union): not up to the first,
 * wholly from the second.
 */
const [DOUBTED, BELIEVED] = [0.5, 0.8]

/** What the masks of a clip are made of. Maps have one channel of the frames' size in [0, 1]. */
export interface CloserMasksOptions {
  readonly flow: ClipFlow
  /** How likely each pixel of frame t belongs to the object, by regions; asked for twice. */
  readonly likely: (t: number) => FloatImage
  /** The same along the picture's edges. */
  readonly edged: (t: number) => FloatImage
  readonly look: FrameLook
  /** Masks that stand, whatever is likely or seen. */
  readonly given: ReadonlyMap<number, FloatImage>
  /** Called four times for each frame: lets others run, throws to stop. */
  readonly breathe: () => Promise<void>
}

/**
 * Masks of an object of which every frame is looked at closely. Where it likely is, averaged along the flow, says where
 * to look and whether the look met the object; else the likelihood stands, along the picture's edges. Both are averaged
 * along the flow again, so that a look that errs is outvoted by the frames around it.
 *
 * @returns one channel in [0, 1] for each frame
 */
export async function closerMasks({
  flow,
  likely,
  edged,
  look,
  given,
  breathe,
}: CloserMasksOptions): Promise<FloatImage[]> {
  const { width, height } = flow
  const image = (data: Float32Array): FloatImage => ({ width, height, channels: 1, data })
  const seen: PixelImage[] = []
  await meanAlongFlow(
    flow,
    (t) => (given.get(t) ?? likely(t)).data,
    breathe,
    async (t, mean) => {
      const expected = image(mean)
      seen[t] = quantise(given.get(t) ?? trusted(expected, await look(t, expected), () => edged(t)), 8)
    },
  )
  const masks: FloatImage[] = []
  await meanAlongFlow(
    flow,
    (t) => dequantise(seen[t]!).data,
    breathe,
    (t, mean) => {
      masks[t] = given.get(t) ?? image(mean.map(sharpened))
      return Promise.resolve()
    },
  )
  return masks
}

/** What a look found, as far as it is believed, and else what is likely. */
function trusted(expected: FloatImage, found: FloatImage | null, likely: () => FloatImage): FloatImage {
  if (found === null) return likely()
  const trust = (overlap(found, expected) - DOUBTED) / (BELIEVED - DOUBTED)
  if (trust >= 1) return found
  const other = likely()
  return trust <= 0 ? other : { ...other, data: other.data.map((x, i) => x + trust * (found.data[i]! - x)) }
}
