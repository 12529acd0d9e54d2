import type { FailedAnswer } from '../../node/failedAnswer.js'
import type { FastSettings } from '../fastSettings.js'
import type { FitPart, PartFrames } from '../fitPart.js'

/** What the thread of a part is started with. */
export interface FitThreadData {
  readonly frames: PartFrames
  readonly settings: FastSettings
  /** Of ONNX Runtime in it. */
  readonly threads: number
}

/** A method of the part, with what it is called with; `visit` without its listener. */
export type FitCall = {
  [Name in Exclude<keyof FitPart, 'isBeside'>]: {
    readonly name: Name
    readonly given: Name extends 'visit' ? FirstThree<Parameters<FitPart['visit']>> : Parameters<FitPart[Name]>
  }
}[Exclude<keyof FitPart, 'isBeside'>]

type FirstThree<List extends readonly unknown[]> = List extends [infer A, infer B, infer C, ...unknown[]]
  ? [A, B, C]
  : never

/** What the thread answers: frames visited as they are, then what the method gave. */
export type FitAnswer =
  { readonly type: 'visited' } | { readonly type: 'done'; readonly result: unknown } | FailedAnswer
