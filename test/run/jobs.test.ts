import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { GivenOptions } from '../../src/options/imageOptions.js'
import type { RunEvent } from '../../src/session/events.js'
import { outputFiles } from '../../src/session/events.js'
import { runFiles } from '../../src/session/runFiles.js'
import type { HostJob, JobMachine } from '../../src/session/runJob.js'
import { runInWebWorker, serveJobs, type Wire, type WorkerRun } from '../../src/session/web/runWorker.js'
import { WarmModels } from '../../src/session/warmModels.js'
import { countOpenings } from '../support/countOpenings.js'
import { memoryMachine } from '../support/memoryMachine.js'

// Jobs over the wire, on the real engine at toy size: `serveJobs` at one port, as in a browser's worker, and whoever
// asks at the other.

const teapot = fileURLToPath(new URL('../../examples/teapot.jpg', import.meta.url))
const options: GivenOptions = {
  prompt: ['golden teapot'],
  preset: 'preview',
  size: 192,
  views: 1,
  generatorWidth: 8,
  generatorLevels: 4,
  start: 'random',
  seed: 7,
  device: 'cpu',
}
let photo: { name: string; bytes: Uint8Array<ArrayBuffer> }
let machine: ReturnType<typeof memoryMachine>
let page: Wire
const ports: MessagePort[] = []

beforeAll(async () => {
  photo = {
    name: 'photo.png',
    bytes: new Uint8Array(
      await sharp(await readFile(teapot))
        .resize(256)
        .png()
        .toBuffer(),
    ),
  }
  machine = memoryMachine()
  page = serve(machine)
})
afterAll(() => {
  for (const port of ports) port.close()
})

/** The page's end of a wire to a worker of this machine. */
function serve(served: JobMachine): Wire {
  const { port1, port2 } = new MessageChannel()
  ports.push(port1, port2)
  serveJobs(port1 as unknown as Wire, served)
  for (const port of [port1, port2]) port.start()
  return port2 as unknown as Wire
}

async function done<Asked extends HostJob>(
  job: Asked,
  onEvent: (event: RunEvent, run: WorkerRun) => void = () => undefined,
  worker = page,
) {
  const events: RunEvent[] = []
  const run = runInWebWorker(worker, job, (event) => {
    events.push(event)
    onEvent(event, run)
  })
  return { result: await run.result, events }
}

