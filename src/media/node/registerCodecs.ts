import { Logging, LogLevel } from 'mediabunny'
import { Text2LiveError } from '../../errors.js'

/**
 * Gives mediabunny the decoders and encoders it lacks in Node: those of libav, through `@mediabunny/server`, whose native part comes as a package of its own
 * for each system. Loaded when first needed, since that takes a moment and systems without it can do all else.
 *
 * @throws Text2LiveError CLIP_CODEC_MISSING
 */
export async function registerCodecs(): Promise<void> {
  Logging.level = LogLevel.Silent
  try {
    const { registerMediabunnyServer } = await import('@mediabunny/server')
    registerMediabunnyServer({ hardwareContext: null })
  } catch (cause) {
    throw codecsMissing(cause)
  }
}

/** @param cause why the native part did not load */
export function codecsMissing(cause: unknown): Text2LiveError {
  return new Text2LiveError('CLIP_CODEC_MISSING', 'Reading and writing video needs the native part of node-av, an optional package of npm '
    + `(@seydx/node-av-${process.platform}-${process.arch}...), and it is not there or does not load. Install again without --omit=optional; `
    + 'GIFs and folders of images can be read without it.', { cause })
}
