/** Measures one stage: seconds, and the highest resident memory of the process. */
export interface StageMeter {
  stop(): { readonly seconds: number; readonly peakMemory: number }
}

/** Milliseconds between two looks at the memory. */
const interval = 250

/**
 * The system counts the highest memory of the whole process; where a stage raises that, the count is exact, else the
 * highest sample stands.
 */
export function startStageMeter(): StageMeter {
  const started = performance.now()
  const highest = (): number => process.resourceUsage().maxRSS * 1024
  const before = highest()
  let peak = process.memoryUsage.rss()
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss())
  }, interval)
  timer.unref()
  return {
    stop() {
      clearInterval(timer)
      const after = highest()
      const peakMemory = after > before ? after : Math.max(peak, process.memoryUsage.rss())
      return { seconds: (performance.now() - started) / 1000, peakMemory }
    },
  }
}
