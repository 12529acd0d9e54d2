// Runs `editImage` again and again in this process, in memory; prints a line of JSON after each. Started by memory.mjs.
import { editImage } from '../dist/index.js'

const [runs, steps] = process.argv.slice(2).map(Number)
for (let run = 1; run <= runs; run++) {
  const edit = editImage({
    photo: 'examples/teapot.jpg',
    prompt: 'golden teapot',
    source: 'teapot',
    region: 'teapot',
    preset: 'preview',
    steps,
    seed: run,
  })
  for await (const event of edit) void event
  await edit.result
  console.log(JSON.stringify({ run }))
}
