import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MessageChannel } from 'node:worker_threads'
import { beforeAll, expect, test } from 'vitest'
import { writeClip } from '../../src/media/node/writeClip.js'
import type { GivenVideoOptions } from '../../src/options/videoOptions.js'
import type { HostJob, JobMachine } from '../../src/session/runJob.js'
import { atlasBytes } from '../../src/session/video/atlasFile.js'
import { videoFiles, videoOutputFiles } from '../../src/session/video/videoFiles.js'
import type { VideoEvent } from '../../src/session/videoEvents.js'
import { runInWebWorker, serveJobs, type Wire, type WorkerRun } from '../../src/session/web/runWorker.js'
import { countOpenings } from '../support/countOpenings.js'
import { memoryMachine } from '../support/memoryMachine.js'
import { slidingAtlas } from '../support/slidingAtlas.js'
import { slidingClip } from '../support/slidingClip.js'

// Jobs of clips on the real engine at toy size, their runs in memory. All stand on the atlas of the run "fitted".

const [width, height, frames] = [132, 130, 5]
const sliding = slidingClip(width, height, frames)
const options: GivenVideoOptions = {
  prompt: ['golden disc'],
  source: ['disc'],
  preset: 'preview',
  size: 0,
  trainSize: 0,
  views: 2,
  steps: 1,
  previewEvery: 0,
  start: 'random',
  generatorWidth: 16,
  generatorLevels: 4,
  seed: 7,
  device: 'cpu',
  atlas: 'fitted',
}
let clip: { name: string; bytes: Uint8Array<ArrayBuffer> }
let machine: ReturnType<typeof memoryMachine>

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'text2live-clip-jobs-'))
  const path = join(folder, 'disc.mp4')
  const times = Array.from({ length: frames }, (_, t) => t / 25)
  const timing = { timestamps: times, durations: times.map(() => 1 / 25) }
  await writeClip(path, { format: 'mp4', width, height, timing, frames: sliding.frames.pixels })
  clip = { name: 'disc.mp4', bytes: new Uint8Array(readFileSync(path)) }
  rmSync(folder, { recursive: true })
  machine = memoryMachine()
  await machine.runs.make('fitted', { [videoFiles.atlas]: atlasBytes(await slidingAtlas(sliding), '') })
})

const video = (run: string, given: GivenVideoOptions = {}): HostJob => ({
  kind: 'video',
  options: { ...options, ...given },
  clip,
  object: null,
  mask: null,
  run,
})

/** Does a job in a worker's way, over a wire. */
async function done(
  job: HostJob,
  served: JobMachine,
  onEvent: (event: VideoEvent, run: WorkerRun) => void = () => undefined,
) {
  const { port1, port2 } = new MessageChannel()
  serveJobs(port1 as unknown as Wire, served)
  for (const port of [port1, port2]) port.start()
  const events: VideoEvent[] = []
  const run = runInWebWorker(port2 as unknown as Wire, job, undefined, (event) => {
    events.push(event)
    onEvent(event, run)
  })
  try {
    return { result: await run.result, events }
  } finally {
    for (const port of [port1, port2]) port.close()
  }
}

test('a run opens engine and models once for its texts and layers; it is held, let go and given another step', async () => {
  const { opened, place } = countOpenings(machine)
  const asked = video('both', { layer: 'both', backgroundPrompt: 'red stripes' })
  const { result, events } = await done(asked, place, (event, run) => {
    if (event.type === 'step' && event.layer === 'foreground' && event.step === 1) run.pause()
    if (event.type !== 'paused') return
    run.preview()
    run.continueTo(2)
    run.go()
  })
  expect(result).toMatchObject({ finished: true, step: 2, run: 'both' })
  expect(opened).toEqual(['runtime', 'starter'])
  const told = (...types: VideoEvent['type'][]) =>
    events.flatMap((event) => (types.includes(event.type) ? [event.type] : []))
  expect(told('paused', 'going-on')).toEqual(['paused', 'going-on'])
  expect(told('steps')).toEqual(['steps'])
  expect(told('model-loading', 'preview')).toEqual(['model-loading', 'preview'])
  const steps = events.flatMap((event) => (event.type === 'step' ? [`${event.layer} ${event.step}`] : []))
  expect(steps.sort()).toEqual(['background 1', 'background 2', 'foreground 1', 'foreground 2'])
}, 300_000)

test('a run stands on another of the same store, on its atlas', async () => {
  const { atlas: _, ...given } = options
  const job = { ...video('upper'), options: { ...given, prompt: ['snow'] }, over: ['both'] } as HostJob
  expect((await done(job, machine)).result).toMatchObject({ finished: true, run: 'upper' })
  const [lower, upper] = [machine.kept.get('both')!.files, machine.kept.get('upper')!.files]
  for (const layer of ['foreground', 'background'] as const)
    expect(upper.get(`below-1/${layer}.png`)).toEqual(lower.get(videoOutputFiles[`${layer}Edit`]))
  expect(upper.get(videoFiles.atlas)).toEqual(lower.get(videoFiles.atlas))
  const { events } = await done({ kind: 'render', run: 'upper' }, machine)
  expect(events.at(-1)?.type).toBe('done')
  await expect(done({ ...job, options: { ...given, over: ['both'] } } as HostJob, machine)).rejects.toMatchObject({
    code: 'OPTION_INVALID',
  })
}, 300_000)
