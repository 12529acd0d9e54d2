// Four variations of one edit, with a contact sheet.
//
//   node variations.mjs teapot.jpg runs/variations '{ "seeds": 2 }'
import { editImage } from 'text2live'

const [photo = 'teapot.jpg', out = 'runs/variations', options = '{}'] = process.argv.slice(2)

const run = editImage({
  photo,
  out,
  prompt: 'teapot made of ice',
  source: 'teapot',
  seeds: 4,
  seed: 7,
  preset: 'preview',
  ...JSON.parse(options),
})
for await (const event of run) if (event.type === 'variation') console.log(`seed ${event.seed}`)
await run.result
