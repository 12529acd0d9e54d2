import type { FloatImage } from '../media/image.js'
import type { ImageSettings } from '../options/imageOptions.js'
import { boundOf } from './regionMaps.js'

/** What the generator sees of a photo: its colours times `times` plus `plus`, at most 1. */
export interface Sight {
  /** One channel of the photo's size. */
  readonly times: FloatImage
  /** The same; null: nothing is added. */
  readonly plus: FloatImage | null
}

/** A photo as the generator sees it. */
export function seenBy({ times, plus }: Sight, photo: FloatImage): FloatImage {
  const n = times.data.length
  return { ...photo, data: photo.data.map((x, i) => Math.min(x * times.data[i % n]! + (plus?.data[i % n] ?? 0), 1)) }
}

/**
 * The object alone: what is around it is of one grey, as light as the object is on the whole. So the generator, whose
 * instance norms measure light and contrast over all that it sees, measures those of the object.
 * @param object where it is, one channel of the photo's size, [0, 1]
 * @returns null where there is no object
 */
export function objectAlone(photo: FloatImage, object: FloatImage): Sight | null {
  const n = object.data.length
  let [light, area] = [0, 0]
  object.data.forEach((share, i) => {
    light += share * (0.299 * photo.data[i]! + 0.587 * photo.data[n + i]! + 0.114 * photo.data[2 * n + i]!)
    area += share
  })
  if (area < LEAST_AREA * n) return null
  return { times: object, plus: { ...object, data: object.data.map((share) => (1 - share) * (light / area)) } }
}

/** What is seen of a part of a photo, or of a scaled one, where `place` cuts maps as the photo was cut. */
export const placedSight = ({ times, plus }: Sight, place: (map: FloatImage) => FloatImage): Sight => ({
  times: place(times),
  plus: plus && place(plus),
})

/** Whether a sight adds something: a step's graph has an input for it then. */
export type SightKind = 'times' | 'plus'

export const sightKind = (sight: Sight | undefined): SightKind | undefined => sight && (sight.plus ? 'plus' : 'times')

/** What the graph of a step is fed of it. */
export const sightFeeds = (sight: Sight | undefined): Record<string, Float32Array> => ({
  ...(sight ? { sightTimes: sight.times.data } : {}),
  ...(sight?.plus ? { sightPlus: sight.plus.data } : {}),
})

/** Less than this share of a photo is no object. */
const LEAST_AREA = 1e-4

/**
 * What the generator sees with `surroundings` hidden: the region as far as it bounds the edit, or else the mask, which
 * is seen whole where it lets the edit through faintly; null: all of the photo.
 */
export function withoutSurroundings(
  photo: FloatImage,
  { surroundings, regionBound }: Pick<ImageSettings, 'surroundings' | 'regionBound'>,
  region: FloatImage | null,
  mask: FloatImage | undefined,
): Sight | null {
  if (surroundings === 'shown') return null
  const bound = region ? boundOf(undefined, region, regionBound) : boundOf(undefined, mask ?? null, 1)
  return bound ? objectAlone(photo, bound) : null
}

/** What is seen of a photo by `then` where it is shown as `first` sees it. */
export function sightAfter(first: Sight | null, then: Sight | null): Sight | null {
  if (!first || !then) return first ?? then
  const { times, plus } = then
  const scaled = (map: FloatImage) => map.data.map((x, i) => x * times.data[i]!)
  const added = first.plus ? scaled(first.plus) : null
  return {
    times: { ...times, data: scaled(first.times) },
    plus: added ? { ...times, data: added.map((x, i) => x + (plus?.data[i] ?? 0)) } : plus,
  }
}
