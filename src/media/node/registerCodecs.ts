import { Logging, LogLevel, registerDecoder } from 'mediabunny'
import { Text2LiveError } from '../../errors.js'

/**
 * Gives mediabunny the decoders and encoders it lacks in Node: those of libav, through `@mediabunny/server`, whose
 * native part comes as a package of its own for each system. Loaded when first needed, since that takes a moment and
 * systems without it can do all else.
 *
 * @throws Text2LiveError CLIP_CODEC_MISSING
 */
export async function registerCodecs(): Promise<void> {
  registered ??= register()
  await registered
}

let registered: Promise<void> | undefined

async function register(): Promise<void> {
  try {
    const [{ registerMediabunnyServer }, { AV_LOG_QUIET, Log }, { LibavDecoder }] = await Promise.all([
      import('@mediabunny/server'),
      import('node-av'),
      import('./libavDecoder.js'),
    ])
    // The first that is registered for a codec is the one that is taken.
    registerDecoder(LibavDecoder)
    registerMediabunnyServer({ hardwareContext: null })
    // What goes wrong comes as an error; a library does not print.
    Log.setLevel(AV_LOG_QUIET)
    Logging.level = LogLevel.Silent
  } catch (cause) {
    throw codecsMissing(cause)
  }
}

/** @param cause why the native part did not load */
function codecsMissing(cause: unknown): Text2LiveError {
  return new Text2LiveError(
    'CLIP_CODEC_MISSING',
    'Reading and writing video needs the native part of node-av, an optional package of npm ' +
      `(@seydx/node-av-${process.platform}-${process.arch}...), and it is not there or does not load. Install again without --omit=optional; ` +
      'GIFs and folders of images can be read without it.',
    { cause },
  )
}
