import { Command } from 'commander'
import { basename, extname } from 'node:path'
import { assertWritablePath, parseOption } from '../options/parseOption.js'
import { printableJson } from '../printable.js'
import { addOptionFlags, givenFlags, presetHelp } from './optionFlags.js'
import { readStandardInput, standardInput } from './readStandardInput.js'
import type { SetStatus, Terminal } from './terminal.js'

/** `text2live relevancy <photo> "<text>" -o heat.png` */
export function relevancyCommand(terminal: Terminal, setStatus: SetStatus): Command {
  const command = new Command('relevancy')
    .description('show where the guidance sees something in a photo, for choosing --region')
    .argument('<photo>', 'JPEG, PNG, WebP, AVIF or TIFF; - is standard input')
    .argument('<text...>', 'what to look for; several are averaged')
    .option('-o, --out <path>', 'PNG to write: the map in colours over the photo (default: <photo>-relevancy.png)')
    .option('--map <path>', 'also write the bare map as a grey PNG, for instance to paint a --mask from')
    .helpOption('-h, --help', 'show this text')
  addOptionFlags(
    command,
    ['preset', 'guidance', 'relevancy', 'size', 'device', 'threads', 'truncate', 'positionEmbedding', 'force', 'json'],
    undefined,
    {
      preset: presetHelp,
      force: 'replace the pictures if they exist',
      json: 'print one line of JSON',
      guidance: 'the models that look, as for text2live image; their maps are averaged (default: starter)',
      size: "short side of the photo, as it would be trained; pictures are written at the photo's own size (default: 256)",
      device: 'where the model runs: auto, cpu, webgpu or cuda; one that does not work is an error (default: auto)',
    },
  )
  return command
    .addHelpText(
      'after',
      `
Examples:
  $ text2live relevancy teapot.jpg "teapot" -o heat.png
      bright is where an edit with --region teapot would begin
  $ text2live relevancy teapot.jpg "lid" --relevancy model
      as coarse as the model itself sees it`,
    )
    .action(
      async (photo: string, region: string[], parsed: Record<string, unknown> & { out?: string; map?: string }) => {
        const { json, out: _, force: forced, ...options } = givenFlags(parsed)
        const force = forced === true
        const { out = `${photo === standardInput ? 'photo' : basename(photo, extname(photo))}-relevancy.png`, map } =
          parsed
        assertWritablePath(out, '--out')
        if (map !== undefined) assertWritablePath(map, '--map')
        const files = { heat: out, ...(map === undefined ? {} : { map }) }
        parseOption('region', region, 'the text')
        const [{ assertFreeFile, writeMap }, { askAlone }] = await Promise.all([
          import('../run/mapRelevancy.js'),
          import('../run/runInProcess.js'),
        ])
        for (const path of Object.values(files)) assertFreeFile(path, force)
        // The pictures alone: the map in numbers, as large as the photo, is for programs.
        const result = await askAlone({
          kind: 'relevancy',
          options: { ...options, region },
          photo: photo === standardInput ? await readStandardInput() : photo,
        })
        for (const [name, path] of Object.entries(files))
          await writeMap(path, result.files[name as keyof typeof files], force)
        if (json !== true) for (const note of result.notes) terminal.stderr.write(`note: ${note}\n`)
        const percent = (100 * result.share).toFixed(0)
        terminal.stdout.write(
          json === true
            ? `${printableJson({ share: result.share, ...files, ...(result.notes.length > 0 ? { notes: result.notes } : {}) })}\n`
            : `wrote ${Object.values(files).join(' and ')}: "${region.join('", "')}" on ${percent} % of the photo\n`,
        )
        setStatus(0)
      },
    )
}
