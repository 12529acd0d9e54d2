import { fileURLToPath } from 'node:url'
import { type LearnedStart, loadStart } from '../learnedStart.js'
import { loadOutline, type OutlineModel } from '../outline.js'
import type { FileSource } from '../fileSource.js'
import { folderSource } from './folderSource.js'

const bundled = (name: string): Promise<FileSource> => folderSource(fileURLToPath(new URL(`../../../models/${name}`, import.meta.url)))

/** The outline network that the package carries. @throws GUIDANCE_INVALID, SAFETENSORS_INVALID for missing or damaged files */
export const openOutlineModel = async (): Promise<OutlineModel> => await loadOutline(await bundled('outline'))

/** The generator's first weights that the package carries. @throws as `openOutlineModel` */
export const openLearnedStart = async (): Promise<LearnedStart> => await loadStart(await bundled('start'))
