import { createRequire } from 'node:module'
import type * as onnxRuntime from 'onnxruntime-node'
import { Text2LiveError } from '../../errors.js'
import { silenceTelemetry } from './silenceTelemetry.js'

const require = createRequire(import.meta.url)

/**
 * `onnxruntime-node`, with its telemetry off. It is loaded here and nowhere else: where its library is missing, that is
 * an error of what needs it, not of whoever imports us.
 *
 * @throws Text2LiveError TELEMETRY_ON, DEPENDENCY_MISSING
 */
export function loadOnnxRuntime(): typeof onnxRuntime {
  silenceTelemetry()
  try {
    return require('onnxruntime-node') as typeof onnxRuntime
  } catch (cause) {
    throw new Text2LiveError(
      'DEPENDENCY_MISSING',
      `ONNX Runtime, the package onnxruntime-node, is not there or does not load on this system (${process.platform}-${process.arch}): ` +
        `${reason(cause)}. Install again: it has libraries for Linux with glibc (x64, arm64), macOS (arm64) and Windows (x64, arm64). ` +
        'On another system, text2live/core runs with onnxruntime-web.',
      { cause },
    )
  }
}

function reason(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause)
  return (text.split('\n')[0] ?? '').replace(/\.$/, '')
}
