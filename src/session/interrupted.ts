import { Text2LiveError } from '../errors.js'

/** What a run ends with when it is stopped before its folder is made. */
export const interrupted = (): Text2LiveError =>
  new Text2LiveError('INTERRUPTED', 'Stopped before training began. Nothing was written.')
