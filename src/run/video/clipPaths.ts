import { readdir, stat } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { Text2LiveError } from '../../errors.js'
import { clipName } from '../../media/clipCodec.js'
import type { VideoSettings } from '../../options/videoOptions.js'
import { pathHint } from '../../pathHint.js'
import { finderOf } from '../../session/video/clipJob.js'
import { inOrder, isMaskName, type MaskFiles } from '../../session/video/readFrameMasks.js'
import { type ClipFinder, keptInput, type KeptInput, type VideoInput } from '../../session/video/videoInput.js'
import { checkFolder, pathInside } from '../checkFolder.js'

/** Finds the files of a job, and what paths name. */
export function finderAt(job: Parameters<typeof finderOf>[0]): ClipFinder {
  const own = finderOf(job)
  const isPath = job.object === null || typeof job.object === 'string'
  return { ...own, masks: isPath ? masksAt : (name) => own.masks(name) }
}

/** Finds what paths name. */
export const atPaths = finderAt({ clip: null, object: null, mask: null })

/** Finds the files of a run folder, which may come from anybody. @throws RUN_INVALID for what leads out of it */
export function inFolder(folder: string): ClipFinder {
  return {
    clip(name) {
      checkFolder(folder)
      return pathInside(folder, name, 'clip')
    },
    masks: (name) => masksAt(pathInside(folder, name, 'object')),
    mask: (name) => pathInside(folder, name, 'mask'),
  }
}

async function masksAt(path: string): Promise<MaskFiles> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new Text2LiveError(
      'INPUT_NOT_FOUND',
      `Expected a mask or a folder of masks at "${path}" (--object), and there is nothing. ${pathHint(path)}`,
      { cause },
    )
  })
  if (!found.isDirectory()) return { name: path, isFolder: false, files: [{ name: basename(path), source: path }] }
  const names = inOrder((await readdir(path)).filter(isMaskName))
  return { name: path, isFolder: true, files: names.map((name) => ({ name, source: join(path, name) })) }
}

/** What a run folder keeps of its input; of a folder of images, those that are used. */
export async function keptPaths(settings: VideoSettings, input: VideoInput, find: ClipFinder): Promise<KeptInput> {
  const kept = await keptInput(settings, input, find)
  if (input.clip.kind !== 'folder') return kept
  const folder = clipName(input.source)
  const { [kept.settings.clip!]: _, ...files } = kept.files
  const used = new Set(input.clip.frameNames)
  const images = (await readdir(folder)).filter((file) => used.has(basename(file, extname(file))))
  return {
    files: { ...files, ...Object.fromEntries(images.map((file) => [`clip/${file}`, join(folder, file)])) },
    settings: { ...kept.settings, clip: 'clip' },
  }
}
