import { printable } from './printable.js'

/**
 * Every error a person can cause or meet. `code` is stable and upper-case; the message says what was expected, what
 * came and what to do; it never holds a control character, wherever its words came from, and is bounded in length. The
 * command prints it without a stack trace and exits with `exitStatus`.
 */
export class Text2LiveError extends Error {
  override readonly name = 'Text2LiveError'
  readonly code: ErrorCode
  readonly exitStatus: ExitStatus

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; exitStatus?: ExitStatus } = {}) {
    super(printable(message), options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.exitStatus = options.exitStatus ?? exitStatuses[code]
  }
}

/**
 * 2: input or usage; 1: failed while running; 130: interrupted, by Ctrl-C; 129, 141, 143: by a hang-up, by the end of
 * who reads the output, by SIGTERM.
 */
export type ExitStatus = 1 | 2 | 129 | 130 | 141 | 143

/** One row per code: the exit status it ends the command with. */
const exitStatuses = {
  INPUT_NOT_FOUND: 2,
  INPUT_NOT_IMAGE: 2,
  INPUT_EMPTY: 2,
  INPUT_TRUNCATED: 2,
  INPUT_TOO_SMALL: 2,
  INPUT_TOO_LARGE: 2,
  INPUT_BLANK: 2,
  LAYER_UNSUPPORTED: 2,
  MASK_INVALID: 2,
  POINT_INVALID: 2,
  OBJECT_NOT_FOUND: 2,
  CLIP_NOT_VIDEO: 2,
  CLIP_TRUNCATED: 2,
  CLIP_TOO_SHORT: 2,
  CLIP_TOO_LARGE: 2,
  CLIP_SIZES_DIFFER: 2,
  CLIP_STILL: 2,
  CLIP_CUT: 2,
  CLIP_CODEC_MISSING: 2,
  PROMPT_EMPTY: 2,
  PROMPT_TOO_LONG: 2,
  PROMPT_NOT_UNDERSTOOD: 2,
  OPTION_UNKNOWN: 2,
  OPTION_INVALID: 2,
  COMMAND_UNKNOWN: 2,
  CONFIG_INVALID: 2,
  CONFIG_UNKNOWN_KEY: 2,
  LIST_INVALID: 2,
  OUTPUT_EXISTS: 2,
  OUTPUT_NOT_WRITABLE: 2,
  RUN_NOT_FOUND: 2,
  RUN_INVALID: 2,
  RUN_LOCKED: 2,
  CHECKPOINT_INVALID: 2,
  CHECKPOINT_MISMATCH: 2,
  SAFETENSORS_INVALID: 2,
  PYTORCH_FILE_INVALID: 2,
  PICKLE_UNSAFE: 2,
  GUIDANCE_NOT_FOUND: 2,
  GUIDANCE_INVALID: 2,
  GUIDANCE_INCAPABLE: 2,
  GUIDANCE_NOT_REGISTERED: 2,
  PRECISION_UNAVAILABLE: 2,
  MODEL_UNKNOWN: 2,
  MODEL_NOT_CACHED: 2,
  MODEL_OFFLINE: 1,
  MODEL_DAMAGED: 1,
  DOWNLOAD_FAILED: 1,
  ATLAS_INVALID: 2,
  ATLAS_MISMATCH: 2,
  ATLAS_EMPTY: 2,
  DEVICE_UNAVAILABLE: 2,
  DEPENDENCY_MISSING: 2,
  TELEMETRY_ON: 2,
  SHAPE_MISMATCH: 1,
  GRAPH_INVALID: 1,
  LEASE_LOST: 1,
  DISK_FULL: 1,
  OUT_OF_MEMORY: 1,
  LOSS_NOT_FINITE: 1,
  DEVICE_FAILED: 1,
  ADDRESS_UNAVAILABLE: 2,
  TOKEN_NEEDED: 2,
  TOKEN_INVALID: 2,
  REQUEST_REFUSED: 2,
  REQUEST_INVALID: 2,
  REQUEST_TOO_LARGE: 2,
  FILE_NOT_FOUND: 2,
  QUEUE_UNREACHABLE: 1,
  QUEUE_REFUSED: 2,
  QUEUE_UNSUPPORTED: 2,
  QUEUE_FOREIGN: 2,
  QUEUE_VERSION: 2,
  QUEUE_JOB_INVALID: 1,
  STORE_NOT_FOUND: 2,
  STORE_REFUSED: 2,
  STORE_UNREACHABLE: 1,
  STORE_DAMAGED: 1,
  STORE_MISMATCH: 2,
  JOB_CANCELLED: 1,
  JOB_STALLED: 1,
  SERVER_BUSY: 1,
  SERVER_UNREACHABLE: 1,
  INTERNAL: 1,
  INTERRUPTED: 130,
} as const satisfies Record<string, 1 | 2 | 130>

/** Code of an error; docs/errors.md says what each means and what to do. */
export type ErrorCode = keyof typeof exitStatuses

/** Is it a code of ours? For what comes over a wire. */
export const isErrorCode = (code: unknown): code is ErrorCode =>
  typeof code === 'string' && Object.hasOwn(exitStatuses, code)
