import { runFiles } from '../../session/runFiles.js'
import type { AnyRunEvent, RunHost } from '../../session/runHost.js'
import type { RunWatch } from './runWatch.js'

/** Tells a watch what the log of a run holds, in order. */
export async function readRunEvents(host: RunHost, run: string, watch: RunWatch): Promise<void> {
  const file = await host.file(run, runFiles.events)
  if (file === null) return
  for (const line of (await file.text()).split('\n')) {
    const event = eventOf(line)
    if (event !== null) watch.take(event)
  }
}

/** A line of a run's own log; null for one that is half written. */
function eventOf(line: string): AnyRunEvent | null {
  try {
    const event: unknown = JSON.parse(line)
    return typeof event === 'object' && event !== null && 'type' in event ? (event as AnyRunEvent) : null
  } catch {
    return null
  }
}
