import { Text2LiveError } from '../../errors.js'

/** @throws Text2LiveError CLIP_CODEC_MISSING where the browser has no WebCodecs */
export function assertWebCodecs(): void {
  if ('VideoDecoder' in globalThis && 'VideoEncoder' in globalThis) return
  throw new Text2LiveError(
    'CLIP_CODEC_MISSING',
    'Clips need WebCodecs, which this browser does not have here. Open the page over https, or at 127.0.0.1 (from another machine by ssh -L), in a browser that has them; or use the command line.',
  )
}
