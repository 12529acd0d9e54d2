import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'

/** One process of one machine. `born` tells it from a later one with the same pid, where the system says. */
export interface ProcessIdentity {
  readonly pid: number
  readonly host: string
  readonly born: string | null
}

export const ownIdentity = (): ProcessIdentity => ({
  pid: process.pid,
  host: hostname(),
  born: statusOf(process.pid)?.born ?? null,
})

/**
 * A process on another machine cannot be asked; it counts as alive. One that ended and that nobody has waited for (a
 * zombie) is not.
 */
export function isAlive({ pid, host, born }: ProcessIdentity): boolean {
  if (host !== hostname()) return true
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const status = statusOf(pid)
  if (status !== null && (status.state === 'Z' || status.state === 'X')) return false
  return born === null || status === null || status.born === born
}

/**
 * The state of a process and when it started, in clock ticks since boot (fields 3 and 22 of /proc/<pid>/stat); null
 * where there is no /proc.
 */
function statusOf(pid: number): { readonly state: string; readonly born: string | null } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { state: fields[0] ?? '', born: fields[19] ?? null }
  } catch {
    return null
  }
}

/**
 * A process in the name of a file: letters and digits. Its machine is told by a hash, as its name may hold anything.
 */
export const identityTag = ({ pid, host, born }: ProcessIdentity): string => `${pid}-${born ?? 'x'}-${hostHash(host)}`

/** What matches a tag, for a larger expression: one group. */
export const tagPattern = String.raw`(\d+-(?:\d+|x)-[0-9a-f]{8})`

/** Does the process of a tag run no more? Of another machine nobody knows, so it counts as running. */
export function isTagDead(tag: string): boolean {
  const [pid, born, host] = tag.split('-')
  return (
    host === hostHash(hostname()) &&
    !isAlive({ pid: Number(pid), host: hostname(), born: born === 'x' || born === undefined ? null : born })
  )
}

const hostHash = (host: string): string => createHash('sha256').update(host).digest('hex').slice(0, 8)
