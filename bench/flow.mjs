// Optical flow and foreground masks of DAVIS clips: time, consistency, overlap with the true masks by each kind of
// hint. See docs/benchmarks.md.
import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { count, digits, peakArguments, printTable, runForJson } from './measure.mjs'

const { values } = parseArgs({
  options: {
    clip: { type: 'string', multiple: true, default: ['blackswan=swan', 'libby=dog', 'car-roundabout=car'] },
    hint: { type: 'string', multiple: true, default: ['mask', 'point', 'motion', 'word', 'nothing'] },
    frames: { type: 'string' },
    width: { type: 'string', default: '768' },
    height: { type: 'string', default: '432' },
    json: { type: 'boolean', default: false },
  },
})
const data = process.env.TEXT2LIVE_DATA
if (!data) throw new Error('Set TEXT2LIVE_DATA to a folder with videos/<clip>/frames and videos/<clip>/masks (DAVIS).')
const [width, height] = ['width', 'height'].map((name) => count(name, values[name]))
const frames = values.frames === undefined ? undefined : count('frames', values.frames)

const results = []
for (const text of values.clip) {
  const [clip, region] = text.split('=')
  const folder = path.join(data, 'videos', clip)
  if (!existsSync(folder)) throw new Error(`There is no ${folder}.`)
  const request = JSON.stringify({ folder, region, frames, width, height, hints: values.hint })
  const { result, peakBytes } = await runForJson(process.execPath, [
    ...peakArguments,
    fileURLToPath(new URL('./flowProcess.mjs', import.meta.url)),
    request,
  ])
  results.push({ clip, region, ...result, peakGB: peakBytes / 1e9 })
}

if (values.json) console.log(JSON.stringify({ bench: 'flow', results }))
else {
  console.log(`optical flow, ${width}x${height}, both directions\n`)
  printTable([
    ['clip', 'frames', 'wall s a pair', 'processor s a pair', 'valid', 'warp error', 'peak GB'],
    ...results.map((r) => [
      r.clip,
      r.frames,
      digits(r.pairSeconds),
      digits(r.pairProcessorSeconds),
      digits(r.valid, 3),
      r.warpError.toExponential(2),
      digits(r.peakGB),
    ]),
  ])
  console.log('\nforeground masks: overlap (intersection over union) with the true masks\n')
  printTable([
    ['clip', 'hint', 'mean', 'least', 'frames above .5', 'wall s', 'processor s'],
    ...results.flatMap(({ clip, hints }) =>
      hints.map((h) => [
        clip,
        h.hint,
        digits(h.mean, 3),
        digits(h.least, 3),
        digits(h.found, 2),
        digits(h.seconds, 0),
        digits(h.processorSeconds, 0),
      ]),
    ),
  ])
}
