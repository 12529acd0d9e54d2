import { Command } from 'commander'
import type { OptionName } from '../options/imageOptions.js'
import { parseOption } from '../options/parseOption.js'
import { addOptionFlags, givenFlags, presetHelp } from './optionFlags.js'
import type { SetStatus, Terminal } from './terminal.js'

/** What shapes the graph; all else of a step is drawn and fed. */
const flags = [
  'preset',
  'size',
  'guidance',
  'weightDecay',
  'momentum',
  'generatorWidth',
  'generatorLevels',
  'lambdaComposition',
  'lambdaDirectional',
  'lambdaScreen',
  'lambdaStructure',
  'lambdaSparsity',
  'lambdaAlphaL0',
  'lambdaAlphaL1',
  'sparsityMap',
  'regionBound',
  'relevancy',
  'views',
  'viewFill',
  'viewSharing',
  'viewSampling',
  'antialias',
  'positionEmbedding',
] as const satisfies readonly OptionName[]

/** `text2live export-step --size N --out step.onnx` */
export function exportStepCommand(terminal: Terminal, setStatus: SetStatus): Command {
  const command = new Command('export-step')
    .description('write one training step as an ONNX graph')
    .requiredOption('-o, --out <path>', 'the file to write')
    .helpOption('-h, --help', 'show this text')
  addOptionFlags(command, flags, undefined, {
    preset: presetHelp,
    size: 'both sides of the photo in px (default: 256)',
  })
  return command
    .addHelpText(
      'after',
      `
Example:
  $ text2live export-step --size 256 --out step.onnx
      the step of the default preset on a 256 px photo; open it in Netron`,
    )
    .action(async (parsed: Record<string, unknown>) => {
      const out = String(parseOption('out', parsed['out']))
      const { out: _, ...options } = givenFlags(parsed)
      const { writeStepGraph } = await import('../run/writeStepGraph.js')
      const bytes = await writeStepGraph(options, out)
      terminal.stdout.write(`wrote ${out} (${(bytes / 1e6).toFixed(1)} MB)\n`)
      setStatus(0)
    })
}
