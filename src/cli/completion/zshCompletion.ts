import type { CompletableCommand, CompletableOption, Described, Values } from './completable.js'

/** A script that teaches zsh the command line: a file `_text2live` of its `fpath`, or sourced after `compinit`. */
export function zshCompletion(commands: readonly CompletableCommand[]): string {
  const offers = new Offers()
  const functions = commands.map((command) => commandFunction(command, offers))
  return `#compdef text2live
# zsh completion of text2live, written by "text2live completion zsh".

${[...offers.functions(), ...functions].join('\n\n')}

if [[ $funcstack[1] == _text2live ]]; then
  _text2live "$@"
else
  compdef _text2live text2live
fi
`
}

const functionOf = (words: readonly string[]): string => ['_text2live', ...words].join('_')

function commandFunction(command: CompletableCommand, offers: Offers): string {
  const { words, subcommands, options, operands, repeats } = command
  const specs = options.map((option) => optionSpec(option, offers))
  if (subcommands.length === 0) {
    const places = operands.map((values, i) => {
      const place = repeats && i === operands.length - 1 ? '*' : String(i + 1)
      return quote(`${place}: :${offers.action(values)}`)
    })
    return `${functionOf(words)}() {\n  _arguments -S${continued([...specs, ...places])}\n}`
  }
  return `${functionOf(words)}() {
  local curcontext=$curcontext state line
  typeset -A opt_args
  _arguments -C${continued([...specs, quote(`1: :${offers.action({ words: subcommands, paths: 'none' })}`), "'*:: :->rest'"])} && return
  case $line[1] in
${subcommands.map(({ word }) => `    ${word}) ${functionOf([...words, word])} ;;`).join('\n')}
  esac
}`
}

const continued = (parts: readonly string[]): string => parts.map((part) => ` \\\n    ${part}`).join('')

function optionSpec({ flags, about, repeats, values }: CompletableOption, offers: Offers): string {
  const rest = quote(`[${about.replace(/[[\]\\:]/g, '\\$&')}]${values === null ? '' : `: :${offers.action(values)}`}`)
  if (flags.includes('--help')) return `'(- *)'{${flags.join(',')}}${rest}`
  if (repeats) return `${quote('*')}${flags.length === 1 ? flags[0]! : `{${flags.join(',')}}`}${rest}`
  return flags.length === 1 ? `${flags[0]!}${rest}` : `${quote(`(${flags.join(' ')})`)}{${flags.join(',')}}${rest}`
}

/** The functions that offer words, one for those that are the same. */
class Offers {
  readonly #names = new Map<string, string>()

  /** What completes such values, as an action of `_arguments`. */
  action({ words, paths }: Values): string {
    const files = paths === 'none' ? '' : paths === 'files' ? '_files' : '_files -/'
    // At a place with the action " " zsh would not offer options either.
    if (words.length === 0) return files === '' ? '()' : files
    const body = `  local -a offered=(
${words.map((each) => `    ${quote(offered(each))}`).join('\n')}
  )
  _describe -V value offered${files === '' ? '' : `\n  ${files}`}`
    const name = this.#names.get(body) ?? `_text2live_offer_${this.#names.size + 1}`
    this.#names.set(body, name)
    return name
  }

  functions(): string[] {
    return [...this.#names].map(([body, name]) => `${name}() {\n${body}\n}`)
  }
}

const offered = ({ word, about }: Described): string =>
  about === '' ? colonEscaped(word) : `${colonEscaped(word)}:${about}`

const colonEscaped = (text: string): string => text.replace(/[\\:]/g, '\\$&')

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`
