import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Text2LiveError } from '../../errors.js'
import { pixelImage } from '../quantise.js'
import { asidePath } from './asidePath.js'
import { writeError } from './atomicWrite.js'
import { encodePng } from './encodePng.js'
import { syncFolder } from './syncFolder.js'
import { refuseExisting } from './writeClip.js'

/** Frames to write as PNGs, one file each. */
export interface PngSequenceOptions {
  readonly width: number
  readonly height: number
  /** Each `height * width * 3` bytes RGB, or `height * width * 4` bytes straight RGBA. */
  readonly frames: AsyncIterable<Uint8Array> | Iterable<Uint8Array>
  /** Names of the files without their ending, as `Clip.frameNames`. Default: 00000, 00001, ... */
  readonly names?: readonly string[] | undefined
  readonly signal?: AbortSignal | undefined
  /** After each frame: how many were written. */
  readonly onProgress?: ((frame: number) => void) | undefined
}

/**
 * Writes each frame as a PNG in a new folder; aside, then under its name when all are there. Colours under alpha 0 are
 * kept.
 *
 * @returns the names of the files
 * @throws Text2LiveError OUTPUT_EXISTS, OUTPUT_NOT_WRITABLE, DISK_FULL, SHAPE_MISMATCH, INTERRUPTED
 */
export async function writePngSequence(folder: string, options: PngSequenceOptions): Promise<string[]> {
  const { width, height, names, signal } = options
  await refuseExisting(folder)
  const aside = asidePath(folder)
  const files: string[] = []
  try {
    await mkdir(aside)
    for await (const frame of options.frames) {
      if (signal?.aborted)
        throw new Text2LiveError(
          'INTERRUPTED',
          `Stopped after ${files.length} frames were written. The folder was removed.`,
        )
      const stem = names ? names[files.length] : String(files.length).padStart(5, '0')
      if (stem === undefined)
        throw new Text2LiveError(
          'SHAPE_MISMATCH',
          `A sequence of PNGs expected ${names!.length} frames, as there are names, got more.`,
        )
      const channels = frame.length === 4 * width * height ? 4 : 3
      files.push(`${stem}.png`)
      await writeNew(join(aside, `${stem}.png`), await encodePng(pixelImage(width, height, channels, frame)))
      options.onProgress?.(files.length)
    }
    if (names && files.length !== names.length) {
      throw new Text2LiveError(
        'SHAPE_MISMATCH',
        `A sequence of PNGs expected ${names.length} frames, as there are names, got ${files.length}.`,
      )
    }
    await refuseExisting(folder)
    await syncFolder(aside)
    await rename(aside, folder)
    await syncFolder(dirname(folder))
    return files
  } catch (cause) {
    await rm(aside, { recursive: true, force: true }).catch(() => undefined)
    throw writeError(folder, cause)
  }
}

/** A file that is on the disk before its folder gets its name. */
async function writeNew(path: string, data: Uint8Array): Promise<void> {
  const file = await open(path, 'wx')
  try {
    await file.writeFile(data)
    await file.sync()
  } finally {
    await file.close()
  }
}
