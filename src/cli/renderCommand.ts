import { Command } from 'commander'
import { followRun } from './followRun.js'
import type { SetStatus, Terminal } from './terminal.js'

/** `text2live render <folder>` */
export function renderCommand(terminal: Terminal, setStatus: SetStatus): Command {
  return new Command('render')
    .description('write the outputs of a run again, from its checkpoint')
    .argument('<folder>', 'the run folder')
    .option(
      '--guidance <module>',
      'the module of a plug-in that the run was made with',
      (value: string, before: readonly string[] | undefined) => [...(before ?? []), value],
    )
    .option('--json', 'print events as NDJSON on stdout and nothing else')
    .helpOption('-h, --help', 'show this text')
    .addHelpText(
      'after',
      `
Example:
  $ text2live render runs/teapot-1
      composite.png, edit.png, layers.psd and the rest, as of the last checkpoint; of a clip edited.mp4 and the rest`,
    )
    .action(async (folder: string, { json }: { json?: true }) => {
      const { runKind } = await import('../run/runKind.js')
      const job = { kind: 'render', run: folder } as const
      if ((await runKind(folder)) === 'video') {
        const { followVideo } = await import('./followVideo.js')
        setStatus(await followVideo(job, json === true, terminal))
        return
      }
      const { runInProcess } = await import('../run/runInProcess.js')
      setStatus(await followRun((signal, emit) => runInProcess(job, signal, emit), json === true, terminal))
    })
}
