import { open, stat } from 'node:fs/promises'
import { ALL_FORMATS, FilePathSource, Input } from 'mediabunny'
import { Text2LiveError } from '../../errors.js'
import type { Clip, ReadClipOptions } from '../clip.js'
import { checkReadOptions } from '../clipSize.js'
import { decodeVideo } from '../decodeVideo.js'
import { readGif } from './readGif.js'
import { readImageFolder } from './readImageFolder.js'
import { registerCodecs } from './registerCodecs.js'

/**
 * Reads a clip: a video (MP4, MOV, WebM, MKV), an animated GIF, or a folder of images. Frame by frame: what is in memory are the frames at their final size.
 *
 * @throws Text2LiveError INPUT_NOT_FOUND, INPUT_EMPTY (0 bytes), OPTION_INVALID, CLIP_NOT_VIDEO (no video, or no images in the folder), CLIP_TRUNCATED,
 *   CLIP_TOO_LARGE, CLIP_SIZES_DIFFER (images of a folder), CLIP_CODEC_MISSING, INTERRUPTED; INPUT_TRUNCATED for an image of a folder
 */
export async function readClip(path: string, options: ReadClipOptions = {}): Promise<Clip> {
  checkReadOptions(options)
  const name = `"${path}"`
  let head: Uint8Array
  try {
    const info = await stat(path)
    if (info.isDirectory()) return await readImageFolder(path, options)
    if (info.size === 0) throw new Text2LiveError('INPUT_EMPTY', `${name} is empty (0 bytes). Give a video, an animated GIF, or a folder of images.`)
    const file = await open(path)
    try { head = (await file.read(new Uint8Array(16), 0, 16, 0)).buffer } finally { await file.close() }
  } catch (cause) {
    if (cause instanceof Text2LiveError) throw cause
    const reason = (cause as NodeJS.ErrnoException).code
    throw new Text2LiveError('INPUT_NOT_FOUND', `Expected a clip, but ${reason === 'ENOENT' || reason === 'ENOTDIR' ? `there is no ${name}` : `${name} cannot be read (${reason ?? String(cause)})`}. `
      + 'Check the path and its permissions.', { cause })
  }
  if (String.fromCharCode(...head.subarray(0, 4)) === 'GIF8') return readGif(path, options)
  await registerCodecs()
  const input = new Input({ source: new FilePathSource(path), formats: ALL_FORMATS })
  try {
    return await decodeVideo(input, name, options)
  } finally {
    input.dispose()
  }
}
