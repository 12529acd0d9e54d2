// Memory over many runs in one process, over variations, and of a large photo. See docs/benchmarks.md.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import sharp from 'sharp'
import { command, count, digits, peakArguments, printTable, root, runProcess } from './measure.mjs'

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '20' },
    seeds: { type: 'string', default: '6' },
    steps: { type: 'string', default: '3' },
    size: { type: 'string', default: '8000x6000' },
    json: { type: 'boolean', default: false },
  },
})
const steps = count('steps', values.steps)
const [width, height] = values.size.split('x').map((side) => count('size', side))
const edit = [
  'golden teapot',
  '--source',
  'teapot',
  '--region',
  'teapot',
  '--preset',
  'preview',
  '--steps',
  String(steps),
  '--seed',
  '1',
  '--json',
]
const folder = await mkdtemp(join(tmpdir(), 'text2live-bench-'))

/** Runs a process, and looks at its memory after each line that `marks`. */
async function measured(args, marks) {
  const curve = []
  const { status, seconds, stderr, peak } = await runProcess(process.execPath, [...peakArguments, ...args], {
    onLine: (line, _, watch) => {
      if (marks(JSON.parse(line))) curve.push({ ...watch.now(), peak: { ...watch.peak } })
    },
  })
  if (status !== 0) throw new Error(`${args.join(' ')} ended with status ${status}:\n${stderr}`)
  return { curve, seconds, peak }
}

try {
  const many = await measured(
    [fileURLToPath(new URL('./memoryProcess.mjs', import.meta.url)), String(count('runs', values.runs)), String(steps)],
    () => true,
  )
  const variations = await measured(
    [
      command,
      'image',
      'examples/teapot.jpg',
      ...edit,
      '--seeds',
      String(count('seeds', values.seeds)),
      '--out',
      join(folder, 'seeds'),
    ],
    ({ type }) => type === 'done',
  )
  const photo = join(folder, 'large.jpg')
  await sharp(join(root, 'examples/teapot.jpg')).resize(width, height, { fit: 'fill' }).jpeg().toFile(photo)
  const large = await measured([command, 'image', photo, ...edit, '--out', join(folder, 'large')], () => false)
  const render = await measured([command, 'render', join(folder, 'large'), '--json'], () => false)
  if (values.json) console.log(JSON.stringify({ bench: 'memory', many, variations, large, render }))
  else {
    for (const [title, { curve }] of [
      [`${values.runs} runs of editImage in one process`, many],
      [`image --seeds ${values.seeds}`, variations],
    ]) {
      console.log(`${title}\n`)
      printTable([
        ['after', 'process, GB', 'its peak, GB', 'peak with training, GB'],
        ...curve.map(({ own, peak }, i) => [
          i + 1,
          ...[own, peak.own, peak.together].map((bytes) => digits(bytes / 1e9)),
        ]),
      ])
      console.log('')
    }
    const row = (name, { seconds, peak }) => [
      name,
      digits(peak.own / 1e9),
      digits(peak.together / 1e9),
      digits(seconds, 0),
    ]
    printTable([
      ['', 'peak of the process, GB', 'with training, GB', 's'],
      row(`image, ${values.size}, ${steps} steps`, large),
      row(`render, ${values.size}`, render),
    ])
  }
} finally {
  await rm(folder, { recursive: true, force: true })
}
