import type { Argument, Command, Option } from 'commander'
import { knownModels, starterName } from '../../models/knownModels.js'
import { TableOption } from '../tableOption.js'

/** What may stand at a place of a command line. */
export interface Values {
  readonly words: readonly Described[]
  readonly paths: 'files' | 'folders' | 'none'
}

/** A word that a shell offers, and what it says beside it. */
export interface Described {
  readonly word: string
  readonly about: string
}

export interface CompletableOption {
  /** `--preset`; a short form too where it has one, the short one first. */
  readonly flags: readonly string[]
  readonly about: string
  /** May be given more than once. */
  readonly repeats: boolean
  /** Null for a switch. */
  readonly values: Values | null
}

/** A command as a shell sees it. */
export interface CompletableCommand {
  /** The words that call it: none for the program itself, `['models', 'get']`. */
  readonly words: readonly string[]
  readonly subcommands: readonly Described[]
  readonly options: readonly CompletableOption[]
  readonly operands: readonly Values[]
  /** The last of them may come more than once. */
  readonly repeats: boolean
}

/** The program and all commands in it, those of commands after them. */
export function completableCommands(program: Command): CompletableCommand[] {
  const visit = (command: Command, words: readonly string[]): CompletableCommand[] => [
    {
      words,
      subcommands: command.commands.map((each) => ({ word: each.name(), about: firstSentence(each.description()) })),
      options: command
        .createHelp()
        .visibleOptions(command)
        .map((option) => completableOption(option)),
      operands: command.registeredArguments.map((argument) => valuesOfArgument(argument)),
      repeats: command.registeredArguments.at(-1)?.variadic === true,
    },
    ...command.commands.flatMap((each) => visit(each, [...words, each.name()])),
  ]
  return visit(program, [])
}

function completableOption(option: Option): CompletableOption {
  return {
    flags: [option.short, option.long].filter((flag) => flag !== undefined),
    about: firstSentence(option.description),
    repeats: option instanceof TableOption && (option.row.type === 'texts' || option.row.type === 'paths'),
    values: option.required || option.optional ? valuesOfOption(option) : null,
  }
}

const none: Values = { words: [], paths: 'none' }
const models: readonly Described[] = [
  { word: starterName, about: 'the embedded model' },
  ...knownModels.flatMap(({ repo, aliases, about }) => [repo, aliases[0]!].map((word) => ({ word, about }))),
]

/** What stands for words or a path; by the names of the options. */
const wordsOrPath: Readonly<Record<string, readonly Described[]>> = {
  guidance: models,
  atlas: [
    { word: 'fast', about: 'textures and smooth motion' },
    { word: 'neural', about: 'the networks of layered neural atlases' },
  ],
}

function valuesOfOption(option: Option): Values {
  const row = option instanceof TableOption ? option.row : null
  if (row?.type === 'choice')
    return { ...none, words: Object.entries(row.choices).map(([word, about]) => ({ word, about })) }
  const words = wordsOrPath[option.attributeName()]
  if (words !== undefined) return { words, paths: 'files' }
  if (option.flags.endsWith('<folder>')) return { ...none, paths: 'folders' }
  return option.flags.endsWith('<path>') ? { ...none, paths: 'files' } : none
}

/** Operands by their names in the usage. */
const operands: Readonly<Record<string, Values>> = {
  photo: { ...none, paths: 'files' },
  clip: { ...none, paths: 'files' },
  path: { ...none, paths: 'files' },
  atlas: { ...none, paths: 'files' },
  folder: { ...none, paths: 'folders' },
  run: { ...none, paths: 'folders' },
  model: { ...none, words: models },
}

function valuesOfArgument(argument: Argument): Values {
  if (argument.argChoices !== undefined)
    return { ...none, words: argument.argChoices.map((word) => ({ word, about: '' })) }
  return operands[argument.name()] ?? none
}

/** What has room beside a word: without defaults and what follows the first sentence. */
const firstSentence = (text: string): string =>
  text
    .replace(/ \(default: [^()]*(?:\([^()]*\)[^()]*)*\)$/, '')
    .split(/[:;.] /)[0]!
    .trim()
