import { Command } from 'commander'
import { printableJson } from '../printable.js'
import type { ScoreReport } from '../run/scoreRun.js'
import { addOptionFlags, givenFlags } from './optionFlags.js'
import type { SetStatus, Terminal } from './terminal.js'

/** What each score says, in the order they are printed. */
const scores = {
  similarity: 'cosine of the edited picture and the prompt as typed',
  directional: 'cosine of the change of the picture and of the text, source to prompt',
  structure_distance: 'how far the layout moved: 0 is not at all',
  alpha_mean: 'mean opacity of the edit layer',
  change_outside_alpha: 'mean change where the layer is transparent, of 1',
  change_outside_mask: 'mean change outside --mask, of 1',
  localisation_iou: 'overlap of the layer and --mask, of 1',
} as const satisfies Partial<Record<keyof ScoreReport, string>>

/** `text2live score <folder>` */
export function scoreCommand(terminal: Terminal, setStatus: SetStatus): Command {
  const command = new Command('score')
    .description('measure an edit: how well it shows the prompt, what it changed and where')
    .argument('<folder>', 'the run folder of a photo')
    .helpOption('-h, --help', 'show this text')
  addOptionFlags(command, ['guidance', 'mask', 'device', 'threads', 'truncate', 'json'], undefined, {
    guidance: 'the models that judge, as for text2live image (default: those of the run)',
    mask: "a picture of the photo's size, white where the edit should be",
    json: 'print one line of JSON per edit',
    device:
      'where the models run: auto, cpu, webgpu or cuda; one that does not work is an error (default: that of the run)',
    threads: 'CPU threads (default: those of the run)',
  })
  return command
    .addHelpText(
      'after',
      `
Without --guidance the models of the run judge, which the edit was trained to please: its scores are then better than the picture.

Examples:
  $ text2live score runs/teapot-1 --guidance ./clip-vit-large-patch14
      by a model that the edit was not trained on
  $ text2live score runs/teapot-1 --mask teapot.png --json
      also where the edit is; one line of JSON`,
    )
    .action(async (folder: string, parsed: Record<string, unknown>) => {
      const { json, ...options } = givenFlags(parsed)
      const { scoreRun } = await import('../run/scoreRun.js')
      const reports = await scoreRun(folder, options)
      if (json === true) for (const report of reports) terminal.stdout.write(`${printableJson(report)}\n`)
      else terminal.stdout.write(reports.map(reportText).join('\n'))
      if (json !== true)
        for (const note of new Set(reports.flatMap(({ notes }) => notes ?? [])))
          terminal.stderr.write(`note: ${note}\n`)
      const judges = [...new Set(reports.flatMap(({ optimised }) => optimised))]
      if (judges.length > 0) {
        terminal.stderr.write(
          `warning: ${judges.join(', ')} was optimised in this run, so similarity, directional and structure_distance flatter it; ` +
            'judge by another model with --guidance\n',
        )
      }
      setStatus(0)
    })
}

function reportText(report: ScoreReport): string {
  const width = Math.max(...Object.keys(scores).map((name) => name.length))
  const lines = (Object.keys(scores) as (keyof typeof scores)[]).flatMap((name) => {
    const value = report[name]
    return value === undefined ? [] : [`${name.padEnd(width)}  ${value.toFixed(4).padStart(7)}  ${scores[name]}`]
  })
  return `${report.folder}, judged by ${report.guidance.join(', ')}\n${lines.join('\n')}\n`
}
