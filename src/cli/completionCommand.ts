import { Argument, Command } from 'commander'
import { bashCompletion } from './completion/bashCompletion.js'
import { completableCommands } from './completion/completable.js'
import { fishCompletion } from './completion/fishCompletion.js'
import { zshCompletion } from './completion/zshCompletion.js'
import type { SetStatus, Terminal } from './terminal.js'

const shells = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const

/** `text2live completion <shell>` */
export function completionCommand(terminal: Terminal, setStatus: SetStatus): Command {
  const command: Command = new Command('completion')
    .description('print a script that teaches your shell to complete commands, options and their values')
    .addArgument(new Argument('<shell>', 'whose script').choices(Object.keys(shells)))
    .helpOption('-h, --help', 'show this text')
    .addHelpText(
      'after',
      `
The shell must find text2live by that name, as it does after npm install -g; npx text2live is not completed.

Examples:
  $ text2live completion bash > ~/.local/share/bash-completion/completions/text2live
      for good, with the package bash-completion; without it, add to ~/.bashrc: source <(text2live completion bash)
  $ text2live completion zsh > ~/.zfunc/_text2live
      for good, with "fpath=(~/.zfunc $fpath); autoload -U compinit; compinit" in ~/.zshrc
  $ text2live completion fish > ~/.config/fish/completions/text2live.fish
      for good`,
    )
    .action((shell: keyof typeof shells) => {
      terminal.stdout.write(shells[shell](completableCommands(command.parent!)))
      setStatus(0)
    })
  return command
}
