import { Text2LiveError } from '../../errors.js'
import { lastPart, stemOf } from './fileNames.js'

/** Frames that masks are paired with. */
export interface PairedClip {
  /** How many are used; of a clip that was limited, there may be more. */
  readonly count: number
  readonly limited: boolean
  /** Of a folder of images: the names of all of them, used or not, without endings. */
  readonly names?: readonly string[] | undefined
}

export interface MaskPairs {
  /** By frame, counted from 0; of those that are used. */
  readonly files: ReadonlyMap<number, string>
  readonly notes: readonly string[]
}

/**
 * Which mask belongs to which frame? Names that are equal pair by name. Else as many masks as frames pair in order,
 * whatever their numbers begin with: programs count from 0 or from 1. Else numbers count frames from 0, from 1 where it
 * cannot be otherwise, or, of a folder of images, are those in its names.
 *
 * @param files in order
 * @param what how errors call them: `--object`
 * @throws MASK_INVALID for two masks of one frame, none that fits, or numbers that count otherwise than the frames'
 */
export function pairMasks(files: readonly string[], clip: PairedClip, folder: string, what: string): MaskPairs {
  const { count, limited, names } = clip
  const stems = files.map(stemOf)
  const example = `named after the frames, for example ${names?.[0] ?? '00000'}.png`
  const invalid = (came: string): Text2LiveError =>
    new Text2LiveError(
      'MASK_INVALID',
      `Expected masks in "${folder}" (${what}) ${example}; ${came}. Rename them, or give the mask of one frame.`,
    )
  if (files.length === 0) throw invalid('there are no pictures')
  const place = (frameOf: (i: number) => number | null, notes: readonly string[] = []): MaskPairs => {
    const paired = new Map<number, string>()
    const unused: string[] = []
    for (const [i, file] of files.entries()) {
      const frame = frameOf(i)
      if (frame === null || frame >= count) {
        if (frame === null || !limited) unused.push(file)
        continue
      }
      const other = paired.get(frame)
      if (other !== undefined)
        throw invalid(`"${lastPart(other)}" and "${lastPart(file)}" are both of frame ${frame}, counted from 0`)
      paired.set(frame, file)
    }
    if (paired.size === 0)
      throw invalid(
        `"${lastPart(files[0]!)}"${files.length === 1 ? ' names' : ' and the others name'} no frame of the clip`,
      )
    const ignored =
      unused.length === 0
        ? []
        : [`${what}: ${unused.length} of ${files.length} files name no frame that is used; they are ignored`]
    return { files: paired, notes: [...notes, ...ignored] }
  }
  const inOrder = (why: string): MaskPairs =>
    place(
      (i) => i,
      [`${what}: ${why}, so they are paired in order: "${lastPart(files[0]!)}" is the mask of the first frame`],
    )

  const all = names?.length ?? (limited ? null : count)
  if (names !== undefined) {
    const byName = stems.map((stem) => names.indexOf(stem))
    if (byName.every((frame) => frame >= 0)) return place((i) => byName[i]!)
    if (files.length === all) return inOrder('masks have other names than the frames, and as many')
    const named = byName.some((frame) => frame >= 0)
    const strangers = stems.filter((_, i) => byName[i]! < 0)
    // A sequence that counts otherwise shares most names with the frames, each of which would get its neighbour's mask.
    const everyFrame = new Set(byName).size - Number(strangers.length > 0) === names.length
    if (named && !everyFrame && strangers.some((stem) => sameForm(stem, names[0]!))) {
      throw invalid(
        `there are ${files.length} for ${names.length} frames, and "${strangers.find((stem) => sameForm(stem, names[0]!))!}" names none of them: they seem to be counted from another number`,
      )
    }
    if (named) return place((i) => (byName[i]! < 0 ? null : byName[i]!))
    const numbers = names.map(numberOf)
    const own = stems.map(numberOf)
    if (
      own.every((number) => number !== null && numbers.indexOf(number) >= 0) &&
      numbers.every((number, i) => number !== null && numbers.indexOf(number) === i)
    ) {
      return place(
        (i) => numbers.indexOf(own[i]!),
        [`${what}: masks are paired with the frames by the numbers in their names`],
      )
    }
    throw invalid(
      `"${lastPart(files[0]!)}"${files.length === 1 ? ' names' : ' and the others name'} no frame of the clip`,
    )
  }

  const numbers = stems.map(numberOf)
  const known = numbers.filter((number) => number !== null)
  const [first, last] = [Math.min(...known), Math.max(...known)]
  const whole = known.length === files.length && new Set(known).size === known.length
  const inRow = whole && last - first === known.length - 1
  if (whole && first === 0) return place((i) => numbers[i]!)
  if (files.length === all)
    return inOrder(
      whole ? `masks count from ${first}, and are as many as the frames` : 'masks are as many as the frames',
    )
  if (limited && inRow && files.length >= count && (first === 1 || first >= count))
    return inOrder(`masks count from ${first}`)
  if (whole && !limited && first >= 1 && last === count) {
    return place(
      (i) => numbers[i]! - 1,
      [
        `${what}: masks are counted from 1, since the last is ${last} and the clip has ${count} frames: "${lastPart(files[0]!)}" is the mask of frame ${first - 1}, counted from 0`,
      ],
    )
  }
  const doubt =
    inRow && first === 1
      ? [
          `${what}: masks are taken as counted from 0, so the first frame has none and "${lastPart(files[0]!)}" is that of the second`,
        ]
      : []
  return place((i) => numbers[i]!, doubt)
}

/** The frame that a single mask is of, by its name or number; the first for others. */
export function frameOfMask(
  file: string,
  { count, names }: PairedClip,
  what: string,
): { readonly frame: number; readonly notes: readonly string[] } {
  const stem = stemOf(file)
  const named = names?.indexOf(stem) ?? -1
  if (named >= 0 && named < count) return { frame: named, notes: [] }
  const number = names === undefined ? numberOf(stem) : null
  const frame = number !== null && number < count ? number : 0
  const isPlain = /^\d+$/.test(stem) && frame === number
  return {
    frame,
    notes:
      isPlain || (number === null && named < 0)
        ? []
        : [`${what}: "${lastPart(file)}" is taken as the mask of frame ${frame}, counted from 0`],
  }
}

/** The number that a name ends with, or else the last in it. */
function numberOf(stem: string): number | null {
  const digits = /(\d+)\D*$/.exec(stem)?.[1]
  return digits === undefined ? null : Number(digits)
}

/** Do names differ in their number alone? */
const sameForm = (a: string, b: string): boolean =>
  /\d/.test(a) && a.replace(/\d+(?=\D*$)/, '') === b.replace(/\d+(?=\D*$)/, '')
