import { boundingBox } from '../media/boundingBox.js'
import { crop } from '../media/crop.js'
import type { FloatImage } from '../media/image.js'
import type { OutlineFinder } from '../models/outline.js'
import type { RelevancyAnswers } from './relevancyMap.js'
import { spreadOf } from './spread.js'

/** Part of a picture, px. */
interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** A place of the candidate is more than this. */
const CANDIDATE = 0.3
/**
 * Boxes that are looked at: around what of the candidate answers more than its mean by so many of its standard
 * deviations, and this share of the box's sides more around it.
 */
const LOOKS = [
  { above: 0, around: 0.1 },
  { above: 1, around: 0.5 },
] as const
/** Pixels more around a box. */
const BORDER = 4
/**
 * What a look finds is cut by its box, and so no thing seen whole, where it meets the box's sides inside the photo in
 * more pixels than this share of the root of its area.
 */
const CUT = 0.05
/** A place speaks for the words where it answers more than the photo's mean by so many standard deviations. */
const SPEAKS = 0.5
/** Answers that deviate by less are alike. */
const ALIKE = 1e-6

/** The least box around what is above `threshold`, with some of the picture around it; null where nothing is. */
export function boxAround(map: FloatImage, threshold: number, around: number): Box | null {
  const found = boundingBox(map, (value) => value > threshold)
  if (!found) return null
  const [{ width, height }, { left, right, top, bottom }] = [map, found]
  const [dx, dy] = [around * (right + 1 - left) + BORDER, around * (bottom + 1 - top) + BORDER]
  const [x, y] = [Math.max(0, Math.floor(left - dx)), Math.max(0, Math.floor(top - dy))]
  return {
    x,
    y,
    width: Math.min(width, Math.ceil(right + 1 + dx)) - x,
    height: Math.min(height, Math.ceil(bottom + 1 + dy)) - y,
  }
}

/** The outline of what stands out in a part of the photo; one channel of the photo's size, 0 outside the part. */
async function outlineWithin(photo: FloatImage, box: Box, finder: OutlineFinder): Promise<FloatImage> {
  const part = await finder.find(crop(photo, box.x, box.y, box.width, box.height))
  const data = new Float32Array(photo.width * photo.height)
  for (let row = 0; row < box.height; row++)
    data.set(part.data.subarray(row * box.width, (row + 1) * box.width), (box.y + row) * photo.width + box.x)
  return { width: photo.width, height: photo.height, channels: 1, data }
}

/**
 * The outline of what stands out around the places that a map holds; null where it holds none.
 * @param around share of the sides of the box around these places that is looked at beside it
 */
export async function outlineAround(
  photo: FloatImage,
  map: FloatImage,
  around: number,
  finder: OutlineFinder,
): Promise<FloatImage | null> {
  const box = boxAround(map, 0.5, around)
  return box && (await outlineWithin(photo, box, finder))
}

/** How much of the words' answer a map holds: the answers above the photo's, less what it takes in beside them. */
export function answersHeld({ data: answers }: FloatImage, { data: map }: FloatImage): number {
  const { mean, deviation } = spreadOf(answers)
  return map.reduce(
    (sum, x, i) => (x > 0.5 ? sum + (answers[i]! - mean) / Math.max(deviation, ALIKE) - SPEAKS : sum),
    0,
  )
}

/**
 * What stands out around the places of a candidate that answer to the words most, seen closer than the whole photo: a
 * bag that the outline of its wearer holds, a dog that does not stand out among trees. Of several looks the one that
 * holds most of the words' answer; null where none sees a thing whole.
 * @param candidate one channel of the photo's size, [0, 1]
 */
export async function closerLook(
  photo: FloatImage,
  answers: RelevancyAnswers,
  candidate: FloatImage,
  finder: OutlineFinder,
): Promise<FloatImage | null> {
  const strength = strengthWithin(answers, candidate)
  let best: { readonly look: FloatImage; readonly held: number } | null = null
  for (const { above, around } of LOOKS) {
    const box = boxAround(strength, above, around)
    // The whole photo was looked at.
    if (!box || (box.width === photo.width && box.height === photo.height)) continue
    const look = await outlineWithin(photo, box, finder)
    const held = answersHeld(answers.relevancy, look)
    if (!isCut(look, box) && held > (best?.held ?? 0)) best = { look, held }
  }
  return best && best.look
}

/** The answer to the words, beside their rivals where there are, in standard deviations over the candidate. */
function strengthWithin({ relevancy, rivalry }: RelevancyAnswers, { data: candidate }: FloatImage): FloatImage {
  const maps = rivalry ? [relevancy, rivalry] : [relevancy]
  const data = new Float32Array(candidate.length)
  for (const { data: values } of maps) {
    const { mean, deviation } = spreadOf(values.filter((_, i) => candidate[i]! > CANDIDATE))
    data.forEach((sum, i) => {
      data[i] = sum + (values[i]! - mean) / Math.max(deviation, ALIKE) / maps.length
    })
  }
  return { ...relevancy, data: data.map((x, i) => (candidate[i]! > CANDIDATE ? x : -Infinity)) }
}

function isCut({ width, height, data }: FloatImage, box: Box): boolean {
  const [right, bottom] = [box.x + box.width, box.y + box.height]
  const inside = (x: number, y: number) => data[y * width + x]! > 0.5
  let met = 0
  for (let y = box.y; y < bottom; y++) {
    if (box.x > 0 && inside(box.x, y)) met++
    if (right < width && inside(right - 1, y)) met++
  }
  for (let x = box.x; x < right; x++) {
    if (box.y > 0 && inside(x, box.y)) met++
    if (bottom < height && inside(x, bottom - 1)) met++
  }
  return met > CUT * Math.sqrt(data.reduce((area, x) => (x > 0.5 ? area + 1 : area), 0))
}
