// The resident memory of a process and of those it made, sampled while they run; on Linux, where /proc tells it.
import { readdirSync, readFileSync } from 'node:fs'

const interval = 50

/**
 * @param {number} pid
 * @returns {{ now(): { own: number, together: number }, peak: { own: number, together: number }, stop(): void }} bytes,
 *   at this moment and at their largest; 0 where nothing tells them
 */
export function watchMemory(pid) {
  const peak = { own: 0, together: 0 }
  const now = () => {
    const own = residentBytes(pid)
    const together = own + descendants(pid).reduce((sum, child) => sum + residentBytes(child), 0)
    peak.own = Math.max(peak.own, own)
    peak.together = Math.max(peak.together, together)
    return { own, together }
  }
  const timer = setInterval(now, interval)
  return { now, peak, stop: () => clearInterval(timer) }
}

function residentBytes(pid) {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) * 1024
}

/** The processes that a process made and that still run, and those that they made. */
export function descendants(pid) {
  try {
    const own = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      read(`/proc/${pid}/task/${task}/children`).split(' ').filter(Boolean).map(Number),
    )
    return [...own, ...own.flatMap(descendants)]
  } catch {
    return []
  }
}

/** A file of /proc; empty where its process has ended between two looks. */
export function read(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
