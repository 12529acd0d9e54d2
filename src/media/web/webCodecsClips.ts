import { BufferSource, Input } from 'mediabunny'
import { Text2LiveError } from '../../errors.js'
import type { ClipCodec, ClipSource } from '../clipCodec.js'
import { missingBytes } from '../containerEnd.js'
import { containerFormats } from '../containerFormats.js'
import { decodeVideo } from '../decodeVideo.js'
import { conversion, sniffClip, sniffedBytes } from '../sniffClip.js'
import { readSound } from '../sound.js'
import { canWriteClip, writeClipTo } from '../writeClipTo.js'

/**
 * Clips by the browser's WebCodecs: MP4, MOV, WebM and MKV as far as it has the codecs. What Node reads besides (GIF,
 * AVI, folders of images) is refused by name.
 */
export const webCodecsClips: ClipCodec = {
  async read(source, options) {
    const { name, bytes } = opened(source)
    await assertContainer(name, bytes)
    const input = new Input({ source: new BufferSource(bytes), formats: containerFormats })
    try {
      return await decodeVideo(input, `"${name}"`, options)
    } finally {
      input.dispose()
    }
  },
  async readSound(source, timing) {
    const { bytes } = opened(source)
    const input = new Input({ source: new BufferSource(bytes), formats: containerFormats })
    try {
      return (await input.canRead()) ? await readSound(input, timing) : { tracks: [], notes: [] }
    } finally {
      input.dispose()
    }
  },
  canWrite: canWriteClip,
  write: writeClipTo,
}

function opened(source: ClipSource): { readonly name: string; readonly bytes: Uint8Array } {
  if (typeof source !== 'string') return source
  throw new Text2LiveError(
    'INPUT_NOT_FOUND',
    `A browser opens no paths, and "${source}" is one. Give the clip's bytes.`,
  )
}

/** @throws Text2LiveError INPUT_EMPTY, CLIP_NOT_VIDEO, CLIP_TRUNCATED */
async function assertContainer(name: string, bytes: Uint8Array): Promise<void> {
  if (bytes.length === 0) throw new Text2LiveError('INPUT_EMPTY', `"${name}" is empty (0 bytes). Give a video.`)
  const sniffed = sniffClip(bytes.subarray(0, sniffedBytes), name)
  const refused = (looksLike: string, wayOut: string): Text2LiveError =>
    new Text2LiveError(
      'CLIP_NOT_VIDEO',
      `Expected a video (MP4, MOV, WebM or MKV), but "${name}" looks like ${looksLike}. ${wayOut}`,
    )
  if (sniffed.kind === 'refused') throw refused(sniffed.looksLike, sniffed.wayOut)
  if (sniffed.kind === 'gif' || sniffed.kind === 'avi')
    throw refused(
      sniffed.kind === 'gif' ? 'a GIF' : 'an AVI',
      `Browsers do not read it as a clip. The command line does; or convert it: ${conversion(name)}`,
    )
  const missing = await missingBytes(
    (start, length) => Promise.resolve(bytes.subarray(start, start + length)),
    bytes.length,
  )
  if (missing > 0)
    throw new Text2LiveError(
      'CLIP_TRUNCATED',
      `Expected a whole clip, but "${name}" is cut short: of ${bytes.length + missing} bytes or more there are ${bytes.length}. Copy or download it again.`,
    )
}
