import { readdirSync, readlinkSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import { Text2LiveError } from '../../errors.js'

const variable = 'ORT_DISABLE_TELEMETRY'

/** What ONNX Runtime takes for "disable". */
const disables = (value: string | undefined): boolean => /^\s*(1|true|yes|on|y)\s*$/i.test(value ?? '')

/**
 * Sees to it that ONNX Runtime sends nothing. Since version 1.29 it would otherwise, on Linux and macOS, read the
 * command line (and end the process where that is longer than its stack), keep a device ID and a store of events in the
 * user's cache folder, and connect to a collector of its maker. It looks at `ORT_DISABLE_TELEMETRY` when the process
 * creates its first session, with `getenv`. The main thread sets it, whatever it was; a worker's `process.env` is a
 * copy that native code never sees, so a worker can only prove that it is set. Windows' build has no uploader.
 *
 * @throws Text2LiveError TELEMETRY_ON where it is not set and cannot be, or comes too late
 */
export function silenceTelemetry(): void {
  if (silent || process.platform === 'win32') return
  // In a worker, this reaches the process only if the worker was started with SHARE_ENV.
  if (!disables(nativeValue())) process.env[variable] = '1'
  if (!disables(nativeValue())) {
    throw new Text2LiveError(
      'TELEMETRY_ON',
      `ONNX Runtime sends telemetry unless ${variable}=1 is set in the environment of the process, and a worker thread cannot set it. ` +
        `Start the program with ${variable}=1, or import text2live (or set process.env.${variable} = '1') on its main thread first.`,
    )
  }
  if (telemetryRuns()) {
    throw new Text2LiveError(
      'TELEMETRY_ON',
      'This process has used ONNX Runtime with its telemetry on before text2live could turn it off. ' +
        `Start the program with ${variable}=1, or import text2live before its first session of ONNX Runtime.`,
    )
  }
  silent = true
}

let silent = false

// At once, so that a program that imports this on its main thread may use it in its own workers too.
if (isMainThread) process.env[variable] = '1'

/** The variable as native code sees it. */
function nativeValue(): string | undefined {
  if (isMainThread) return process.env[variable]
  // The types promise a report; runtimes that are not quite Node have none.
  const report = process.report as
    (NodeJS.ProcessReport & { excludeNetwork?: boolean; excludeEnv?: boolean }) | undefined
  if (report === undefined) return undefined
  const { excludeNetwork, excludeEnv } = report
  try {
    // With its network part a report looks up the names of the hosts that the thread is connected to.
    report.excludeNetwork = true
    report.excludeEnv = false
    return (report.getReport() as { environmentVariables?: Record<string, string> }).environmentVariables?.[variable]
  } finally {
    if (excludeNetwork !== undefined) report.excludeNetwork = excludeNetwork
    if (excludeEnv !== undefined) report.excludeEnv = excludeEnv
  }
}

/** Whether another part of the program has begun to collect: its store of events is open. Only Linux tells. */
function telemetryRuns(): boolean {
  if (process.platform !== 'linux') return false
  try {
    return readdirSync('/proc/self/fd').some((fd) =>
      linkOf(`/proc/self/fd/${fd}`).includes('/.onnxruntime/onnxruntime.db'),
    )
  } catch {
    return false
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return '' // closed meanwhile
  }
}
