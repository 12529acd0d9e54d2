import type { ErrorCode, Text2LiveError } from '../errors.js'

const statuses: Partial<Record<ErrorCode, 400 | 401 | 403 | 404 | 409 | 413 | 503 | 507>> = {
  REQUEST_INVALID: 400,
  TOKEN_INVALID: 401,
  REQUEST_REFUSED: 403,
  RUN_NOT_FOUND: 404,
  FILE_NOT_FOUND: 404,
  RUN_LOCKED: 409,
  LEASE_LOST: 409,
  OUTPUT_EXISTS: 409,
  REQUEST_TOO_LARGE: 413,
  INPUT_TOO_LARGE: 413,
  SERVER_BUSY: 503,
  INTERRUPTED: 503,
  QUEUE_UNREACHABLE: 503,
  STORE_UNREACHABLE: 503,
  DISK_FULL: 507,
}

/**
 * The HTTP status of an error: what the sender got wrong is 4xx, 422 where the request was whole but cannot be done.
 */
export const httpStatus = ({
  code,
  exitStatus,
}: Text2LiveError): 400 | 401 | 403 | 404 | 409 | 413 | 422 | 500 | 503 | 507 =>
  statuses[code] ?? (exitStatus === 2 ? 422 : 500)
