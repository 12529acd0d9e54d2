// Makes the pictures of docs/guide/option-pictures.md: one photo, one option at a time, everything else the same.
//   npm run build && node scripts/optionPictures.mjs [--runs <folder>, default runs/options] [--only <option>]
// Runs that are there already are taken as they are.
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import sharp from 'sharp'
import { editImage } from '../dist/index.js'
import { atomicWrite } from '../dist/media/node/atomicWrite.js'

const { values } = parseArgs({
  options: { runs: { type: 'string', default: 'runs/options' }, only: { type: 'string' } },
})
const root = fileURLToPath(new URL('..', import.meta.url))

/** What all have in common. */
const common = {
  photo: join(root, 'examples/teapot.jpg'),
  prompt: 'golden teapot',
  source: 'teapot',
  region: 'teapot',
  preset: 'preview',
  seed: 1,
  device: 'cpu',
}
/** Each option with the values that are shown, left to right. */
const rows = {
  preset: [{ preset: 'preview' }, { preset: 'fast' }],
  seed: [{ seed: 1 }, { seed: 2 }, { seed: 3 }],
  start: [{ start: 'learned' }, { start: 'random', steps: 40 }],
  region: [{ region: 'none' }, { region: 'teapot' }, { region: 'leaf', source: 'leaf', prompt: 'golden leaf' }],
  'lambda-sparsity': [{ lambdaSparsity: 0 }, { lambdaSparsity: 6 }, { lambdaSparsity: 60 }],
  screen: [
    { prompt: 'teapot on fire', screen: 'fire' },
    { prompt: 'teapot covered in snow', screen: 'snow' },
    { prompt: 'teapot covered in snow' },
  ],
  views: [{ views: 1 }, { views: 16 }],
  'region-bound': [{ regionBound: 0 }, { regionBound: 1 }],
  surroundings: [{ surroundings: 'shown' }, { surroundings: 'hidden' }],
  'lambda-structure': [{ lambdaStructure: 0 }, { lambdaStructure: 2 }, { lambdaStructure: 40 }],
  'lambda-colour': [{ lambdaColour: 0 }, { lambdaColour: 100 }],
}

const images = join(root, 'docs/images/options')
await mkdir(images, { recursive: true })
for (const [option, shown] of Object.entries(rows)) {
  if (values.only !== undefined && option !== values.only) continue
  const folders = []
  for (const given of shown) folders.push(await run(given))
  await atomicWrite(join(images, `${option}.jpg`), await row(folders))
}

async function run(given) {
  const name = Object.entries(given).map(([key, value]) => `${key} ${value}`)
  const out = join(values.runs, name.join(', '))
  if (!existsSync(join(out, 'composite.png'))) {
    console.log(out)
    await editImage({ ...common, ...given, out }).result
  }
  return out
}

/** The composites, their alphas below them. */
async function row(folders) {
  const [side, gap] = [240, 6]
  const cell = async (folder, name) =>
    await sharp(join(folder, name)).removeAlpha().toColourspace('srgb').resize(side, side).png().toBuffer()
  const placed = await Promise.all(
    folders.flatMap((folder, i) =>
      ['composite.png', 'alpha.png'].map(async (name, j) => ({
        input: await cell(folder, name),
        left: i * (side + gap),
        top: j * (side + gap),
      })),
    ),
  )
  const width = folders.length * (side + gap) - gap
  return await sharp({ create: { width, height: 2 * side + gap, channels: 3, background: '#ffffff' } })
    .composite(placed)
    .jpeg({ quality: 80 })
    .toBuffer()
}
