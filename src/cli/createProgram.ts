import { Command } from 'commander'
import { createRequire } from 'node:module'
import { atlasCommand } from './atlasCommand.js'
import { completionCommand } from './completionCommand.js'
import { batchCommand } from './batchCommand.js'
import { doctorCommand } from './doctorCommand.js'
import { exportStepCommand } from './exportStepCommand.js'
import { fitHelp } from './fitHelp.js'
import { imageCommand } from './imageCommand.js'
import { modelsCommand } from './modelsCommand.js'
import { relevancyCommand } from './relevancyCommand.js'
import { renderCommand } from './renderCommand.js'
import { runsCommand } from './runsCommand.js'
import { scoreCommand } from './scoreCommand.js'
import { studioCommand } from './studioCommand.js'
import type { SetStatus, Terminal } from './terminal.js'
import { videoCommand } from './videoCommand.js'
import { workerCommand } from './workerCommand.js'

/** Version of the installed package. */
const version = (createRequire(import.meta.url)('../../package.json') as { version: string }).version

/** The command line, without running it. Errors of usage are thrown, nothing ends the process. */
export function createProgram(terminal: Terminal, setStatus: SetStatus): Command {
  // In a file or a pipe, help is as wide as a page.
  const helpWidth = Math.max(40, Math.min(terminal.width, terminal.stdout.isTTY ? Infinity : 80))
  const program = new Command('text2live')
    .description(
      'Edit a photo or a clip with a sentence. A small network is trained on it alone until it paints an edit layer (colour and ' +
        'opacity) that makes it show what you say; the picture itself is never repainted.',
    )
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this text')
    .addHelpText(
      'after',
      `
Examples:
  $ text2live image teapot.jpg "golden teapot" --source teapot --region teapot
      a first edit: what it becomes, what it is now, where to begin
  $ text2live image teapot.jpg "golden teapot" --preset preview
      a first impression in seconds
  $ text2live image --resume runs/teapot-1
      go on after Ctrl-C or a crash
  $ text2live video swan.mp4 "golden swan" --source swan --region swan
      a clip: taken apart into two flat pictures, edited there, put together again
  $ text2live batch jobs.csv
      many edits from a list, overnight
  $ text2live studio
      paint, train and compare in the browser, on this machine
  $ text2live relevancy teapot.jpg "teapot"
      where the model sees it: choose words for --region
  $ text2live score runs/teapot-1
      measure an edit
  $ text2live doctor
      what works on this machine

Each command explains itself: text2live image --help. All options: docs/options.md.`,
    )
  for (const command of [
    imageCommand,
    videoCommand,
    batchCommand,
    studioCommand,
    workerCommand,
    atlasCommand,
    renderCommand,
    relevancyCommand,
    scoreCommand,
    runsCommand,
    modelsCommand,
    doctorCommand,
    exportStepCommand,
    completionCommand,
  ])
    program.addCommand(command(terminal, setStatus))
  program.hook('preAction', async (_, command) => {
    const { guidance } = command.opts<{ guidance?: readonly string[] }>()
    if (guidance === undefined) return
    const { withModulesRegistered } = await import('../models/node/registerGuidance.js')
    command.setOptionValueWithSource('guidance', await withModulesRegistered(guidance), 'cli')
  })
  program.helpCommand(false)
  for (const command of [program, ...program.commands.flatMap((each) => [each, ...each.commands])]) {
    command
      .exitOverride()
      .showSuggestionAfterError(false)
      .configureHelp({ minWidthToWrap: 20 })
      .configureOutput({
        writeOut: (text) => void terminal.stdout.write(fitHelp(text, helpWidth)),
        // What commander would print is thrown, and printed as one of our errors.
        writeErr: () => undefined,
        getOutHelpWidth: () => helpWidth,
      })
  }
  return program
}
