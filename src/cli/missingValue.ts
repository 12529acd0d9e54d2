import type { Command } from 'commander'
import { Text2LiveError } from '../errors.js'

/**
 * A flag that stands where the value of another was expected is never meant as that value: `--map -o heat.png` would
 * write a file called "-o".
 * @param active the command that `args` are for
 * @throws OPTION_INVALID
 */
export function assertValuesGiven(active: Command, args: readonly string[]): void {
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
