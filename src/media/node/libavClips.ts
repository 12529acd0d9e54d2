import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { ClipCodec, ClipSource } from '../clipCodec.js'
import { canWriteClip, writeClipTo } from '../writeClipTo.js'
import { readClip } from './readClip.js'
import { readClipSound } from './readClipSound.js'
import { registerCodecs } from './registerCodecs.js'

/** Clips by mediabunny with the codecs of libav: files, GIFs, folders of images. */
export const libavClips: ClipCodec = {
  read: (source, options) => withPath(source, (path) => readClip(path, options)),
  readSound: (source, timing, signal) => withPath(source, (path) => readClipSound(path, timing, signal)),
  async canWrite(format, width, height) {
    await registerCodecs()
    return await canWriteClip(format, width, height)
  },
  async write(file, options, sound) {
    await registerCodecs()
    return await writeClipTo(file, options, sound)
  },
}

/** libav opens files: bytes become one for as long as they are read. */
async function withPath<T>(source: ClipSource, read: (path: string) => Promise<T>): Promise<T> {
  if (typeof source === 'string') return await read(source)
  const folder = await mkdtemp(join(tmpdir(), 'text2live-clip-'))
  try {
    const path = join(folder, basename(source.name))
    await writeFile(path, source.bytes)
    return await read(path)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
