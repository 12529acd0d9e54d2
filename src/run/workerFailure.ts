import { type ErrorCode, Text2LiveError } from '../errors.js'

/** An error as it crosses threads and processes; `code` where it is one of ours. */
export interface WorkerFailure {
  readonly code: ErrorCode | null
  readonly message: string
  readonly stack: string
}

export function failureOf(error: unknown): WorkerFailure {
  const { message, stack = '' } = error instanceof Error ? error : new Error(String(error))
  return { code: error instanceof Text2LiveError ? error.code : null, message, stack }
}

/** An error of a worker with its code; ONNX Runtime's allocation failures get one. */
export function reviveFailure({ code, message, stack }: WorkerFailure): Error {
  const cause = Object.assign(new Error(message), { stack })
  if (code !== null) return new Text2LiveError(code, message, { cause })
  if (/bad_alloc|failed to allocate|out of memory|bfc_arena|array buffer allocation failed/i.test(message))
    return outOfMemory(message, cause)
  return new Text2LiveError(
    'INTERNAL',
    `Training stopped with an unexpected error: ${message}. Set TEXT2LIVE_DEBUG=1 to see where.`,
    { cause },
  )
}

const outOfMemory = (message: string, cause: unknown): Text2LiveError =>
  new Text2LiveError(
    'OUT_OF_MEMORY',
    `There is not enough memory for this run: ${message}. Use a smaller --size or fewer --views.`,
    { cause },
  )
