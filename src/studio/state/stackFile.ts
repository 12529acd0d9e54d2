import { type ErrorCode, Text2LiveError } from '../../errors.js'
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

export type StackReply = { readonly file: Blob } | { readonly code: ErrorCode; readonly message: string }

/** Composes a file of a stack that no run has trained as it stands, in a worker of its own. */
export async function composeStack(file: StackFile, photo: OpenPhoto, layers: readonly StackLayer[]): Promise<Blob> {
  const worker = new Worker(new URL('./stackWorker.ts', import.meta.url), { type: 'module' })
  try {
    const reply = await new Promise<StackReply>((resolve, reject) => {
      worker.addEventListener('message', ({ data }) => resolve(data as StackReply))
      worker.addEventListener('error', ({ message }) => reject(new Error(message)))
      worker.postMessage({ file, photo: { name: photo.name, bytes: photo.bytes }, layers } satisfies StackRequest)
    })
    if ('message' in reply) throw new Text2LiveError(reply.code, reply.message)
    return reply.file
  } finally {
    worker.terminate()
  }
}
