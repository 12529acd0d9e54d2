import { fileURLToPath } from 'node:url'
import { loadOutline, type OutlineModel } from '../outline.js'
import type { FileSource } from '../fileSource.js'
import { folderSource } from './folderSource.js'

/** A model's folder in the package. */
export const bundledSource = (name: 'outline' | 'start'): Promise<FileSource> =>
  folderSource(fileURLToPath(new URL(`../../../models/${name}`, import.meta.url)))

/**
 * The outline network that the package carries. @throws GUIDANCE_INVALID, SAFETENSORS_INVALID for missing or damaged
 * files
 */
export const openOutlineModel = async (): Promise<OutlineModel> => await loadOutline(await bundledSource('outline'))
