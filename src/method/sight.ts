import type { FloatImage } from '../media/image.js'
import { lumaAt } from '../media/luma.js'
import type { ImageSettings } from '../options/imageOptions.js'
import { boundOf } from './regionMaps.js'

/** What the generator sees of a photo: its colours times `times` plus `plus`, at most 1. */
export interface Sight {
  /** One channel of the photo's size each. */
  readonly times: FloatImage
  readonly plus: FloatImage
}

/** A photo as the generator sees it. */
export function seenBy({ times, plus }: Sight, photo: FloatImage): FloatImage {
  const n = times.data.length
  return { ...photo, data: photo.data.map((x, i) => Math.min(x * times.data[i % n]! + plus.data[i % n]!, 1)) }
}

/** A sight of an object alone. */
export interface SightOfObject extends Sight {
  /** Of what is around it, [0, 1]. */
  readonly grey: number
}

/**
 * The object alone: what is around it is of one grey, as light as the object is on the whole. So the generator, whose
 * instance norms measure light and contrast over all that it sees, measures those of the object.
 * @param object where it is, one channel of the photo's size, [0, 1]
 * @param strength how far what is around it is hidden: 0 not at all, 1 wholly
 * @returns null where there is no object
 */
export function objectAlone(photo: FloatImage, object: FloatImage, strength = 1): SightOfObject | null {
  const n = object.data.length
  let [light, area] = [0, 0]
  object.data.forEach((share, i) => {
    light += share * lumaAt(photo.data, i, n)
    area += share
  })
  if (area < LEAST_AREA * n) return null
  const grey = light / area
  const times = object.data.map((share) => 1 - strength * (1 - share))
  return { times: { ...object, data: times }, plus: { ...object, data: times.map((x) => (1 - x) * grey) }, grey }
}

/**
 * What the generator sees with `surroundings` hidden: the region as far as it bounds the edit, or else what the mask
 * leaves of the photo; null: all of it. A mask is read as the map of a region is (see `boundOf`): what it lets through
 * by two fifths is seen as what it lets through wholly.
 * @param onNote is told where surroundings that were to be hidden are shown
 */
export function withoutSurroundings(
  photo: FloatImage,
  { surroundings, regionBound }: Pick<ImageSettings, 'surroundings' | 'regionBound'>,
  region: FloatImage | null,
  mask: FloatImage | undefined,
  onNote?: (note: string) => void,
): SightOfObject | null {
  if (surroundings === 'shown') return null
  const bounding = regionBounds(region, regionBound) ? region : (mask ?? null)
  const object = boundOf(undefined, bounding, 1)
  const sight = object ? objectAlone(photo, object, bounding === region ? regionBound : 1) : null
  if (sight === null)
    onNote?.(
      `surroundings: shown, since ${bounding ? 'what bounds the edit leaves hardly anything of the picture' : 'neither a region nor a mask bounds the edit'}`,
    )
  return sight
}

/** Whether the region says what the object is, so that a mask changes nothing about what is seen. */
export const regionBounds = (region: FloatImage | null, regionBound: number): boolean =>
  region !== null && regionBound > 0

/** The same of a picture that is cut from the photo as `place` cuts maps, and black where `opacity` is 0 already. */
export function sightThrough(
  { times, grey }: SightOfObject,
  place: (map: FloatImage) => FloatImage,
  { data: opacity }: FloatImage,
): Sight {
  const placed = place(times)
  return { times: placed, plus: { ...placed, data: placed.data.map((x, i) => (1 - x * opacity[i]!) * grey) } }
}

/** What is seen of a part of a photo, or of a scaled one, where `place` cuts maps as the photo was cut. */
export const placedSight = ({ times, plus }: Sight, place: (map: FloatImage) => FloatImage): Sight => ({
  times: place(times),
  plus: place(plus),
})

/** What the graph of a step is fed of it. */
export const sightFeeds = (sight: Sight | undefined): Record<string, Float32Array> =>
  sight ? { sightTimes: sight.times.data, sightPlus: sight.plus.data } : {}

/** Less than this share of a photo is no object. */
const LEAST_AREA = 1e-4

/** What is seen of a photo by `then` where it is shown as `first` sees it; only the end is kept to 1. */
export function sightAfter(first: Sight | null, then: Sight | null): Sight | null {
  if (!first || !then) return first ?? then
  const { times, plus } = then
  return {
    times: { ...times, data: first.times.data.map((x, i) => x * times.data[i]!) },
    plus: { ...plus, data: first.plus.data.map((x, i) => x * times.data[i]! + plus.data[i]!) },
  }
}
