import { Option } from 'commander'
import type { OptionRow } from '../options/optionRow.js'

/** A flag that stands for a row of an option table. */
export class TableOption extends Option {
  readonly row: OptionRow

  constructor(flags: string, help: string, row: OptionRow) {
    super(flags, help)
    this.row = row
  }
}
