import { Command } from 'commander'
import { resolve } from 'node:path'
import { Text2LiveError } from '../errors.js'
import { printable, printableJson } from '../printable.js'
import type { CleanedRun, CleaningChoice } from '../run/cleanRuns.js'
import type { RunSummary } from '../run/lookAtRun.js'
import { cutToWidth, displayWidth } from './displayWidth.js'
import { openBrowser } from './openBrowser.js'
import { megabytes } from './reporters.js'
import type { SetStatus, Terminal } from './terminal.js'

const defaultFolder = 'runs'

interface JsonFlag {
  readonly json?: true
}

/** `text2live runs list | open | clean` */
export function runsCommand(terminal: Terminal, setStatus: SetStatus): Command {
  return new Command('runs')
    .description('list run folders, open one, and free the space that they take')
    .helpOption('-h, --help', 'show this text')
    .helpCommand(false)
    .addHelpText(
      'after',
      `
Examples:
  $ text2live runs list
  $ text2live runs open teapot-1
  $ text2live runs clean --previews`,
    )
    .addCommand(listCommand(terminal, setStatus))
    .addCommand(openCommand(terminal, setStatus))
    .addCommand(cleanCommand(terminal, setStatus))
}

function listCommand(terminal: Terminal, setStatus: SetStatus): Command {
  return new Command('list')
    .description('what runs there are, how far they are, and how big')
    .argument('[folder...]', 'folders of runs, or runs', [defaultFolder])
    .option('--json', 'print one line of JSON per run')
    .helpOption('-h, --help', 'show this text')
    .addHelpText(
      'after',
      `
A run is finished; or it resumes with --resume; or it is locked while a process is at work on it; or it is damaged.

Examples:
  $ text2live runs list
      those in runs/
  $ text2live runs list ~/edits --json
      those in another folder, for programs`,
    )
    .action(async (folders: string[], { json }: JsonFlag) => {
      const { findRuns } = await import('../run/findRuns.js')
      const { lookAtRun } = await import('../run/lookAtRun.js')
      const runs: RunSummary[] = []
      for (const folder of folders)
        for (const run of await findRuns(folder)) {
          const summary = await lookAtRun(run)
          if (json === true) terminal.stdout.write(`${printableJson(summary)}\n`)
          runs.push(summary)
        }
      if (json !== true) terminal.stdout.write(listText(runs, folders, widthOf(terminal)))
      setStatus(0)
    })
}

function openCommand(terminal: Terminal, setStatus: SetStatus): Command {
  return new Command('open')
    .description('print where a run is, and open its folder where there is a desktop')
    .argument('<run>', 'a run folder, or its name in runs/')
    .helpOption('-h, --help', 'show this text')
    .addHelpText(
      'after',
      `
Example:
  $ text2live runs open teapot-1
      runs/teapot-1 in the file manager`,
    )
    .action(async (run: string) => {
      const { isRunFolder } = await import('../run/runFolder.js')
      const folder = [run, `${defaultFolder}/${run}`].find((each) => isRunFolder(each))
      if (folder === undefined)
        throw new Text2LiveError(
          'RUN_NOT_FOUND',
          `There should be a run folder at "${run}" or "${defaultFolder}/${run}", but there is none. "text2live runs list" lists them.`,
        )
      terminal.stdout.write(`${resolve(folder)}\n`)
      openBrowser(resolve(folder))
      setStatus(0)
    })
}

function cleanCommand(terminal: Terminal, setStatus: SetStatus): Command {
  return new Command('clean')
    .description('remove what you name from runs; without --yes only say what that would be')
    .argument('[folder...]', 'folders of runs, or runs', [defaultFolder])
    .option('--previews', 'the pictures of how each training went; the studio shows them too')
    .option('--checkpoints', 'the states of finished runs: these can then not be rendered again or be given more steps')
    .option('--unfinished', 'whole runs that were not finished')
    .option('--yes', 'do it')
    .option('--json', 'print one line of JSON per run')
    .helpOption('-h, --help', 'show this text')
    .addHelpText(
      'after',
      `
Only what a run wrote is removed, from run folders alone. A run that a process is at work on, or that is damaged, is left as it is.

Examples:
  $ text2live runs clean --previews --checkpoints
      how much that would free
  $ text2live runs clean --previews --checkpoints --yes
      frees it
  $ text2live runs clean runs/teapot-1 --unfinished --yes
      removes that run, if it was not finished`,
    )
    .action(async (folders: string[], flags: CleaningChoice & JsonFlag & { readonly yes?: true }) => {
      if (flags.previews !== true && flags.checkpoints !== true && flags.unfinished !== true)
        throw new Text2LiveError(
          'OPTION_INVALID',
          'text2live runs clean removes what is named, and nothing is. Give --previews, --checkpoints or --unfinished; without --yes it only says what would go.',
        )
      const { cleanRuns } = await import('../run/cleanRuns.js')
      const cleaned = await cleanRuns(folders, flags, flags.yes === true)
      terminal.stdout.write(
        flags.json === true
          ? cleaned.map((run) => `${printableJson({ ...run, removed: flags.yes === true })}\n`).join('')
          : cleanText(cleaned, flags.yes === true),
      )
      setStatus(0)
    })
}

/** Where the end of a line is cut: nowhere but on a terminal. */
const widthOf = ({ stdout }: Terminal): number => (stdout.isTTY === true ? stdout.columns || 80 : Infinity)

/** A table for a person, as wide as the terminal: the prompt, which comes last, is cut. */
function listText(runs: readonly RunSummary[], folders: readonly string[], width: number): string {
  if (runs.length === 0) return `no runs in ${folders.join(', ')}\n`
  const rows = runs.map(({ folder, state, kind, step, steps, variations, bytes, prompt, detail }) => [
    folder,
    state,
    `${kind ?? '?'}${variations > 1 ? ` x${variations}` : ''}`,
    kind === null ? '' : `${step}/${steps}`,
    megabytes(bytes),
    detail === null ? prompt : `${prompt} (${detail})`,
  ])
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => displayWidth(printable(row[i]!)))))
  const lines = rows.map((row) => {
    const cells = row.map((cell, i) => {
      const space = ' '.repeat(widths[i]! - displayWidth(printable(cell)))
      return i === 4 ? `${space}${printable(cell)}` : `${printable(cell)}${space}`
    })
    return cutToWidth(cells.join('  '), width).trimEnd()
  })
  const all = megabytes(runs.reduce((sum, { bytes }) => sum + bytes, 0))
  return `${lines.join('\n')}\n\n${runs.length === 1 ? '1 run' : `${runs.length} runs`}, ${all}\n`
}

function cleanText(cleaned: readonly CleanedRun[], done: boolean): string {
  const going = cleaned.filter(({ removes }) => removes.length > 0)
  const lines = [
    ...going.map(({ folder, removes, bytes }) => {
      const what = removes[0] === '.' ? 'the whole run' : removes.length === 1 ? removes[0]! : `${removes.length} files`
      return `${folder}: ${what}, ${megabytes(bytes)}`
    }),
    ...cleaned.flatMap(({ folder, left }) => (left === null ? [] : [`${folder} is left as it is: ${left}`])),
  ]
  const all = megabytes(going.reduce((sum, { bytes }) => sum + bytes, 0))
  const end = done
    ? `freed ${all}`
    : going.length === 0
      ? 'nothing to remove'
      : `would free ${all}; nothing is removed yet. To do it, add --yes`
  return `${[...lines, end].join('\n')}\n`
}
