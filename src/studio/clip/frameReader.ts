import { Text2LiveError } from '../../errors.js'
import { Caller, type CallMessage } from '../hosts/calls.js'

/** A clip as it is scrubbed. */
export interface ScrubbedClip {
  /** Upright, with square pixels: the size that masks of it have, px. */
  readonly width: number
  readonly height: number
  /** When each frame is shown, seconds; ascending. */
  readonly timestamps: readonly number[]
}

/** A place in a frame, px. */
export interface FramePoint {
  readonly frame: number
  readonly x: number
  readonly y: number
}

/** What a click grows to in its frame. */
export interface GrownObject {
  /** Grey; smaller than the frame. */
  readonly map: ImageBitmap
  /** Part of the frame where it is at least one half. */
  readonly share: number
}

/** What the worker that decodes is asked. */
export type FrameCalls = {
  readonly open: {
    readonly argument: { readonly name: string; readonly bytes: Uint8Array }
    readonly answer: ScrubbedClip
  }
  readonly frame: { readonly argument: number; readonly answer: ImageBitmap }
  readonly grow: { readonly argument: FramePoint; readonly answer: GrownObject }
}

/** Single frames of a clip, decoded in a worker: a damaged file holds that up, and not the page. */
export class FrameReader {
  readonly #worker: Worker
  readonly #caller: Caller<FrameCalls>

  private constructor() {
    this.#worker = new Worker(new URL('./frameWorker.ts', import.meta.url), { type: 'module' })
    this.#caller = new Caller((call) => this.#worker.postMessage(call))
    this.#worker.addEventListener('message', ({ data }: MessageEvent<CallMessage>) => this.#caller.take(data))
    this.#worker.addEventListener('error', ({ message }) => {
      this.#caller.fail(
        new Text2LiveError('INTERNAL', `The worker that reads the clip ended: ${message}. Open it again.`),
      )
    })
  }

  /** @throws CLIP_NOT_VIDEO, CLIP_TRUNCATED, CLIP_CODEC_MISSING */
  static async open(
    name: string,
    bytes: Uint8Array,
  ): Promise<{ readonly reader: FrameReader; readonly clip: ScrubbedClip }> {
    const reader = new FrameReader()
    try {
      return { reader, clip: await reader.#caller.call('open', { name, bytes }) }
    } catch (error) {
      reader.close()
      throw error
    }
  }

  /** @param index of the frame, from 0 @throws CLIP_TRUNCATED */
  frame(index: number): Promise<ImageBitmap> {
    return this.#caller.call('frame', index)
  }

  /**
   * Grows a click to the object under it, by the rules of a run but from the frames beside it alone: a run looks at all
   * of them, and may see more or less of the object.
   * @throws OBJECT_NOT_FOUND, CLIP_TRUNCATED
   */
  grow(point: FramePoint, signal: AbortSignal): Promise<GrownObject> {
    return this.#caller.call('grow', point, signal)
  }

  close(): void {
    this.#worker.terminate()
  }
}
