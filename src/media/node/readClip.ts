import { open, stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { FilePathSource, Input, MatroskaInputFormat } from 'mediabunny'
import { Text2LiveError } from '../../errors.js'
import { pathHint } from '../../pathHint.js'
import type { Clip, ReadClipOptions } from '../clip.js'
import { checkReadOptions } from '../clipSize.js'
import { missingBytes } from '../containerEnd.js'
import { containerFormats } from '../containerFormats.js'
import { collectFrames, damagedVideo, decodeVideo } from '../decodeVideo.js'
import { checkStructure } from './checkStructure.js'
import type { LibavContainer } from './libavSource.js'
import { readGif } from './readGif.js'
import { readImageFolder } from './readImageFolder.js'
import { openToRead } from './readRegularFile.js'
import { registerCodecs } from './registerCodecs.js'
import { conversion, sniffClip, sniffedBytes, type ClipKind } from '../sniffClip.js'

/**
 * Reads a clip: a video (MP4, MOV, WebM, MKV, AVI), an animated GIF, or a folder of images. Frame by frame: what is in
 * memory are the frames at their final size.
 *
 * @throws Text2LiveError INPUT_NOT_FOUND (also for a pipe or device), INPUT_EMPTY (0 bytes), OPTION_INVALID,
 *   CLIP_NOT_VIDEO (no video, or no images in the folder), CLIP_TRUNCATED, CLIP_TOO_LARGE, CLIP_SIZES_DIFFER (images of
 *   a folder), CLIP_CODEC_MISSING, INTERRUPTED; INPUT_TRUNCATED for an image of a folder
 */
export async function readClip(path: string, options: ReadClipOptions = {}): Promise<Clip> {
  checkReadOptions(options)
  const name = `"${path}"`
  let kind: ClipKind
  try {
    const info = await stat(path)
    if (info.isDirectory()) return await readImageFolder(path, options)
    if (!info.isFile()) {
      throw new Text2LiveError(
        'INPUT_NOT_FOUND',
        `Expected a clip, but ${name} is no regular file (a pipe, a device or a socket). Copy what it gives into a file and name that.`,
      )
    }
    if (info.size === 0)
      throw new Text2LiveError(
        'INPUT_EMPTY',
        `${name} is empty (0 bytes). Give a video, an animated GIF, or a folder of images.`,
      )
    kind = await lookAt(path, name, info.size)
  } catch (cause) {
    if (cause instanceof Text2LiveError) throw cause
    const reason = (cause as NodeJS.ErrnoException).code
    const missing = reason === 'ENOENT' || reason === 'ENOTDIR'
    if (missing && /%0?\d*d|[*?]/.test(basename(path))) {
      throw new Text2LiveError(
        'INPUT_NOT_FOUND',
        `Expected a clip, but ${name} is a pattern, not a file. Name the folder that holds the frames: "${dirname(path)}".`,
        { cause },
      )
    }
    throw new Text2LiveError(
      'INPUT_NOT_FOUND',
      `Expected a clip, but ${missing ? `there is no ${name}. ${pathHint(path)}` : `${name} cannot be read (${reason ?? String(cause)}). Check its permissions.`}`,
      { cause },
    )
  }
  if (kind === 'gif') return readGif(path, options)
  if (kind === 'avi') return await readByLibav(path, name, kind, options)
  // Both take a moment, so one is loaded while the other runs.
  const codecs = registerCodecs()
  codecs.catch(() => undefined)
  await checkStructure(path, { frames: options.frames, signal: options.signal })
  await codecs
  const input = new Input({ source: new FilePathSource(path), formats: containerFormats })
  try {
    const track = await input.getPrimaryVideoTrack().catch(() => null)
    // What mediabunny has no name for, libav may read all the same.
    if (track === null ? kind === 'transport' : (await track.getCodec()) === null) {
      const container =
        kind === 'transport' ? 'mpegts' : (await input.getFormat()) instanceof MatroskaInputFormat ? 'matroska' : 'mov'
      const sound = await input.getAudioTracks().catch(() => [])
      const turned = track === null ? {} : { rotation: await track.getRotation(), mirrored: await track.getFlip() }
      return await readByLibav(path, name, container, options, { ...turned, keepsSound: sound.length > 0 })
    }
    return await decodeVideo(input, name, options)
  } finally {
    input.dispose()
  }
}

async function readByLibav(
  path: string,
  name: string,
  container: LibavContainer,
  options: ReadClipOptions,
  {
    keepsSound = false,
    ...turned
  }: { readonly keepsSound?: boolean; readonly rotation?: 0 | 90 | 180 | 270; readonly mirrored?: boolean } = {},
): Promise<Clip> {
  await registerCodecs()
  const { openLibavSource } = await import('./libavSource.js')
  const source = await openLibavSource(path, container).catch((cause: unknown) => {
    if (container !== 'avi') throw damagedVideo(name, 0, cause)
    throw new Text2LiveError(
      'CLIP_NOT_VIDEO',
      `Expected a video, but ${name} looks like AVI and cannot be read (${cause instanceof Error ? cause.message : String(cause)}). ` +
        `If a player shows it, convert it: ${conversion(path)}`,
      { cause },
    )
  })
  if (source === null) {
    throw new Text2LiveError(
      'CLIP_CODEC_MISSING',
      `The video of ${name} is in a codec that cannot be decoded here, or there is none in it. Convert it: ${conversion(path)}`,
    )
  }
  try {
    const clip = await collectFrames({ ...source, ...turned }, name, options)
    const lost =
      source.hasSound && !keepsSound
        ? [
            `The sound of ${name} is left out, since it is not read from such a file. To keep it, convert the clip: ${conversion(path)}`,
          ]
        : []
    return { ...clip, notes: [...clip.notes, ...lost] }
  } finally {
    await source.close()
  }
}

/**
 * Looks at the first and the last bytes.
 * @throws Text2LiveError CLIP_NOT_VIDEO, CLIP_TRUNCATED
 */
async function lookAt(path: string, name: string, size: number): Promise<ClipKind> {
  const file = await open(path, openToRead)
  try {
    const read = async (start: number, length: number) => {
      const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, start)
      return buffer.subarray(0, bytesRead)
    }
    const sniffed = sniffClip(await read(0, sniffedBytes), path)
    if (sniffed.kind === 'refused') {
      throw new Text2LiveError(
        'CLIP_NOT_VIDEO',
        `Expected a video (MP4, MOV, WebM, MKV or AVI), an animated GIF or a folder of images, but ${name} looks like ${sniffed.looksLike}. ${sniffed.wayOut}`,
      )
    }
    const missing = await missingBytes(read, size)
    if (missing > 0) {
      throw new Text2LiveError(
        'CLIP_TRUNCATED',
        `Expected a whole clip, but ${name} is cut short: of ${size + missing} bytes or more there are ${size}. Copy or download it again.`,
      )
    }
    return sniffed.kind
  } finally {
    await file.close()
  }
}
