import { realpath, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { openPublishedAtlas } from '../../atlas/neural/openPublishedAtlas.js'
import type { Runtime } from '../../engine/runtime.js'
import { Text2LiveError } from '../../errors.js'
import { folderSource } from '../../models/node/folderSource.js'
import type { VideoSettings } from '../../options/videoOptions.js'
import { pathHint } from '../../pathHint.js'
import { assertAtlasFits, readAtlasFile } from '../../session/video/atlasFile.js'
import type { OpenedAtlas } from '../../session/video/atlasStage.js'
import { videoFiles } from '../../session/video/videoFiles.js'
import type { VideoInput } from '../../session/video/videoInput.js'
import { lookIn } from '../runFolder.js'

/**
 * An atlas by path: a run folder or one of `text2live atlas fit`, a file `atlas.safetensors`, a folder with a published
 * `checkpoint` and `config.json`, or that checkpoint.
 * @throws INPUT_NOT_FOUND, ATLAS_*, PICKLE_UNSAFE, PYTORCH_FILE_INVALID, CONFIG_INVALID
 */
export async function openAtlas(
  { atlas: path, atlasSize, atlasSampling }: Pick<VideoSettings, 'atlas' | 'atlasSize' | 'atlasSampling'>,
  frames: VideoInput['frames'],
  runtime: Runtime,
): Promise<OpenedAtlas> {
  const found = await stat(path).catch(() => null)
  if (found === null) {
    throw new Text2LiveError(
      'INPUT_NOT_FOUND',
      `--atlas takes fast, neural, or the path of an atlas: a run folder, or a published checkpoint; there is nothing at "${path}". ${pathHint(path)}`,
    )
  }
  const file = found.isDirectory() ? join(path, videoFiles.atlas) : await realpath(path)
  const own = await readAtlasFile(lookIn(dirname(file)), basename(file), runtime).catch((error: unknown) => {
    // A file that is no safetensors may be a published checkpoint.
    if (!found.isDirectory() && error instanceof Text2LiveError && error.code === 'SAFETENSORS_INVALID') return null
    throw error
  })
  if (own !== null) {
    assertAtlasFits(own.atlas, frames, path)
    return own
  }
  const source = await folderSource(found.isDirectory() ? path : dirname(path))
  const checkpoint = found.isDirectory() ? 'checkpoint' : basename(path)
  const atlas = await openPublishedAtlas(source, {
    runtime,
    frames,
    behaviour: atlasSampling,
    resolution: atlasSize,
    files: { checkpoint, config: 'config.json' },
  })
  return { atlas, clip: null }
}
