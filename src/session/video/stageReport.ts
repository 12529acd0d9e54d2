import type { ProgressEvent, StageName } from '../videoEvents.js'

/** How far a stage is. */
export type StageReport = (done: number, total: number, detail?: Readonly<Record<string, number>>) => void

/** Milliseconds between two progress events. */
const interval = 500

/** Tells the progress of a stage about twice a second, and its end. */
export function stageReport(stage: StageName, emit: (event: ProgressEvent) => void): StageReport {
  let first: { readonly done: number; readonly at: number } | null = null
  let told = -Infinity
  return (done, total, detail) => {
    const at = performance.now()
    first ??= { done, at }
    if (at - told < interval && done < total) return
    told = at
    const secondsLeft = done > first.done ? ((at - first.at) / 1000 / (done - first.done)) * (total - done) : null
    emit({ type: 'progress', stage, done, total, secondsLeft, ...(detail === undefined ? {} : { detail }) })
  }
}
