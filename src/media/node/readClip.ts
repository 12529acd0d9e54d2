import { open, stat } from 'node:fs/promises'
import { ALL_FORMATS, FilePathSource, Input } from 'mediabunny'
import { Text2LiveError } from '../../errors.js'
import { pathHint } from '../../pathHint.js'
import type { Clip, ReadClipOptions } from '../clip.js'
import { checkReadOptions } from '../clipSize.js'
import { missingBytes } from '../containerEnd.js'
import { decodeVideo } from '../decodeVideo.js'
import { checkStructure } from './checkStructure.js'
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
  let isGif: boolean
  try {
    const info = await stat(path)
    if (info.isDirectory()) return await readImageFolder(path, options)
    if (info.size === 0) throw new Text2LiveError('INPUT_EMPTY', `${name} is empty (0 bytes). Give a video, an animated GIF, or a folder of images.`)
    isGif = await checkEnds(path, name, info.size)
  } catch (cause) {
    if (cause instanceof Text2LiveError) throw cause
    const reason = (cause as NodeJS.ErrnoException).code
    const missing = reason === 'ENOENT' || reason === 'ENOTDIR'
    const came = missing ? `there is no ${name}. ${pathHint(path)}` : `${name} cannot be read (${reason ?? String(cause)}). Check its permissions.`
    throw new Text2LiveError('INPUT_NOT_FOUND', `Expected a clip, but ${came}`, { cause })
  }
  if (isGif) return readGif(path, options)
  // Both take a moment, so one is loaded while the other runs.
  const codecs = registerCodecs()
  codecs.catch(() => undefined)
  await checkStructure(path, { frames: options.frames, signal: options.signal })
  await codecs
  const input = new Input({ source: new FilePathSource(path), formats: ALL_FORMATS })
  try {
    return await decodeVideo(input, name, options)
  } finally {
    input.dispose()
  }
}

/** @returns whether the file is a GIF */
async function checkEnds(path: string, name: string, size: number): Promise<boolean> {
  const file = await open(path)
  try {
    const read = async (start: number, length: number) => {
      const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, start)
      return buffer.subarray(0, bytesRead)
    }
    const missing = await missingBytes(read, size)
    if (missing > 0) {
      throw new Text2LiveError('CLIP_TRUNCATED', `Expected a whole clip, but ${name} is cut short: of ${size + missing} bytes or more there are ${size}. Copy or download it again.`)
    }
    return String.fromCharCode(...await read(0, 4)) === 'GIF8'
  } finally {
    await file.close()
  }
}
