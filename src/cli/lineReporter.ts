import { printable } from '../printable.js'
import { cutToWidth } from './displayWidth.js'

/** Where a reporter writes. */
export interface Output {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  write(text: string): unknown
  /** Writes escape codes of our own, where `write` lets none through. */
  control?(codes: string): unknown
}

/** Tells a person or a program how a run goes. */
export interface Reporter<Event> {
  report(event: Event): void
  /** Leaves the cursor on a line of its own. */
  end(): void
}

/** A line that goes on: how far something is. */
export interface LiveLine {
  readonly line: string
  readonly done: number
  readonly total: number
  /** What it counts; another thing begins a line of its own. */
  readonly of: string
  /** About so many lines of it where lines are not written over, so that a log stays readable. */
  readonly lines: number
}

/** How events are told: as a line that goes on, as a line, or (null) not at all. */
export interface Wording<Event> {
  readonly live: (event: Event) => LiveLine | null
  readonly describe: (event: Event) => string | null
}

/** One line that is written over while things go on, on a terminal; plain lines elsewhere. */
export function lineReporter<Event>(stdout: Output, wording: Wording<Event>): Reporter<Event> {
  return stdout.isTTY === true ? terminalReporter(stdout, wording) : plainReporter(stdout, wording)
}

function plainReporter<Event>(stdout: Output, { live, describe }: Wording<Event>): Reporter<Event> {
  // Several things may go on at once: each is told as often as if it were alone.
  const shown = new Map<string, number>()
  return {
    report(event) {
      const going = live(event)
      if (going !== null) {
        const { of, done, total, lines } = going
        const every = Math.max(1, Math.round(total / lines))
        const before = shown.get(of)
        if (before !== undefined && done < total && done >= before && done - before < every) return
        if (done < total) shown.set(of, done)
        else shown.delete(of)
      }
      const line = going?.line ?? describe(event)
      if (line !== null) stdout.write(`${printable(line)}\n`)
    },
    end: () => undefined,
  }
}

const clearLine = '\r\u001b[K'

function terminalReporter<Event>(stdout: Output, { live, describe }: Wording<Event>): Reporter<Event> {
  let open = false
  const clear = (): unknown => (stdout.control === undefined ? stdout.write(clearLine) : stdout.control(clearLine))
  const end = (): void => {
    if (open) stdout.write('\n')
    open = false
  }
  return {
    report(event) {
      // Some terminals say that they have no columns.
      const width = stdout.columns || 80
      const going = live(event)
      if (going !== null) {
        clear()
        const line = `${bar(going.done, going.total, width)}${printable(going.line).replace(/\s/g, ' ')}`
        stdout.write(cutToWidth(line, width - 1))
        open = going.done < going.total
        if (!open) stdout.write('\n')
        return
      }
      const line = describe(event)
      // A preview says where its picture is, above the line that goes on.
      if (line === null) return
      if (open) clear()
      stdout.write(`${printable(line)}\n`)
      open = false
    },
    end,
  }
}

/** A fourth of the line, and none where that leaves little for the words. */
function bar(part: number, all: number, columns: number): string {
  if (columns < 48) return ''
  const width = Math.min(20, Math.floor(columns / 4))
  const done = Math.round((width * part) / Math.max(1, all))
  return `[${'#'.repeat(done)}${'.'.repeat(width - done)}] `
}
