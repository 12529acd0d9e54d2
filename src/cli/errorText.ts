import { Text2LiveError } from '../errors.js'
import { printable } from '../printable.js'
import { wrapLine } from './fitHelp.js'

/**
 * What the command prints for an error: `error CODE: ...` as a paragraph wrapped to the width of the terminal; lines
 * that are laid out already (an excerpt of a file) stay as they are. No stack trace unless `debug`.
 */
export function errorText(error: unknown, width: number, debug: boolean): string {
  const coded = error instanceof Text2LiveError ? error : unexpected(error)
  const trace = debug && error instanceof Error ? `\n${traceOf(error)}${causeTrace(error.cause)}` : ''
  return `${wrap(`error ${coded.code}: ${coded.message}`, Math.max(40, width))}${trace}\n`
}

/** An error that no code was foreseen for. */
export function unexpected(error: unknown): Text2LiveError {
  const message = error instanceof Error ? error.message : String(error)
  return new Text2LiveError(
    'INTERNAL',
    `Something went wrong that should not: ${message}. Set TEXT2LIVE_DEBUG=1 to see where, and report it with that text.`,
    { cause: error },
  )
}

/** The message that a trace begins with may be as long as the file that it speaks of. */
const traceOf = (error: Error): string => printable(error.stack ?? error.message, 20_000)

function causeTrace(cause: unknown): string {
  return cause instanceof Error ? `\ncaused by ${traceOf(cause)}${causeTrace(cause.cause)}` : ''
}

function wrap(text: string, width: number): string {
  return text
    .split('\n')
    .map((line) => (line.startsWith('  ') ? line : wrapLine(line, width)))
    .join('\n')
}
