// Edits a clip; what it makes lies in the run folder.
//
//   node clip.mjs swan.mp4 runs/golden-swan '{ "frames": 8 }'
import { editVideo } from 'text2live'

const [clip = 'swan.mp4', out = 'runs/golden-swan', options = '{}'] = process.argv.slice(2)

const run = editVideo({
  clip,
  out,
  prompt: 'golden swan',
  source: 'swan',
  region: 'swan',
  seed: 7,
  ...JSON.parse(options),
})
for await (const event of run) {
  if (event.type === 'stage-start') console.log(event.stage)
  if (event.type === 'step') console.log(`${event.layer}, ${event.step} of ${event.steps}`)
}
const { folder, metrics } = await run.result
console.log(`${folder}: the atlas gives the clip back with ${metrics.psnr.toFixed(1)} dB`)
