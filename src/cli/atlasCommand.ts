import { Command } from 'commander'
import type { GivenVideoOptions } from '../options/videoOptions.js'
import { videoTable } from '../options/videoTable.js'
import type { ClipJob } from '../run/video/videoJob.js'
import { followClipRun } from './followClipRun.js'
import { followVideo } from './followVideo.js'
import { inputAndPrompt, twoInputs } from './inputAndPrompt.js'
import { addOptionFlags, givenTableFlags } from './optionFlags.js'
import type { SetStatus, Terminal } from './terminal.js'

/** Flags of a fit: what has to do with the clip, the object and the atlas, not with an edit. */
const fitFlags = [
  'clip',
  'region',
  'truncate',
  'object',
  'point',
  'frames',
  'preset',
  'size',
  'seed',
  'device',
  'threads',
  'guidance',
  'config',
  'out',
  'force',
  'json',
  'atlas',
  'atlasSize',
  'atlasIterations',
  'atlasSampling',
]
/** Flags of the commands that use an atlas. */
const useFlags = ['frames', 'size', 'device', 'threads', 'out', 'force', 'json', 'atlasSize', 'atlasSampling']

const device = 'where networks run: auto, cpu, webgpu or cuda; one that does not work is an error (default: auto)'

/** What a fit does with options that an edit uses otherwise. */
const fitHelp: Readonly<Record<string, string>> = {
  clip: 'the clip: MP4, MOV, WebM, MKV, AVI, GIF, or a folder of images in the order of their names',
  region: 'what the foreground object is called: finds it, where --object or --point does not',
  size: 'short side of the frames that the atlas is fitted to (default: 432)',
  guidance: 'the image-text models that find the object by its name, as for text2live video (default: starter)',
  device,
}

/** What a command that uses an atlas does with the options of a fit: a folder of ours says itself how it was fitted. */
const useHelp = (name: string): Readonly<Record<string, string>> => ({
  out: `folder to make (default: ${name}/ in that of the atlas)`,
  force: 'replace its files if it exists',
  device,
  frames: 'with --clip: the number of frames that the atlas was fitted to, from the first on (default: all)',
  size: 'with --clip: the short side of the frames that the atlas was fitted to (default: 432)',
  atlasSize:
    'of a published atlas: side of the square image that it is rendered to, before it is cropped to what the clip uses (default: 2000)',
  atlasSampling: 'of a published atlas: how frames read its image, reference or fixed (default: fixed)',
})

/** `text2live atlas fit|inspect|render` */
export function atlasCommand(terminal: Terminal, setStatus: SetStatus): Command {
  const command = new Command('atlas')
    .description('fit, look at and paint the layered atlas of a clip')
    .helpOption('-h, --help', 'show this text')
    .addHelpText(
      'after',
      `
A layered atlas takes a clip apart into two flat pictures, foreground and background; what is painted on them moves with the clip.

Examples:
  $ text2live atlas fit swan.mp4 --region swan -o swan-atlas
  $ text2live atlas inspect swan-atlas
  $ text2live atlas render swan-atlas --foreground painted.psd -o painted
  $ text2live video swan.mp4 "golden swan" --source swan --atlas swan-atlas`,
    )
  command.helpCommand(false)
  return command
    .addCommand(fitCommand(terminal, setStatus))
    .addCommand(inspectCommand(terminal, setStatus))
    .addCommand(renderCommand(terminal, setStatus))
}

