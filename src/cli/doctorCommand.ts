import { Command } from 'commander'
import { printableJson } from '../printable.js'
import type { DoctorReport } from '../run/examineMachine.js'
import type { SetStatus, Terminal } from './terminal.js'

/** `text2live doctor` */
export function doctorCommand(terminal: Terminal, setStatus: SetStatus): Command {
  return new Command('doctor')
    .description('say what devices, models and picture formats work here')
    .option('--json', 'print one line of JSON')
    .helpOption('-h, --help', 'show this text')
    .addHelpText(
      'after',
      `
Put what it prints into a report of a defect: it holds versions and findings, no path of yours, no name and no value of a variable.
It ends with status 1 where something that a run on the CPU needs does not work.

Example:
  $ text2live doctor
      each device is tried by a small training step, which takes some seconds`,
    )
    .action(async ({ json }: { json?: true }) => {
      const { examineMachine } = await import('../run/examineMachine.js')
      const report = await examineMachine()
      terminal.stdout.write(json === true ? `${printableJson(report)}\n` : doctorText(report))
      setStatus(report.healthy ? 0 : 1)
    })
}

/** The report for a person, one finding a line. */
function doctorText({
  versions,
  system,
  variables,
  cpu,
  memory,
  devices,
  models,
  formats,
  clips,
  healthy,
}: DoctorReport): string {
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`
  const lines = [
    ...Object.entries(versions).map(([name, version]) => [name, version]),
    ['system', `${system.name}${system.glibc === null ? '' : `, glibc ${system.glibc}`}`],
    ...(variables.length === 0 ? [] : [['set here', variables.join(', ')]]),
    ['processor', `${cpu.model}, ${cpu.cores} cores`],
    ['memory', `${gigabytes(memory.total)}, ${gigabytes(memory.free)} free`],
    ...devices.map((probe) => [
      `device ${probe.device}`,
      probe.works
        ? `works (a small training step takes ${probe.milliseconds.toFixed(1)} ms)`
        : `does not work: ${probe.reason}`,
    ]),
    ...Object.entries(models).map(([name, probe]) => [
      `model ${name}`,
      probe.intact ? `intact, ${probe.files} files` : `damaged: ${probe.problem}`,
    ]),
    ...formats.map(({ format, reads, problem }) => [
      `format ${format}`,
      reads ? 'can be read' : `cannot be read: ${problem}`,
    ]),
    ['clips', clips.works ? 'can be read and written' : `GIFs and folders of images only: ${clips.problem}`],
  ]
  const width = Math.max(...lines.map(([name]) => name?.length ?? 0))
  const verdict = healthy
    ? 'All that a run on the CPU needs works.'
    : 'Something that a run on the CPU needs does not work; see above.'
  return `${lines.map(([name, finding]) => `${name?.padEnd(width)}  ${finding}`).join('\n')}\n\n${verdict}\n`
}
