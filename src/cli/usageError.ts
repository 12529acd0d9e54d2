import type { Command, CommanderError } from 'commander'
import { existsSync } from 'node:fs'
import { Text2LiveError } from '../errors.js'
import { nearestName } from '../options/nearestName.js'

/** Commander's complaint as one of ours: what was expected, what came, what to do. */
export function usageError(error: CommanderError, program: Command, args: readonly string[]): Text2LiveError {
  const { active, words } = activeCommand(
    program,
    args.filter((arg) => !arg.startsWith('-')),
  )
  const name =
    active === program
      ? 'text2live'
      : active.parent === program
        ? `text2live ${active.name()}`
        : `text2live ${active.parent!.name()} ${active.name()}`
  const usage = `${name} --help`
  const quoted = /'([^']*)'/.exec(error.message)?.[1] ?? ''
  switch (error.code) {
    case 'commander.unknownOption':
      return unknownOption(quoted.split('=')[0] ?? quoted, active, usage)
    case 'commander.unknownCommand':
      return unknownCommand(words[0] ?? quoted, active, usage)
    case 'commander.help':
      return new Text2LiveError(
        'COMMAND_UNKNOWN',
        `${name} needs a word that says what to do: ${active.commands.map((command) => command.name()).join(', ')}. "${usage}" shows examples.`,
      )
    case 'commander.optionMissingArgument':
      return new Text2LiveError(
        'OPTION_INVALID',
        `${quoted} needs a value after it, and none came. "${usage}" shows examples.`,
      )
    case 'commander.excessArguments':
      return new Text2LiveError(
        'OPTION_INVALID',
        active.name() === 'image' || active.name() === 'video'
          ? `${name} takes one ${active.name() === 'image' ? 'photo' : 'clip'} and one prompt; more words came. Put the prompt in quotes, for example: ` +
              (active.name() === 'image'
                ? 'text2live image teapot.jpg "golden teapot"'
                : 'text2live video swan.mp4 "golden swan"')
          : `${name} got more words than it takes. "${usage}" shows what it takes.`,
      )
    case 'commander.missingArgument':
      return new Text2LiveError(
        'OPTION_INVALID',
        `${name} needs ${quoted === '' ? 'an argument' : `a ${quoted}`}, and none came. "${usage}" shows examples.`,
      )
    default:
      return new Text2LiveError(
        'OPTION_INVALID',
        `${error.message.replace(/^error: /, '')}. "${usage}" shows what is possible.`,
      )
  }
}

function unknownOption(flag: string, active: Command, usage: string): Text2LiveError {
  const known = active.options
    .filter(({ hidden }) => !hidden)
    .flatMap(({ long }) => (typeof long === 'string' ? [long] : []))
  const nearest =
    flag.startsWith('--') && known.length > 0 ? ` The nearest is "${nearestName(flag, [...known, '--help'])}".` : ''
  return new Text2LiveError('OPTION_UNKNOWN', `There is no option "${flag}".${nearest} "${usage}" lists all.`)
}

/** The command that the words name, and the words after it. */
export function activeCommand(from: Command, words: readonly string[]): { active: Command; words: readonly string[] } {
  const next = from.commands.find((candidate) => candidate.name() === words[0])
  return next === undefined ? { active: from, words } : activeCommand(next, words.slice(1))
}

function unknownCommand(word: string, active: Command, usage: string): Text2LiveError {
  const hint =
    active.parent === null && existsSync(word)
      ? `To edit that photo: text2live image ${word} "golden teapot"${/\.(mp4|mov|webm|mkv|gif)$/i.test(word) ? `; that clip: text2live video ${word} "golden swan"` : ''}`
      : `The nearest is "${nearestName(
          word,
          active.commands.map((command) => command.name()),
        )}". "${usage}" lists all.`
  return new Text2LiveError(
    'COMMAND_UNKNOWN',
    `There is no command "${word}"${active.parent === null ? '' : ` of ${active.name()}`}. ${hint}`,
  )
}
