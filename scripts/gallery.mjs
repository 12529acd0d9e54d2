// Makes docs/starter-gallery.md: every edit of gallery.yaml with preset fast and the starter model, a row of pictures
// for each photo; and of three of them docs/images/results.jpg, which the README opens with.
//   node scripts/gallery.mjs --photos <folder> [--runs <folder>, default runs/gallery] [--only <photo>] [--preset
// <name>] Runs that are there already are continued or taken as they are.
import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import sharp from 'sharp'
import { parse } from 'yaml'
import { editImage, scoreRun } from '../dist/index.js'
import { atomicWrite } from '../dist/media/node/atomicWrite.js'

const { values } = parseArgs({
  options: {
    photos: { type: 'string' },
    runs: { type: 'string', default: 'runs/gallery' },
    only: { type: 'string' },
    preset: { type: 'string', default: 'fast' },
  },
})
if (!values.photos) throw new RangeError('usage: node scripts/gallery.mjs --photos <folder>')
const here = new URL('.', import.meta.url)
const docs = new URL('../docs/', here)
const entries = parse(await readFile(new URL('gallery.yaml', here), 'utf8')).filter(
  ({ photo }) => !values.only || photo === values.only,
)

for (const entry of entries) {
  for (const edit of entry.edits) Object.assign(edit, await run(entry.photo, edit))
  const row = await pictures(entry)
  const folder = entry.share === false ? values.runs : new URL('images/gallery/', docs)
  await mkdir(folder, { recursive: true })
  await atomicWrite(entry.share === false ? join(folder, entry.photo) : new URL(entry.photo, folder).pathname, row)
}
if (!values.only) {
  await atomicWrite(new URL('starter-gallery.md', docs).pathname, page())
  await atomicWrite(new URL('images/results.jpg', docs).pathname, await results())
}

/** Trains, or continues, one edit. */
async function run(photo, { prompt, source, region, screen, options = {} }) {
  const folder = join(values.runs, `${basename(photo, '.jpg')}, ${prompt}`)
  const { preset } = values
  const how = existsSync(folder)
    ? { resume: folder }
    : {
        photo: join(values.photos, photo),
        prompt,
        source,
        region,
        ...(screen ? { screen } : {}),
        preset,
        ...options,
        seed: 1,
        device: 'cpu',
        out: folder,
      }
  const start = performance.now()
  const edit = editImage(how)
  for await (const event of edit)
    if (event.type === 'step' && event.step % 20 === 0) console.log(`${folder}: step ${event.step} of ${event.steps}`)
  await edit.result
  const [scores] = await scoreRun(folder)
  console.log(`${folder}: ${((performance.now() - start) / 1000).toFixed(0)} s`)
  return { folder, scores }
}

/** Photo, then composite and alpha of each edit, 300 px high. */
async function pictures({ edits }) {
  return await beside([
    join(edits[0].folder, 'photo.jpg'),
    ...edits.flatMap(({ folder }) => [join(folder, 'composite.png'), join(folder, 'alpha.png')]),
  ])
}

/** Photo and composite of the three edits that are shown first. */
async function results() {
  const edits = entries.flatMap((entry) => entry.edits.filter(({ first }) => first))
  return await beside(edits.flatMap(({ folder }) => [join(folder, 'photo.jpg'), join(folder, 'composite.png')]))
}

/** Pictures side by side, 300 px high, as a JPEG. */
async function beside(paths) {
  const height = 300
  const cells = await Promise.all(
    paths.map(
      async (path) =>
        await sharp(await readFile(path))
          .removeAlpha()
          .toColourspace('srgb')
          .resize({ height })
          .png()
          .toBuffer({ resolveWithObject: true }),
    ),
  )
  const gap = 6
  let left = 0
  const placed = cells.map(({ data, info }) => {
    const at = { input: data, left, top: 0 }
    left += info.width + gap
    return at
  })
  return await sharp({ create: { width: left - gap, height, channels: 3, background: '#ffffff' } })
    .composite(placed)
    .jpeg({ quality: 82 })
    .toBuffer()
}

function page() {
  const number = (value) => value.toFixed(2)
  const section = ({ photo, credit, share, edits }) => `## ${basename(photo, '.jpg')}
${share === false ? 'The pictures are not shown, since the licence of the photo is not stated exactly.' : `![photo; composite and alpha of "${edits[0].prompt}"; of "${edits[1].prompt}"](images/gallery/${photo})`}

| prompt | kind | what a person sees | alpha, mean | change where alpha is 0 |
|--|--|--|--|--|
${edits.map(({ prompt, kind, verdict, scores }) => `| ${prompt} | ${kind} | ${verdict ?? 'not judged yet'} | ${number(scores.alpha_mean)} | ${scores.change_outside_alpha.toFixed(4)} |`).join('\n')}

Photo: ${credit}.`
  return `# Gallery of the starter model

What the embedded model makes of ${entries.length} photos, two prompts each: preset \`${values.preset}\`, seed 1, on the CPU. Each row shows the photo, then composite and alpha of
both edits. Nothing was chosen among seeds, and no prompt was left out: what fails is shown as it is. Made by

    node scripts/gallery.mjs --photos <folder of the photos>

from the list in \`scripts/gallery.yaml\`, where the verdicts stand too. The scores are those of \`text2live score\`; no similarity is shown, as the only
model at hand is the one that the edits were trained to please.

${entries.map(section).join('\n\n')}
`
}
