import { printable } from '../printable.js'
import type { Output } from './lineReporter.js'

/**
 * The same output for text of any origin: names of files and tensors, excerpts, messages of libraries. No control
 * character in it reaches the terminal; our own go through `control`.
 */
export function safeOutput(output: Output): Output {
  return {
    get isTTY() {
      return output.isTTY
    },
    get columns() {
      return output.columns
    },
    write: (text) => output.write(printable(text, Infinity)),
    control: (codes) => output.write(codes),
  }
}
