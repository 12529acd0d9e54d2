import { Command } from 'commander'
import { imageOptions, optionNames } from '../options/imageOptions.js'
import { parseOption } from '../options/parseOption.js'
import { addOptionFlags, givenFlags } from './optionFlags.js'
import type { SetStatus, Terminal } from './terminal.js'

/** What shapes the graph: the numbers of the method, and the guidance. */
const flags = optionNames.filter((name) => (imageOptions[name].preset && name !== 'previewEvery') || name === 'preset' || name === 'guidance')

/** `text2live export-step --size N --out step.onnx` */
export function exportStepCommand(terminal: Terminal, setStatus: SetStatus): Command {
  const command = new Command('export-step')
    .description('write one training step as an ONNX graph')
    .requiredOption('-o, --out <path>', 'the file to write')
    .helpOption('-h, --help', 'show this text')
  addOptionFlags(command, flags)
  return command
    .addHelpText('after', `
Example:
  $ text2live export-step --size 256 --out step.onnx
      the step of the default preset on a 256 px photo; open it in Netron`)
    .action(async (parsed: Record<string, unknown>) => {
      const out = String(parseOption('out', parsed['out']))
      const { out: _, ...options } = givenFlags(parsed)
      const { writeStepGraph } = await import('../run/writeStepGraph.js')
      const bytes = await writeStepGraph(options, out)
      terminal.stdout.write(`wrote ${out} (${(bytes / 1e6).toFixed(1)} MB)\n`)
      setStatus(0)
    })
}
