import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { writeClip } from '../../src/media/node/writeClip.js'
import type { GivenVideoOptions } from '../../src/options/videoOptions.js'
import type { Job } from '../../src/session/job.js'
import { type JobMachine, runJob } from '../../src/session/runJob.js'
import { atlasBytes } from '../../src/session/video/atlasFile.js'
import { videoFiles } from '../../src/session/video/videoFiles.js'
import type { VideoEvent } from '../../src/session/videoEvents.js'
import { WarmModels } from '../../src/session/warmModels.js'
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
let atlas: Uint8Array

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'text2live-clip-jobs-'))
  const path = join(folder, 'disc.mp4')
  const times = Array.from({ length: frames }, (_, t) => t / 25)
  const timing = { timestamps: times, durations: times.map(() => 1 / 25) }
  await writeClip(path, { format: 'mp4', width, height, timing, frames: sliding.frames.pixels })
  clip = { name: 'disc.mp4', bytes: new Uint8Array(readFileSync(path)) }
  atlas = atlasBytes(await slidingAtlas(sliding), '')
  rmSync(folder, { recursive: true })
})

async function clipMachine() {
  const machine = memoryMachine()
  await machine.runs.make('fitted', { [videoFiles.atlas]: atlas })
  return machine
}

const video = (run: string, given: GivenVideoOptions = {}): Job => ({
  kind: 'video',
  options: { ...options, ...given },
  clip,
  object: null,
  mask: null,
  run,
})

async function done(job: Job, machine: JobMachine) {
  const events: VideoEvent[] = []
  const outcome = await runJob(
    job,
    machine,
    new AbortController().signal,
    () => undefined,
    undefined,
    (event) => {
      events.push(event)
    },
  )
  return { events, outcome }
}

test('what checks the texts and what trains the layers of a run open engine and models once', async () => {
  const { opened, place: machine } = countOpenings({ ...(await clipMachine()), warm: new WarmModels() })
  const { outcome, events } = await done(video('both', { layer: 'both', backgroundPrompt: 'red stripes' }), machine)
  expect(outcome).toMatchObject({ finished: true, step: 1 })
  expect(opened).toEqual(['runtime', 'starter'])
  expect(events.filter(({ type }) => type === 'model-loading').length).toBe(1)
}, 300_000)
