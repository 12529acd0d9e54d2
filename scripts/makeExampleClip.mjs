// Makes examples/swan.mp4: the first frames of the DAVIS clip "blackswan" at 768x432, by our own reader and writer.
//   npm run build && node scripts/makeExampleClip.mjs --davis <folder with blackswan/frames> [--frames 24] [--out
// examples/swan.mp4]
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { readClip } from '../dist/media/node/readClip.js'
import { writeClip } from '../dist/media/node/writeClip.js'

const { values } = parseArgs({
  options: {
    davis: { type: 'string' },
    frames: { type: 'string', default: '24' },
    out: { type: 'string', default: 'examples/swan.mp4' },
  },
})
if (!values.davis)
  throw new RangeError('usage: node scripts/makeExampleClip.mjs --davis <folder> [--frames <number>] [--out <file>]')
const { frames, timing } = await readClip(join(values.davis, 'blackswan', 'frames'), {
  frames: Number(values.frames),
  size: 432,
  frameRate: 24,
})
const { width, height } = await writeClip(values.out, {
  format: 'mp4',
  width: frames.width,
  height: frames.height,
  frames: frames.pixels,
  timing,
})
console.log(`${values.out}: ${frames.pixels.length} frames, ${width}x${height}`)
