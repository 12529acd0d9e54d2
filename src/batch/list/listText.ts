import type { ErrorCode } from '../../errors.js'

/** Lines and columns count from 1, columns in UTF-16 units. */
export interface Place {
  readonly line: number
  readonly column: number
}

/** Something wrong in a list. */
export interface ListFault extends Place {
  readonly code: ErrorCode
  /** What was expected, what came, what to do. */
  readonly message: string
}

/** One row of a list as it stands there, nothing of it checked. */
export interface ListRow {
  readonly place: Place
  /** In the order of the text. A column of a table that stands several times gives a list of texts. */
  readonly cells: ReadonlyMap<string, { readonly value: unknown; readonly place: Place }>
}

/** What a reader makes of the text of a list; it throws nothing, so that all faults come together. */
export interface ListText {
  /** What holds for each row that does not say otherwise. */
  readonly defaults: ListRow | null
  readonly rows: readonly ListRow[]
  /** The first line of a table: what stands above its columns. */
  readonly columns?: readonly { readonly name: string; readonly place: Place }[]
  readonly faults: readonly ListFault[]
}