function fitCommand(terminal: Terminal, setStatus: SetStatus): Command {
  const command = new Command('fit')
    .description('fit a layered atlas to a clip')
    .argument('[clip]', 'MP4, MOV, WebM, MKV, AVI, GIF, or a folder of images')
    .helpOption('-h, --help', 'show this text')
    .option('--resume <folder>', 'continue a fit from its last checkpoint')
  addOptionFlags(command, fitFlags, videoTable, fitHelp)
  return command
    .addHelpText(
      'after',
      `
Examples:
  $ text2live atlas fit swan.mp4 --region swan -o swan-atlas
      the swan is found by its name; atlas.safetensors, the masks and metrics.json are in swan-atlas
  $ text2live atlas fit car.mp4 --object masks/ --atlas neural
      masks of the frames, and the networks of layered neural atlases: hours`,
    )
    .action(async (word: string | undefined, parsed: Record<string, unknown>) => {
      const { clip: flag, ...given } = givenTableFlags(parsed, videoTable) as GivenVideoOptions
      const { input: clip, prompt } = inputAndPrompt('clip', flag ?? undefined, word === undefined ? [] : [word])
      // A fit has no prompt: a word beside --clip is another clip.
      if (prompt !== undefined) throw twoInputs('clip', flag ?? '', prompt)
      const options: GivenVideoOptions = { ...given, ...(clip === undefined ? {} : { clip }) }
      setStatus(await followClipRun(options, parsed['resume'] as string | undefined, 'atlas', terminal))
    })
}

function inspectCommand(terminal: Terminal, setStatus: SetStatus): Command {
  const command = new Command('inspect')
    .description('write atlas images, opacity, a checkerboard on the clip and the PSNR of each frame')
    .argument('<atlas>', 'a run folder, a folder of "atlas fit", or a published checkpoint (with --clip)')
    .helpOption('-h, --help', 'show this text')
    .option('--clip <path>', 'the clip that the atlas was fitted to, where the folder does not hold it')
  addOptionFlags(command, useFlags, videoTable, useHelp('inspect'))
  return command
    .addHelpText(
      'after',
      `
Examples:
  $ text2live atlas inspect swan-atlas
      into swan-atlas/inspect
  $ text2live atlas inspect pretrained/blackswan/checkpoint --clip data/blackswan --frames 50 -o look
      a published atlas`,
    )
    .action(async (atlas: string, parsed: Record<string, unknown> & { clip?: string }) => {
      const job = { kind: 'atlas-inspect', ...useOptions(atlas, parsed) } as const satisfies ClipJob
      setStatus(await followVideo(job, parsed['json'] === true, terminal))
    })
}

function renderCommand(terminal: Terminal, setStatus: SetStatus): Command {
  const command = new Command('render')
    .description('map hand-painted atlas layers back to all frames of the clip')
    .argument('<atlas>', 'a run folder, a folder of "atlas fit", or a published checkpoint (with --clip)')
    .helpOption('-h, --help', 'show this text')
    .option('--foreground <path>', 'the painted foreground: PNG, PSD or ORA of the size of its atlas image')
    .option('--background <path>', 'the painted background')
    .option('--clip <path>', 'the clip that the atlas was fitted to, where the folder does not hold it')
  addOptionFlags(command, useFlags, videoTable, useHelp('painted'))
  return command
    .addHelpText(
      'after',
      `
Of a PSD or ORA all that is visible is taken, with masks, opacity, groups and clipping, except the picture that was painted over (the layer "atlas" or
"photo") and "mask"; a file without other layers counts as a whole. Blend modes, adjustments and layer effects are refused by name. Of a PNG the picture
with its alpha is taken.

Example:
  $ text2live atlas render runs/swan-1 --foreground runs/swan-1/foreground-atlas.psd -o painted
      the edited clip, the edit layer alone, and both side by side`,
    )
    .action(async (atlas: string, parsed: Record<string, unknown> & { foreground?: string; background?: string }) => {
      const { foreground, background } = parsed
      const painted = {
        ...(foreground === undefined ? {} : { foreground }),
        ...(background === undefined ? {} : { background }),
      }
      const job = { kind: 'atlas-render', painted, ...useOptions(atlas, parsed) } as const satisfies ClipJob
      setStatus(await followVideo(job, parsed['json'] === true, terminal))
    })
}

function useOptions(atlas: string, parsed: Record<string, unknown>) {
  const { out, force, json: _, ...options } = givenTableFlags(parsed, videoTable) as GivenVideoOptions
  return { atlas, options, out: out ?? null, force: force === true }
}
