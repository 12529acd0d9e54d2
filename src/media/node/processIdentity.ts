import { createHash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** One process of one machine. */
export interface ProcessIdentity {
  readonly pid: number
  readonly host: string
  /** Tells it from a later one with the same pid, where the system says. */
  readonly born: string | null
  /**
   * In what its pid counts: the boot of the machine and the namespace of processes, where the system says. Containers
   * and machines may share a name.
   */
  readonly system: string | null
}

export const ownIdentity = (): ProcessIdentity => ({
  pid: process.pid,
  host: hostname(),
  born: statusOf(process.pid)?.born ?? null,
  system: ownSystem,
})

/** The process that this one was made by and works for; null where nobody waits for what it tells. */
export const ownAsker = (): Pick<ProcessIdentity, 'pid' | 'born'> | null =>
  process.connected ? { pid: process.ppid, born: statusOf(process.ppid)?.born ?? null } : null

const ownSystem = ((): string | null => {
  try {
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return null
  }
})()

/** Can this process ask whether that one lives? */
export const isHere = ({ host, system }: Pick<ProcessIdentity, 'host' | 'system'>): boolean =>
  host === hostname() && (system === null || ownSystem === null || system === ownSystem)

/** Whether a process that is here runs. One that ended and that nobody has waited for (a zombie) does not. */
export function isAlive({ pid, born }: Pick<ProcessIdentity, 'pid' | 'born'>): boolean {
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

/** Whether the process of a tag runs; null of another machine, where nobody knows. */
export function isTagAlive(tag: string): boolean | null {
  const [pid, born, host] = tag.split('-')
  if (host !== hostHash(hostname())) return null
  return isAlive({ pid: Number(pid), born: born === 'x' || born === undefined ? null : born })
}

const hostHash = (host: string): string => createHash('sha256').update(host).digest('hex').slice(0, 8)
