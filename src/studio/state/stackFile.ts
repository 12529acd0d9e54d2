import { askWorker } from '../parts/askWorker.js'
import type { OpenPhoto } from './openPhoto.js'

/** Files of a stack, by what they are; a run's own file has the same name. */
export const stackFiles = {
  composite: 'composite.png',
  edit: 'edit.png',
  psd: 'layers.psd',
  ora: 'layers.ora',
} as const

export type StackFile = keyof typeof stackFiles

/** An edit as it stands in a stack. */
export interface StackLayer {
  readonly name: string
  /** [0, 1] */
  readonly opacity: number
  /** Its `edit.png`. */
  readonly png: Uint8Array
}

/** What the worker that composes is given. */
export interface StackRequest {
  readonly file: StackFile
  readonly photo: Pick<OpenPhoto, 'name' | 'bytes'>
  /** Bottom to top. */
  readonly layers: readonly StackLayer[]
}

/** Composes a file of a stack that no run has trained as it stands, in a worker of its own. */
export async function composeStack(file: StackFile, photo: OpenPhoto, layers: readonly StackLayer[]): Promise<Blob> {
  const worker = new Worker(new URL('./stackWorker.ts', import.meta.url), { type: 'module' })
  const request: StackRequest = { file, photo: { name: photo.name, bytes: photo.bytes }, layers }
  return await askWorker<Blob>(worker, request)
}
