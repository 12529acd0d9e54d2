import type { Clip, ReadClipOptions } from './clip.js'

/** A frame of a clip: RGB bytes, and its alpha where it is not opaque. */
export interface StreamedFrame {
  readonly pixels: Uint8Array
  readonly alpha: Uint8Array | null
}

/**
 * The frames of a clip one after the other, with one or two of them in memory. Nothing is read before the first is
 * asked for.
 * @param read reads the clip
 * @throws what `read` throws
 */
export async function* streamFrames(
  read: (options: ReadClipOptions) => Promise<Clip>,
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
  const reading = read({
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
