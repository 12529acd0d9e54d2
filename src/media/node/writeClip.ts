import { access, copyFile, constants, link, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Text2LiveError } from '../../errors.js'
import type { EncodeOptions, WrittenClip } from '../encodeVideo.js'
import type { Sound } from '../sound.js'
import { writeClipTo } from '../writeClipTo.js'
import { asidePath } from './asidePath.js'
import { writeError } from './atomicWrite.js'
import { newFile } from './newFile.js'
import { readClipSound } from './readClipSound.js'
import { registerCodecs } from './registerCodecs.js'
import { syncFolder } from './syncFolder.js'

/** What a clip file is written of. */
export interface WriteClipOptions extends EncodeOptions {
  /**
   * A file whose sound is carried over, packet by packet, see `readClipSound`; or what that read, where more than one
   * clip gets it.
   */
  readonly audioFrom?: string | Sound | undefined
}

/**
 * Writes a clip, see `encodeVideo`: aside, then under its name when it is whole. On failure nothing is left; a file of
 * that name is never overwritten.
 *
 * @throws Text2LiveError OUTPUT_EXISTS, OUTPUT_NOT_WRITABLE, DISK_FULL, SHAPE_MISMATCH, CLIP_CODEC_MISSING, INTERRUPTED
 */
export async function writeClip(path: string, options: WriteClipOptions): Promise<WrittenClip> {
  await refuseExisting(path)
  await registerCodecs()
  const temporary = asidePath(path)
  const { audioFrom, timing, signal } = options
  try {
    const sound = typeof audioFrom === 'string' ? await readClipSound(audioFrom, timing, signal) : audioFrom
    const file = await newFile(temporary)
    let written: WrittenClip
    try {
      written = await writeClipTo(file, options, sound)
    } finally {
      await file.close()
    }
    await nameExclusively(temporary, path)
    await syncFolder(dirname(path))
    return written
  } catch (cause) {
    throw writeError(path, cause)
  } finally {
    await rm(temporary, { force: true }).catch(() => undefined)
  }
}

/** @throws Text2LiveError OUTPUT_EXISTS */
export async function refuseExisting(path: string): Promise<void> {
  if (
    await access(path).then(
      () => true,
      () => false,
    )
  )
    throw existing(path)
}

/** What file systems without hard links (FAT, some network drives) answer. */
const noLinks = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

/** Unlike a rename, a link fails where the name is taken. */
async function nameExclusively(temporary: string, path: string): Promise<void> {
  try {
    await link(temporary, path).catch((error: unknown) => {
      if (noLinks.has((error as NodeJS.ErrnoException).code ?? ''))
        return copyFile(temporary, path, constants.COPYFILE_EXCL)
      throw error
    })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw existing(path)
    throw error
  }
}

const existing = (path: string) =>
  new Text2LiveError(
    'OUTPUT_EXISTS',
    `"${path}" exists already and is not overwritten. Choose another name, or move it away.`,
  )
