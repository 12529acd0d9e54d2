import { fileURLToPath } from 'node:url'
import type { FileSource } from '../fileSource.js'
import { folderSource } from './folderSource.js'

/** A model's folder in the package. */
export const bundledSource = (name: 'outline' | 'start'): Promise<FileSource> =>
  folderSource(fileURLToPath(new URL(`../../../models/${name}`, import.meta.url)))
