// Two edits over each other: the second is painted on the composite of the first, and both are layers of its PSD.
//
//   node stacked.mjs teapot.jpg runs '{ "steps": 40 }'
import { join } from 'node:path'
import { editImage } from 'text2live'

const [photo = 'teapot.jpg', runs = 'runs', options = '{}'] = process.argv.slice(2)
const more = JSON.parse(options)
const [first, second] = [join(runs, 'golden'), join(runs, 'golden-in-snow')]

await editImage({ photo, out: first, prompt: 'golden teapot', source: 'teapot', seed: 7, ...more }).result
await editImage({ over: [first], out: second, prompt: 'teapot in heavy snow', source: 'teapot', seed: 7, ...more })
  .result
console.log(join(second, 'layers.psd'))
