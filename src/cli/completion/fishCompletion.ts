import type { CompletableCommand, CompletableOption, Described, Values } from './completable.js'

/** A script that teaches fish the command line. */
export function fishCompletion(commands: readonly CompletableCommand[]): string {
  const calls = commands.flatMap(({ words, subcommands }) =>
    subcommands.map(({ word }) => `${words.join(' ')} ${word}`),
  )
  return `# fish completion of text2live, written by "text2live completion fish".

# Is it this command that the words before the cursor call?
function __text2live_at
    set -l at
    for word in (commandline -opc)[2..]
        switch "$at $word"
            case ${calls.map(quote).join(' ')}
                set at $at $word
        end
    end
    test "$at" = "$argv"
end

complete -c text2live -f
${commands.flatMap((command) => commandLines(command)).join('\n')}
`
}

function commandLines({ words, subcommands, options, operands }: CompletableCommand): string[] {
  const at = `complete -c text2live -n ${quote(['__text2live_at', ...words].join(' '))}`
  const places = subcommands.length === 0 ? operands : [{ words: subcommands, paths: 'none' as const }]
  return [
    ...places.flatMap((values) => (isFree(values) ? [] : [`${at} ${valueFlags(values)}`])),
    ...options.map((option) => `${at} ${optionFlags(option)}`),
  ]
}

function optionFlags({ flags, about, values }: CompletableOption): string {
  const names = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`))
  const takes = values === null ? [] : ['-r', valueFlags(values)]
  return [...names, ...takes, `-d ${quote(about)}`].join(' ')
}

/** Anything may stand there, and nothing is offered. */
const isFree = ({ words, paths }: Values): boolean => words.length === 0 && paths === 'none'

function valueFlags({ words, paths }: Values): string {
  const offered = [...words.map(candidate), ...(paths === 'folders' ? ['(__fish_complete_directories)'] : [])]
  return [paths === 'files' ? '-F' : '-f', ...(offered.length === 0 ? [] : [`-a ${quote(offered.join(' '))}`])].join(
    ' ',
  )
}

/** A word of `-a`, which fish expands like one of a command. */
const candidate = ({ word, about }: Described): string => (about === '' ? word : `${word}\\t${quote(about)}`)

const quote = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`
