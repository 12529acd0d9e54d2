import type { CompletableCommand, Values } from './completable.js'

/** A script that teaches bash the command line; works from bash 3.2 on, without the package bash-completion. */
export function bashCompletion(commands: readonly CompletableCommand[]): string {
  const calls = commands.flatMap(({ words, subcommands }) =>
    subcommands.map(({ word }) => `'${words.join(' ')} ${word}'`),
  )
  return `# bash completion of text2live, written by "text2live completion bash".

# What a value of an option is: $1 the command, $2 the option. Fails where it takes none.
_text2live_value() {
  words='' paths=none
  case "$1 $2" in
${valueArms(commands)}
    *) return 1 ;;
  esac
}

# What stands after a command: $1 the command, $2 the number of words before it.
_text2live_operand() {
  case "$1 $2" in
${operandArms(commands)}
  esac
}

_text2live_options() {
  case "$1" in
${commands.map(({ words, options }) => `    '${words.join(' ')}') words='${options.flatMap(({ flags }) => flags).join(' ')}' ;;`).join('\n')}
  esac
}

_text2live() {
  local current=\${COMP_WORDS[COMP_CWORD]} given=() word i
  local command='' option='' operands=0 words='' paths=none
  # "--flag=value" comes as three words.
  [[ $current == '=' ]] && current=''
  for ((i = 1; i < COMP_CWORD; i++)); do
    [[ \${COMP_WORDS[i]} == '=' ]] || given+=("\${COMP_WORDS[i]}")
  done
  for word in \${given[@]+"\${given[@]}"}; do
    if [[ -n $option ]]; then
      option=''
      continue
    fi
    case "$command $word" in
      ${calls.join(' | ')}) command="\${command:+$command }$word" ;;
      *)
        if [[ $word != -?* ]]; then operands=$((operands + 1))
        elif _text2live_value "$command" "$word"; then option=$word; fi
        ;;
    esac
  done
  words='' paths=none
  if [[ -n $option ]]; then
    _text2live_value "$command" "$option"
  elif [[ $current == -* ]]; then
    _text2live_options "$command"
  else
    _text2live_operand "$command" "$operands"
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  case $paths in
    none) compopt +o default 2>/dev/null ;;
    folders) compopt +o default -o plusdirs 2>/dev/null ;;
  esac
}

complete -o default -F _text2live text2live
`
}

/** Lines that set `words` and `paths` for the patterns, those of the same values together. */
function arms(cases: readonly (readonly [pattern: string, values: Values])[]): string {
  const patterns = new Map<string, Set<string>>()
  for (const [pattern, values] of cases) {
    const set = settings(values)
    patterns.set(set, (patterns.get(set) ?? new Set()).add(pattern))
  }
  return [...patterns].map(([set, of]) => `    ${[...of].join(' | ')}) ${set} ;;`).join('\n')
}

const settings = ({ words, paths }: Values): string =>
  [
    ...(words.length === 0 ? [] : [`words='${words.map(({ word }) => word).join(' ')}'`]),
    ...(paths === 'none' ? [] : [`paths=${paths}`]),
  ].join(' ')

/** An option that means the same to each command that has it is one pattern. */
function valueArms(commands: readonly CompletableCommand[]): string {
  const cases = commands.flatMap(({ words, options }) =>
    options.flatMap(({ flags, values }) =>
      values === null ? [] : flags.map((flag) => ({ command: words.join(' '), flag, values })),
    ),
  )
  return arms(
    cases.map(({ command, flag, values }) => {
      const others = cases.filter((each) => each.flag === flag)
      const isSame = others.every((each) => settings(each.values) === settings(values))
      return [isSame ? `*' ${flag}'` : `'${command} ${flag}'`, values] as const
    }),
  )
}

const operandArms = (commands: readonly CompletableCommand[]): string =>
  arms(
    commands.flatMap(({ words, subcommands, operands, repeats }) => {
      const places = subcommands.length === 0 ? operands : [{ words: subcommands, paths: 'none' as const }]
      const placeOf = (i: number): string => (repeats && i === places.length - 1 ? "'*" : `${i}'`)
      return places.flatMap((values, i) =>
        settings(values) === '' ? [] : [[`'${words.join(' ')} ${placeOf(i)}`, values] as const],
      )
    }),
  )
