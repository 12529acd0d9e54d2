// Quality, time and peak memory of the fast layered atlas, each fit in a process of its own. See docs/benchmarks.md.
import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { count, digits, printTable, runForJson } from './measure.mjs'

const { values } = parseArgs({
  options: {
    clip: { type: 'string', multiple: true, default: ['blackswan', 'libby', 'car-roundabout'] },
    frames: { type: 'string' },
    threads: { type: 'string', default: '2' },
    width: { type: 'string', default: '768' },
    height: { type: 'string', default: '432' },
    json: { type: 'boolean', default: false },
  },
})
const data = process.env.TEXT2LIVE_DATA
if (!data) throw new Error('Set TEXT2LIVE_DATA to a folder with videos/<clip>/frames and videos/<clip>/masks (DAVIS).')
const lengths = values.frames?.split(',').map((text) => count('frames', text)) ?? [undefined]
const [threads, width, height] = ['threads', 'width', 'height'].map((name) => count(name, values[name]))

const results = []
for (const clip of values.clip) {
  const folder = path.join(data, 'videos', clip)
  if (!existsSync(folder)) throw new Error(`There is no ${folder}.`)
  for (const frames of lengths) {
    const request = JSON.stringify({ folder, frames, width, height, threads })
    const { result } = await runForJson(process.execPath, [
      fileURLToPath(new URL('./atlasProcess.mjs', import.meta.url)),
      request,
    ])
    results.push({ clip, ...result, peakGB: result.peakBytes / 1e9 })
  }
}

if (values.json) console.log(JSON.stringify({ bench: 'atlas', results }))
else {
  console.log(`fast layered atlas, ${width}x${height}, ${threads} threads; seconds\n`)
  printTable([
    [
      'clip',
      'frames',
      'PSNR: mean',
      'min',
      'flow consistency px',
      'opacity IoU',
      'flow',
      'fit',
      'processor',
      'peak GB',
      'foreground',
      'background',
    ],
    ...results.map((r) => [
      r.clip,
      r.frames,
      digits(r.meanPsnr),
      digits(r.minPsnr),
      digits(r.flowConsistency),
      digits(r.opacityIou),
      digits(r.flowSeconds),
      digits(r.fitSeconds),
      digits(r.processorSeconds),
      digits(r.peakGB),
      r.foreground.join('x'),
      r.background.join('x'),
    ]),
  ])
}
