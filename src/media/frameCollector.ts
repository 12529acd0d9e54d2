import type { Clip, ReadClipOptions } from './clip.js'

/**
 * A frame as it is stored: `height * width` times three bytes of RGB, and straight alpha, one byte each, where there is
 * any.
 */
export interface StoredFrame {
  readonly width: number
  readonly height: number
  readonly pixels: Uint8Array
  readonly alpha: Uint8Array | null
}

/**
 * What is transparent is black: colours that lie under it were never meant to be seen, and many files hold noise or a
 * bright colour there.
 * @returns the same frame where it is opaque all over, its alpha null
 */
export function overBlack({ width, height, pixels, alpha }: StoredFrame): StoredFrame {
  if (alpha === null || alpha.every((value) => value === 255)) return { width, height, pixels, alpha: null }
  return {
    width,
    height,
    alpha,
    pixels: pixels.map((value, i) => Math.round((value * alpha[Math.floor(i / 3)]!) / 255)),
  }
}

/** The frames of a clip as they are read, kept or handed on. */
export class FrameCollector {
  readonly pixels: Uint8Array[] = []
  readonly #alphas: (Uint8Array | null)[] = []
  readonly #onFrame: ReadClipOptions['onFrame']

  constructor({ onFrame }: ReadClipOptions) {
    this.#onFrame = onFrame
  }

  async add(pixels: Uint8Array, alpha: Uint8Array | null): Promise<void> {
    if (this.#onFrame) {
      await this.#onFrame(pixels, alpha)
      return
    }
    this.pixels.push(pixels)
    this.#alphas.push(alpha)
  }

  /** @returns the parts of a clip that say what is transparent; none where all frames are opaque */
  transparency(name: string): Pick<Clip, 'alphas'> & { readonly notes: readonly string[] } {
    const some = this.#alphas.find((alpha) => alpha !== null)
    if (!some) return { notes: [] }
    const opaque = new Uint8Array(some.length).fill(255)
    return {
      alphas: this.#alphas.map((alpha) => alpha ?? opaque),
      notes: [
        `${name} has transparency (alpha): it is read as it looks over black, and so is the edited clip, which has no alpha; the edit and its layer stay where the clip is opaque`,
      ],
    }
  }
}
