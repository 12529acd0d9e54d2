import type { ClipFrames } from '../../media/clipFrames.js'
import type { FitEvidence } from './fitEvidence.js'
import type { FitPart, FrameLayers, PartFrames, Visited } from './fitPart.js'
import { type ColourSums, type Extent, type Layers, type OwnFrames, bothExtents } from './solveTextures.js'
import type { Texture } from './texture.js'

/** A shorter clip is fitted as one, frames. */
const LEAST_PARTED = 8

/** Are the halves of a clip of so many frames fitted on their own? */
export const isParted = (frames: number): boolean => frames >= LEAST_PARTED

/** A part, and the frames of the clip that it knows: its own, and their neighbours. */
interface Place {
  readonly part: FitPart
  readonly known: OwnFrames
}

/**
 * The halves of a clip, fitted at the same time: from its middle frame outwards, then back to it, in turn. At the
 * middle each half takes the other's frame as it was before the sweep. Where the halves are fitted does not matter to
 * what comes out, nor which is done first.
 */
export class FitParts {
  readonly #places: readonly Place[]

  private constructor(places: readonly Place[]) {
    this.#places = places
  }

  /** @param open opens the part of index i */
  static async open(
    frames: ClipFrames,
    { outlines, links }: FitEvidence,
    open: (part: PartFrames, i: number) => Promise<FitPart>,
  ): Promise<FitParts> {
    const count = frames.pixels.length
    const middle = count >> 1
    const owns = isParted(count)
      ? ([
          [0, middle],
          [middle, count],
        ] as const)
      : [[0, count] as const]
    const places: Place[] = []
    for (const [i, [first, end]] of owns.entries()) {
      const known = { first: Math.max(first - 1, 0), end: Math.min(end + 1, count) }
      const seen = <T>(list: readonly T[]): T[] => list.slice(known.first, known.end)
      const part = {
        width: frames.width,
        height: frames.height,
        from: known.first,
        own: { first: first - known.first, end: end - known.first },
        pixels: seen(frames.pixels),
        outlines: seen(outlines),
        links: seen(links),
      }
      places.push({ part: await open(part, i), known })
    }
    return new FitParts(places)
  }

  /** @param layers of all frames @returns what of the atlas plane they show */
  async begin(pixel: number, { lattices, opacity }: FrameLayers): Promise<Layers<Extent | null>> {
    const extents = await this.#each(({ part, known }) => {
      const seen = <T>(list: readonly T[]): readonly T[] => list.slice(known.first, known.end)
      return part.begin(pixel, {
        lattices: { foreground: seen(lattices.foreground), background: seen(lattices.background) },
        opacity: seen(opacity),
      })
    })
    return extents.reduce((a, b) => ({
      foreground: bothExtents(a.foreground, b.foreground),
      background: bothExtents(a.background, b.background),
    }))
  }

  /** The sums of all frames, in the order of the parts. */
  async sumColours(textures: Layers<Texture>, black: boolean): Promise<ColourSums> {
    const all = await this.#each(({ part }) => part.sumColours(textures, black))
    return all.reduce((a, b) => ({
      sums: {
        foreground: added(a.sums.foreground, b.sums.foreground),
        background: added(a.sums.background, b.sums.background),
      },
      squares: a.squares + b.squares,
      colours: a.colours + b.colours,
    }))
  }

  /** @param inwards towards the middle of the clip @param visited called after each frame */
  async visit(stage: number, textures: Layers<Texture>, inwards: boolean, visited: () => void): Promise<Visited> {
    const all = await this.#each(({ part }, i) =>
      // The first half lies before the middle.
      part.visit(stage, textures, this.#places.length > 1 && i === 0 ? !inwards : inwards, visited),
    )
    return all.reduce((a, b) => ({
      lattices: {
        foreground: [...a.lattices.foreground, ...b.lattices.foreground],
        background: [...a.lattices.background, ...b.lattices.background],
      },
      losses: {
        foreground: a.losses.foreground.map((x, j) => x + b.losses.foreground[j]!),
        background: a.losses.background.map((x, j) => x + b.losses.background[j]!),
      },
    }))
  }

  /** Of all frames. */
  async fitOpacities(textures: Layers<Texture>): Promise<readonly Uint8Array[]> {
    return (await this.#each(({ part }) => part.fitOpacities(textures))).flat()
  }

  async close(): Promise<void> {
    await this.#each(({ part }) => part.close())
  }

  /** Asks all, and waits for all, before it throws what one of them threw. */
  async #each<T>(ask: (place: Place, i: number) => Promise<T>): Promise<T[]> {
    const answers = new Map<Place, Promise<T>>()
    for (const [i, place] of this.#places.entries()) if (place.part.isBeside) answers.set(place, ask(place, i))
    const beside = Promise.allSettled(answers.values())
    // Those of this thread in turn: in a browser the engine runs one graph at a time.
    for (const [i, place] of this.#places.entries()) {
      if (place.part.isBeside) continue
      const answer = ask(place, i)
      answers.set(place, answer)
      const [{ status }] = await Promise.allSettled([answer])
      if (status === 'rejected') break
    }
    await beside
    return await Promise.all(this.#places.flatMap((place) => answers.get(place) ?? []))
  }
}

/** Adds into the first. */
function added(sums: Float32Array, more: Float32Array): Float32Array {
  for (let k = 0; k < sums.length; k++) sums[k]! += more[k]!
  return sums
}
