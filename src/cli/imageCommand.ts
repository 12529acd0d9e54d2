import { Command } from 'commander'
import { validateOptions } from '../options/resolveSettings.js'
import { imageJobOf, type ImageOptions } from '../run/imageJob.js'
import { followRun } from './followRun.js'
import { inputAndPrompt } from './inputAndPrompt.js'
import { addOptionFlags, givenFlags } from './optionFlags.js'
import { readStandardInput, standardInput } from './readStandardInput.js'
import type { SetStatus, Terminal } from './terminal.js'

/** `text2live image <photo> "<prompt>"` */
export function imageCommand(terminal: Terminal, setStatus: SetStatus): Command {
  const command = new Command('image')
    .description('edit a photo with a sentence')
    .usage('<photo> "<prompt>" [options]')
    .argument('[photo]', 'the photo to edit: JPEG, PNG, WebP, AVIF or TIFF')
    .argument('[prompt]', 'what the edited photo shows')
    .helpOption('-h, --help', 'show this text')
    .option('--resume <folder>', 'continue a run from its last checkpoint')
  addOptionFlags(command)
  return command
    .addHelpText(
      'after',
      `
Examples:
  $ text2live image teapot.jpg "golden teapot"
      the least there is to say; the run folder is runs/teapot-1
  $ text2live image teapot.jpg "golden teapot" --source teapot --region teapot
      better: say what the photo shows and where the edit goes
  $ text2live image cat.jpg "a cat made of stained glass" --prompt "stained glass cat" --screen "stained glass"
      two wordings of one edit, and what the edit layer is made of
  $ text2live image street.jpg "street in heavy snow" --mask ground.png --seeds 4
      inside a mask, four variations and a contact sheet
  $ cat teapot.jpg | text2live image - "golden teapot"
      the photo from standard input
  $ text2live image --over runs/street-1 "street at night"
      a second edit over the first, on its photo
  $ text2live image --config golden_horse.yaml --preset reference
      an example of the published code, trained as that code trains
  $ text2live image --resume runs/teapot-1
      go on where Ctrl-C or a crash ended it`,
    )
    .action(async (first: string | undefined, second: string | undefined, parsed: Record<string, unknown>) => {
      const { photo: flag, ...given } = givenFlags(parsed)
      const { input, prompt } = inputAndPrompt(
        'photo',
        flag ?? undefined,
        [first, second].filter((word) => word !== undefined),
        (given.over ?? []).length > 0,
      )
      const prompts = [...(prompt === undefined ? [] : [prompt]), ...((given.prompt ?? []) as readonly string[])]
      const resume = parsed['resume'] as string | undefined
      validateOptions(prompts.length === 0 ? {} : { prompt: prompts })
      const photo = input === standardInput && resume === undefined ? await readStandardInput() : input
      const options: ImageOptions = {
        ...given,
        ...(photo === undefined ? {} : { photo }),
        ...(prompts.length === 0 ? {} : { prompt: prompts }),
      }
      const { runInProcess } = await import('../run/runInProcess.js')
      const job = imageJobOf({ ...options, resume }, true)
      setStatus(await followRun((signal, emit) => runInProcess(job, signal, emit), given.json === true, terminal))
    })
}
