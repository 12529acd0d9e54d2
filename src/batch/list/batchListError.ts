import { Text2LiveError } from '../../errors.js'
import type { ListFault } from './listText.js'

/** A list that cannot be worked on, with all that is wrong in it. */
export class BatchListError extends Text2LiveError {
  readonly path: string
  /** In the order of the list. */
  readonly faults: readonly ListFault[]

  constructor(path: string, faults: readonly ListFault[]) {
    const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`
    const [first] = faults
    super(
      'LIST_INVALID',
      `"${path}" has ${count}, so nothing was started${first === undefined ? '' : `; the first, in line ${first.line}: ${first.message}`}`,
    )
    this.path = path
    this.faults = faults
  }
}
