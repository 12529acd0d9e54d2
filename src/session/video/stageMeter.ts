import type { ClipMachine } from './clipMachine.js'

/** What a stage took: seconds, and the highest resident memory of the process meanwhile, where the machine tells. */
interface StageCost {
  readonly seconds: number
  readonly peakMemory?: number
}

/** Measures one stage, until it is stopped. */
export interface StageMeter {
  stop(): StageCost
}

/** Milliseconds between two looks at the memory. */
const interval = 250

/**
 * The system counts the highest memory of the whole process; where a stage raises that, the count is exact, else the
 * highest sample stands.
 */
export function startStageMeter({ memory, highestMemory }: Pick<ClipMachine, 'memory' | 'highestMemory'>): StageMeter {
  const started = performance.now()
  const seconds = (): number => (performance.now() - started) / 1000
  if (memory === undefined) return { stop: () => ({ seconds: seconds() }) }
  const before = highestMemory?.() ?? 0
  let peak = memory()
  const timer = setInterval(() => {
    peak = Math.max(peak, memory())
  }, interval)
  return {
    stop() {
      clearInterval(timer)
      const after = highestMemory?.() ?? 0
      return { seconds: seconds(), peakMemory: after > before ? after : Math.max(peak, memory()) }
    },
  }
}
