import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { silenceTelemetry } from '../engine/node/silenceTelemetry.js'
import { Text2LiveError } from '../errors.js'
import { inheritedFlags } from './inheritedFlags.js'

/**
 * glibc keeps what a step frees for the next step, instead of giving each large tensor back to the system, which has to
 * clear it when it is asked for again (bench/memory.mjs). And it keeps it in one place for all threads: with a place
 * for each, what one of them freed is of no use to the others. Other C libraries do not read these.
 */
const HEAP = {
  MALLOC_MMAP_THRESHOLD_: '4294967296',
  MALLOC_TRIM_THRESHOLD_: '8589934592',
  MALLOC_ARENA_MAX: '1',
} as const

/**
 * What a process that trains finds in its environment besides this one's. What whoever started this process says of
 * glibc's memory goes before.
 */
export function heapOf(environment: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  const isSaid = Object.keys(environment).some((name) => name.startsWith('MALLOC_') || name === 'GLIBC_TUNABLES')
  return isSaid ? {} : HEAP
}

/**
 * A process of this program beside this one, to talk with by messages.
 * @param script its file, as a URL
 * @param words what it is started with
 * @param environment variables that it has besides those of this one
 */
export function forkProcess(
  script: URL,
  words: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): ChildProcess {
  silenceTelemetry()
  return fork(fileURLToPath(script), words, {
    serialization: 'advanced',
    env: { ...heapOf(process.env), ...process.env, ...environment },
    // A group of its own: Ctrl-C reaches this process alone, which lets the step at hand end.
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: inheritedFlags(process.execArgv),
  })
}

/** @param what it did: "that looked for the words" */
export function endedByItself(what: string, code: number | null, signal: NodeJS.Signals | null): Text2LiveError {
  if (signal === 'SIGKILL')
    return new Text2LiveError(
      'OUT_OF_MEMORY',
      `The process ${what} was killed (SIGKILL), as the system does where memory runs out. Use a smaller --size or a smaller photo.`,
    )
  return new Text2LiveError(
    'DEVICE_FAILED',
    `The process ${what} ended by itself (${signal ?? `exit code ${code}`}). Try again, or with another --device.`,
  )
}
