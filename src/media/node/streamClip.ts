import type { ReadClipOptions } from '../clip.js'
import { readClip } from './readClip.js'

/** A frame of a clip: RGB bytes, and its alpha where it is not opaque. */
export interface StreamedFrame {
  readonly pixels: Uint8Array
  readonly alpha: Uint8Array | null
}

/**
 * The frames of a clip one after the other, RGB bytes, with one or two of them in memory. Nothing is read before the
 * first is asked for.
 * @throws what `readClip` throws
 */
export async function* streamClip(
  path: string,
  options: Omit<ReadClipOptions, 'onFrame'> = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const { pixels } of streamFrames(path, options)) yield pixels
}

/** The same with their alpha. */
export async function* streamFrames(
  path: string,
  options: Omit<ReadClipOptions, 'onFrame'> = {},
): AsyncGenerator<StreamedFrame, void, undefined> {
  const state: { ready: StreamedFrame | null; ended: boolean } = { ready: null, ended: false }
  let changed = (): void => undefined
  const change = (): Promise<void> =>
    new Promise((resolve) => {
      changed = resolve
    })
  let taken = (): void => undefined
  const stop = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal
  const reading = readClip(path, {
    ...options,
    signal,
    onFrame(pixels, alpha) {
      state.ready = { pixels, alpha }
      changed()
      return new Promise((resolve) => {
        taken = resolve
      })
    },
  }).finally(() => {
    state.ended = true
    changed()
  })
  // What went wrong is thrown below.
  reading.catch(() => undefined)
  try {
    for (;;) {
      const waiting = change()
      if (state.ready === null && !state.ended) await waiting
      const frame = state.ready
      if (frame === null) break
      state.ready = null
      yield frame
      taken()
    }
    await reading
  } finally {
    stop.abort()
    taken()
    await reading.catch(() => undefined)
  }
}
