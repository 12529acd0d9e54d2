import { CommanderError } from 'commander'
import { createProgram } from './createProgram.js'
import { errorText, unexpected } from './errorText.js'
import { safeOutput } from './safeOutput.js'
import type { Terminal } from './terminal.js'
import { assertValuesGiven } from './missingValue.js'
import { activeCommand, usageError } from './usageError.js'
import { Text2LiveError } from '../errors.js'
import { eventLine } from '../session/events.js'

/**
 * Runs one command line and gives its exit status: 0; 2 for input and usage, 1 for what fails while running, 130 for
 * Ctrl-C, 143 for SIGTERM, 129 for a hang-up, 141 where the reader of stdout left.
 */
export async function runCommand(args: readonly string[], streams: Terminal): Promise<number> {
  const terminal: Terminal = { ...streams, stdout: safeOutput(streams.stdout), stderr: safeOutput(streams.stderr) }
  let status = 0
  const program = createProgram(terminal, (code) => {
    status = code
  })
  try {
    if (args.length === 0) program.outputHelp()
    else {
      assertValuesGiven(
        activeCommand(
          program,
          args.filter((arg) => !arg.startsWith('-')),
        ).active,
        args,
      )
      await program.parseAsync(args, { from: 'user' })
    }
    return status
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0
    const coded =
      error instanceof CommanderError
        ? usageError(error, program, args)
        : error instanceof Text2LiveError
          ? error
          : unexpected(error)
    if (args.includes('--json'))
      terminal.stdout.write(eventLine({ type: 'error', code: coded.code, message: coded.message }))
    terminal.stderr.write(errorText(coded, terminal.width, terminal.debug))
    return coded.exitStatus
  }
}
