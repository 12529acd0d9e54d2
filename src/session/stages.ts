import type { LayerName } from '../atlas/layeredAtlas.js'
import type { ProgressEvent, StageDoneEvent, StageStartEvent } from './events.js'
import type { RunMachine } from './runMachine.js'

/** How far a stage is. */
export type StageReport = (done: number, total: number, detail?: Readonly<Record<string, number>>) => void

/** Passes events on and remembers them, for the log of a run that is not there yet. */
export function remembering<Event>(emit: (event: Event) => void): {
  readonly events: readonly Event[]
  readonly emit: (event: Event) => void
} {
  const events: Event[] = []
  return {
    events,
    emit(event) {
      events.push(event)
      emit(event)
    },
  }
}

/** Milliseconds between two progress events. */
const reportInterval = 500

/** Tells the progress of a stage about twice a second, and its end. */
export function stageReport<Stage extends string>(
  stage: Stage,
  emit: (event: ProgressEvent<Stage>) => void,
): StageReport {
  let first: { readonly done: number; readonly at: number } | null = null
  let told = -Infinity
  return (done, total, detail) => {
    const at = performance.now()
    first ??= { done, at }
    if (at - told < reportInterval && done < total) return
    told = at
    const secondsLeft = done > first.done ? ((at - first.at) / 1000 / (done - first.done)) * (total - done) : null
    emit({ type: 'progress', stage, done, total, secondsLeft, ...(detail === undefined ? {} : { detail }) })
  }
}

/**
 * Does the work of one stage, and tells its beginning, its end and what it took.
 * @param keep takes what is told of a stage that failed: the log alone, since the error tells the outside
 */
export async function inStage<Stage extends string, T>(
  of: { readonly stage: Stage; readonly layer?: LayerName },
  machine: Pick<RunMachine, 'memory' | 'highestMemory'>,
  emit: (event: StageStartEvent<Stage> | StageDoneEvent<Stage>) => void,
  work: () => Promise<T>,
  keep: (event: StageDoneEvent<Stage>) => void = () => undefined,
): Promise<T> {
  emit({ type: 'stage-start', ...of })
  const meter = startMeter(machine)
  let result: T
  try {
    result = await work()
  } catch (error) {
    keep({ type: 'stage-done', ...of, ...meter.stop(), stopped: true })
    throw error
  }
  emit({ type: 'stage-done', ...of, ...meter.stop() })
  return result
}

/** Milliseconds between two looks at the memory. */
const meterInterval = 250

/**
 * Measures until it is stopped. The system counts the highest memory of the whole process; where a stage raises that,
 * the count is exact, else the highest sample stands.
 */
function startMeter({ memory, highestMemory }: Pick<RunMachine, 'memory' | 'highestMemory'>): {
  stop(): Pick<StageDoneEvent<string>, 'seconds' | 'peakMemory'>
} {
  const started = performance.now()
  const seconds = (): number => (performance.now() - started) / 1000
  if (memory === undefined) return { stop: () => ({ seconds: seconds() }) }
  const before = highestMemory?.() ?? 0
  let peak = memory()
  const timer = setInterval(() => {
    peak = Math.max(peak, memory())
  }, meterInterval)
  return {
    stop() {
      clearInterval(timer)
      const after = highestMemory?.() ?? 0
      return { seconds: seconds(), peakMemory: after > before ? after : Math.max(peak, memory()) }
    },
  }
}
