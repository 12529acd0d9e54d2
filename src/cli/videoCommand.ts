import { Command } from 'commander'
import type { GivenVideoOptions } from '../options/videoOptions.js'
import { videoTable } from '../options/videoTable.js'
import { followClipRun } from './followClipRun.js'
import { inputAndPrompt } from './inputAndPrompt.js'
import { addOptionFlags, givenTableFlags } from './optionFlags.js'
import type { SetStatus, Terminal } from './terminal.js'

/** `text2live video <clip> "<prompt>"` */
export function videoCommand(terminal: Terminal, setStatus: SetStatus): Command {
  const command = new Command('video')
    .description('edit a clip with a sentence')
    .usage('<clip> "<prompt>" [options]')
    .argument('[clip]', 'the clip to edit: MP4, MOV, WebM, MKV, AVI, GIF, or a folder of images')
    .argument('[prompt]', 'what the edited clip shows')
    .helpOption('-h, --help', 'show this text')
    .option('--resume <folder>', 'continue a run from its last checkpoint')
  addOptionFlags(command, Object.keys(videoTable.rows), videoTable)
  return command
    .addHelpText(
      'after',
      `
Examples:
  $ text2live video swan.mp4 "golden swan" --source swan --region swan
      the swan is found by its name, taken apart from the lake, and gilded; the run folder is runs/swan-1
  $ text2live video swan.mp4 "golden swan" --source swan --region swan --preset preview
      a first impression
  $ text2live video car.mp4 "rusty car" --object car-mask.png
      the object by a mask of one frame; a folder of masks, or --point 400,220, does as well
  $ text2live video lake.mp4 "frozen lake" --layer background --source lake
      what is behind the object
  $ text2live video swan.mp4 --layer both --foreground-prompt "golden swan" --background-prompt "frozen lake"
      an edit for each
  $ text2live video swan.mp4 "swan made of crochet" --atlas runs/swan-1
      another edit with the atlas that was fitted before: no second fit
  $ text2live video swan.mp4 "frozen lake" --layer background --source lake --over runs/swan-1
      a second edit over the first, on its atlas
  $ text2live video --resume runs/swan-1
      go on where Ctrl-C or a crash ended it, whatever the stage`,
    )
    .action(async (first: string | undefined, second: string | undefined, parsed: Record<string, unknown>) => {
      const { clip: flag, ...given } = givenTableFlags(parsed, videoTable) as GivenVideoOptions
      const { input: clip, prompt } = inputAndPrompt(
        'clip',
        flag ?? undefined,
        [first, second].filter((word) => word !== undefined),
      )
      const prompts = [...(prompt === undefined ? [] : [prompt]), ...((given.prompt ?? []) as readonly string[])]
      const options: GivenVideoOptions = {
        ...given,
        ...(clip === undefined ? {} : { clip }),
        ...(prompts.length === 0 ? {} : { prompt: prompts }),
      }
      setStatus(await followClipRun(options, parsed['resume'] as string | undefined, 'edit', terminal))
    })
}
