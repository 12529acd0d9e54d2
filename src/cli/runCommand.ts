import { type Command, CommanderError } from 'commander'
import { createProgram } from './createProgram.js'
import { errorText, unexpected } from './errorText.js'
import { safeOutput } from './safeOutput.js'
import type { Terminal } from './terminal.js'
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

/**
 * A flag that stands where the value of another was expected is never meant as that value: `--map -o heat.png` would
 * write a file called "-o".
 * @param active the command that `args` are for
 * @throws OPTION_INVALID
 */
function assertValuesGiven(active: Command, args: readonly string[]): void {
  const known = new Set(['-h', '--help', ...active.options.flatMap(({ short, long }) => [short, long])])
  for (let i = 0; i < args.length && args[i] !== '--'; i++) {
    const option = active.options.find(({ short, long }) => args[i] === short || args[i] === long)
    if (option?.required !== true) continue
    const value = args[++i]
    if (value === undefined || !value.startsWith('-') || !known.has(value.split('=')[0])) continue
    throw new Text2LiveError(
      'OPTION_INVALID',
      `${option.flags} needs a value after it, but "${value}", another option, follows. Put a value between them, or leave ${option.long ?? option.flags} out. ` +
        `If "${value}" is meant as the value, write ${option.long ?? option.flags}=${value}.`,
    )
  }
}
