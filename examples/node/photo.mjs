// Edits a photo and keeps the pictures of the edit.
//
//   node photo.mjs teapot.jpg golden-teapot '{ "steps": 40 }'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { editImage } from 'text2live'

const [photo = 'teapot.jpg', out = 'golden-teapot', options = '{}'] = process.argv.slice(2)

const run = editImage({
  photo,
  prompt: 'golden teapot',
  source: 'teapot',
  region: 'teapot',
  seed: 7,
  ...JSON.parse(options),
})
for await (const event of run)
  if (event.type === 'step') console.log(`${event.step} of ${event.steps}: loss ${event.losses.total.toFixed(3)}`)

const { files } = await run.result
await mkdir(out, { recursive: true })
await writeFile(join(out, 'composite.png'), files.composite)
await writeFile(join(out, 'layers.psd'), files.layersPsd)
