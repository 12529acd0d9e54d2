import { type ErrorCode, Text2LiveError } from '../../errors.js'

/** What a thread answers where it failed. */
export interface FailedAnswer {
  readonly type: 'failed'
  readonly code: ErrorCode | null
  readonly message: string
}

export function failedAnswer(error: unknown): FailedAnswer {
  const message = error instanceof Error ? error.message : String(error)
  return { type: 'failed', code: error instanceof Text2LiveError ? error.code : null, message }
}

/** The error, in the thread that asked. */
export const failureIn = ({ code, message }: FailedAnswer): Error =>
  code === null ? new Error(message) : new Text2LiveError(code, message)
