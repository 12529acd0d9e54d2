import type { FloatImage } from '../media/image.js'
import type { ErrorCode } from '../errors.js'
import type { StepReport, Trainer, TrainerInput, TrainerNotice, TrainerState } from '../session/trainerContract.js'

/** What the main process can ask of the training process, and the answers. */
export interface WorkerCalls {
  open: { argument: TrainerInput; answer: Pick<Trainer, 'step' | 'steps' | 'device'> & { readonly learned: boolean } }
  /** `memory`: resident memory of the training process, bytes. */
  train: { argument: null; answer: StepReport & { readonly memory: number } }
  layer: { argument: null; answer: FloatImage }
  state: { argument: null; answer: TrainerState }
  setMask: { argument: FloatImage | null; answer: null }
  dispose: { argument: null; answer: null }
}

export type CallName = keyof WorkerCalls

export interface WorkerRequest<Name extends CallName = CallName> {
  readonly id: number
  readonly call: Name
  readonly argument: WorkerCalls[Name]['argument']
}

/** An error as it crosses threads and processes; `code` where it is one of ours. */
export interface WorkerFailure {
  readonly code: ErrorCode | null
  readonly message: string
  readonly stack: string
}

export type WorkerReply =
  | { readonly id: number; readonly answer: WorkerCalls[CallName]['answer'] }
  | { readonly id: number; readonly failure: WorkerFailure }
  | { readonly notice: TrainerNotice }
