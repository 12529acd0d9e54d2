import { Text2LiveError } from '../errors.js'

/** Nothing is replaced where a run goes on. @throws OPTION_INVALID */
export function assertNoForce(force: unknown): void {
  if (force !== true) return
  throw new Text2LiveError(
    'OPTION_INVALID',
    '--force replaces a run folder, and --resume goes on with it; leave one of the two out.',
  )
}
