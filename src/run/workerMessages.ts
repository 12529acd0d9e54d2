import type { FloatImage } from '../media/image.js'
import type { ErrorCode } from '../errors.js'
import type { StepReport, Trainer, TrainerInput, TrainerNotice, TrainerState } from './trainerContract.js'

/** What the main thread can ask of the training worker, and the answers. */
export interface WorkerCalls {
  open: { argument: TrainerInput; answer: Pick<Trainer, 'step' | 'steps' | 'device'> }
  train: { argument: null; answer: StepReport }
  layer: { argument: null; answer: FloatImage }
  state: { argument: null; answer: TrainerState }
  dispose: { argument: null; answer: null }
}

export type CallName = keyof WorkerCalls

export interface WorkerRequest<Name extends CallName = CallName> {
  readonly id: number
  readonly call: Name
  readonly argument: WorkerCalls[Name]['argument']
}

/** An error as it crosses threads; `code` where it is one of ours. */
export interface WorkerFailure {
  readonly code: ErrorCode | null
  readonly message: string
  readonly stack: string
}

export type WorkerReply =
  | { readonly id: number; readonly answer: WorkerCalls[CallName]['answer'] }
  | { readonly id: number; readonly failure: WorkerFailure }
  | { readonly notice: TrainerNotice }

/** The memory of an answer, to be moved to the other thread instead of copied. */
export function transferables(answer: WorkerCalls[CallName]['answer']): ArrayBuffer[] {
  if (answer === null) return []
  const arrays = 'tensors' in answer ? Object.values(answer.tensors).map(({ data }) => data) : 'data' in answer ? [answer.data] : []
  return [...new Set(arrays.map(({ buffer }) => buffer).filter((buffer) => buffer instanceof ArrayBuffer))]
}