describe('a job of kind relevancy', () => {
  const share = async (given: GivenOptions) =>
    (await done({ kind: 'relevancy', options: { ...options, ...given }, photo })).result

  test('finds what prompt and photo agree on, and tells what it is at', async () => {
    const { result, events } = await done({ kind: 'relevancy', options, photo })
    expect(result.texts).toEqual(['golden teapot'])
    expect(result.notes.join()).toContain('which prompt and photo agree on')
    expect(events.map((event) => (event.type === 'phase' ? event.phase : event.type))).toEqual([
      'model-loading',
      'texts',
      'locating',
      'note',
    ])
    const { data, info } = await sharp(result.map).raw().toBuffer({ resolveWithObject: true })
    expect([info.width, info.height]).toEqual([result.planes.width, result.planes.height])
    const furthest = result.planes.data.reduce(
      (most, x, i) => Math.max(most, Math.abs(255 * x - data[i * info.channels]!)),
      0,
    )
    expect(furthest).toBeLessThanOrEqual(0.51)
    expect(result.share).toBeGreaterThan(0.05)
    expect(result.share).toBeLessThan(0.6)
    expect(machine.kept.size).toBe(0)
  })

  test('takes the region first, then the source; without either nothing bounds the edit', async () => {
    expect((await share({ source: ['teapot'], prompt: [] })).texts).toEqual(['teapot'])
    expect((await share({ source: ['teapot'], region: ['table'] })).texts).toEqual(['table'])
    const anywhere = await share({ region: ['none'] })
    expect([anywhere.share, anywhere.texts]).toEqual([1, []])
    expect(anywhere.planes.data.every((x) => x === 1)).toBe(true)
  })

  test('refuses by code what a person gets wrong', async () => {
    await expect(share({ prompt: [] })).rejects.toMatchObject({ code: 'PROMPT_EMPTY' })
    await expect(share({ source: ['чайник'] })).rejects.toMatchObject({ code: 'PROMPT_NOT_UNDERSTOOD' })
    await expect(done({ kind: 'find' } as unknown as HostJob)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })

  test.each(['texts', 'locating'] as const)('is given up while it is at its %s', async (phase) => {
    let told = 0
    const run = runInWebWorker(page, { kind: 'relevancy', options, photo }, (event) => {
      if (event.type !== 'phase' || event.phase !== phase) return
      told = performance.now()
      run.stop()
    })
    await expect(run.result).rejects.toMatchObject({ code: 'INTERRUPTED' })
    expect(told).toBeGreaterThan(0)
  })
})

describe('the making of a trainer', () => {
  test.each(['model-loading', 'texts', 'locating'] as const)('is given up at its %s, and leaves no run', async (at) => {
    const seen: string[] = []
    // A worker of its own: it has no model open yet.
    const run = runInWebWorker(
      serve(machine),
      { kind: 'image', options, photo, mask: null, run: 'given-up' },
      (event) => {
        const name = event.type === 'phase' ? event.phase : event.type
        seen.push(name)
        if (name === at) run.stop()
      },
    )
    await expect(run.result).rejects.toMatchObject({ code: 'INTERRUPTED' })
    expect(seen).toContain(at)
    expect(seen).not.toContain('run-start')
    expect(machine.kept.has('given-up')).toBe(false)
  })
})

describe('two jobs after each other', () => {
  /** A machine that counts what is opened. */
  function counting(bound?: number) {
    const own = memoryMachine()
    const { opened, place: counted } = countOpenings({
      ...own,
      ...(bound === undefined ? {} : { warm: new WarmModels(bound) }),
    })
    return { opened, kept: own.kept, machine: counted, worker: serve(counted) }
  }
  const image = (run: string, given: GivenOptions = {}): HostJob => ({
    kind: 'image',
    // With the learned first weights, which are a model too.
    options: {
      ...options,
      start: 'learned',
      generatorWidth: 64,
      generatorLevels: 7,
      source: ['teapot'],
      steps: 2,
      previewEvery: 0,
      ...given,
    },
    photo,
    mask: null,
    run,
  })

  test('open engine and models once, and leave the bits that each leaves alone', async () => {
    const { opened, kept, machine: own, worker } = counting()
    const first = await done(image('first'), undefined, worker)
    const all = ['outline', 'runtime', 'start', 'starter']
    expect([...opened].sort()).toEqual(all)
    const second = await done(image('second'), undefined, worker)
    const told = (events: readonly RunEvent[]) => events.filter(({ type }) => type === 'model-loading').length
    expect([told(first.events), told(second.events)]).toEqual([1, 0])
    const same = (file: string) => {
      const [one, two] = [kept.get('first')!.files.get(file)!, kept.get('second')!.files.get(file)!]
      expect(Buffer.from(one).equals(two), file).toBe(true)
    }
    const files = [runFiles.checkpoint, outputFiles.composite, outputFiles.edit]
    files.forEach(same)
    await done({ kind: 'resume', run: 'second', options: { steps: 3 } }, undefined, worker)
    expect([...opened].sort()).toEqual(all)
    // The other goes on in a worker of its own, where nothing is open.
    await done({ kind: 'resume', run: 'first', options: { steps: 3 } }, undefined, serve(own))
    expect(opened.filter((name) => name === 'starter').length).toBe(2)
    files.forEach(same)
  }, 400_000)

  test('open again what the bound does not hold, and everything after the machine failed', async () => {
    const { opened, worker } = counting(1000)
    await done({ kind: 'relevancy', options, photo }, undefined, worker)
    await done({ kind: 'relevancy', options, photo }, undefined, worker)
    expect([...opened].sort()).toEqual(['outline', 'runtime', 'starter', 'starter'])
    const warm = new WarmModels()
    let failures = 0
    const own = memoryMachine()
    const machineThatFails: JobMachine = {
      ...own,
      warm,
      models: {
        ...own.models,
        bundled: (name) => (failures++ === 0 ? Promise.reject(new Error('gone')) : own.models.bundled(name)),
      },
      runtime: (settings) => {
        opened.push('again')
        return own.runtime(settings)
      },
    }
    const failing = serve(machineThatFails)
    await expect(done({ kind: 'relevancy', options, photo }, undefined, failing)).rejects.toThrow('gone')
    await done({ kind: 'relevancy', options, photo }, undefined, failing)
    await expect(
      done({ kind: 'relevancy', options: { ...options, prompt: [] }, photo }, undefined, failing),
    ).rejects.toThrow()
    await done({ kind: 'relevancy', options, photo }, undefined, failing)
    expect(opened.filter((name) => name === 'again').length).toBe(2)
  }, 400_000)
})

describe('a run in a worker', () => {
  test('is called after its photo where nobody names it, takes another mask and gives a preview when it is asked', async () => {
    const { width, height } = await sharp(photo.bytes).metadata()
    const left = new Uint8Array(
      await sharp(
        Uint8Array.from({ length: width * height }, (_, i) => (i % width < width / 2 ? 255 : 0)),
        { raw: { width, height, channels: 1 } },
      )
        .toColourspace('b-w')
        .png()
        .toBuffer(),
    )
    const { events, result } = await done(
      {
        kind: 'image',
        options: { ...options, region: ['none'], steps: 3, previewEvery: 0 },
        photo: { ...photo, name: 'masked.png' },
        mask: null,
      },
      (event, run) => {
        if (event.type !== 'step' || event.step !== 1) return
        run.setMask({ name: 'left.png', bytes: left })
        run.preview()
      },
    )
    expect(result).toMatchObject({ finished: true, run: 'masked' })
    const at = (type: RunEvent['type']) =>
      events.flatMap((event) => (event.type === type && 'step' in event ? [event.step] : []))
    expect(at('mask').length).toBe(1)
    expect(at('preview')).toEqual(at('mask'))
    const alpha = await sharp(machine.kept.get('masked')!.files.get(outputFiles.alpha))
      .extractChannel(0)
      .raw()
      .toBuffer()
    expect(alpha.some((x, i) => i % width >= width / 2 + 1 && x > 0)).toBe(false)
    expect(alpha.some((x) => x > 0)).toBe(true)
  })

  test('stands on runs of the same store', async () => {
    const job: HostJob = {
      kind: 'image',
      options: { ...options, prompt: ['teapot with snow'], source: ['teapot'], steps: 2, previewEvery: 0 },
      photo: null,
      mask: null,
      run: 'upper',
      over: ['masked'],
    }
    await done(job)
    const [lower, upper] = [machine.kept.get('masked')!.files, machine.kept.get('upper')!.files]
    expect(upper.get('below-1.png')).toEqual(lower.get(outputFiles.edit))
    expect(upper.get('photo.png')).toEqual(lower.get('photo.png'))
    await done({ kind: 'render', run: 'upper' })
    await expect(done({ ...job, over: ['nowhere'] })).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' })
    await expect(done({ ...job, over: [], photo: null })).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' })
  }, 400_000)
})

describe('a job of kind score', () => {
  test('measures a run of the store as the pictures say, and keeps nothing', async () => {
    const before = machine.kept.size
    const files = [...machine.kept.get('masked')!.files.keys()]
    const { width, height } = await sharp(photo.bytes).metadata()
    const half = Uint8Array.from({ length: width * height }, (_, i) => (i % width < width / 2 ? 255 : 0))
    const mask = {
      name: 'left.png',
      bytes: new Uint8Array(
        await sharp(half, { raw: { width, height, channels: 1 } })
          .toColourspace('b-w')
          .png()
          .toBuffer(),
      ),
    }
    const { result, events } = await done({ kind: 'score', run: 'masked', options: {}, mask })
    expect(events).toEqual([])
    expect(result).toMatchObject({ folder: 'masked', seed: 7, guidance: ['starter'], optimised: ['starter'] })
    const alpha = await sharp(machine.kept.get('masked')!.files.get(outputFiles.alpha)).stats()
    expect(result.alpha_mean).toBeCloseTo(alpha.channels[0]!.mean / 255, 3)
    // The edit was bounded by the same mask: outside of it the photo is as it was.
    expect(result.change_outside_mask).toBeLessThan(0.002)
    expect(Math.abs(result.similarity)).toBeLessThanOrEqual(1)
    expect(result.similarity).not.toBe(0)
    expect(result.localisation_iou).toBeGreaterThan(0)
    expect(machine.kept.size).toBe(before)
    expect([...machine.kept.get('masked')!.files.keys()]).toEqual(files)
  })

  test('refuses by code what cannot be scored', async () => {
    const score = async (run: string, given: GivenOptions = {}) =>
      await done({ kind: 'score', run, options: given }).then(
        () => 'scored',
        (error: unknown) => (error as { code: string }).code,
      )
    expect(await score('nowhere')).toBe('RUN_NOT_FOUND')
    expect(await score('masked', { steps: 3 })).toBe('OPTION_INVALID')
    expect(await score('masked', { guidance: ['no/such-model-folder/here'] })).toMatch(/^(GUIDANCE|MODEL)_/)
    await machine.runs.make('clip', { [runFiles.config]: 'configVersion: 1\nclip: clip.mp4\n' })
    expect(await score('clip')).toBe('RUN_INVALID')
    const bare = Object.fromEntries(
      [...machine.kept.get('masked')!.files].filter(([name]) => name !== outputFiles.composite),
    )
    await machine.runs.make('bare', bare)
    expect(await score('bare')).toBe('RUN_INVALID')
  })
})
