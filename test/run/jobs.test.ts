import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { MessageChannel } from 'node:worker_threads'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { GivenOptions } from '../../src/options/imageOptions.js'
import type { RunEvent } from '../../src/session/events.js'
import type { Job } from '../../src/session/job.js'
import { runInWebWorker, serveJobs, type Wire } from '../../src/session/web/runWorker.js'
import { memoryMachine } from '../support/memoryMachine.js'

// Jobs over the wire, on the real engine at toy size: `serveJobs` at one port, as in a browser's worker, and whoever
// asks at the other.

const teapot = fileURLToPath(new URL('../../examples/teapot.jpg', import.meta.url))
const options: GivenOptions = { prompt: ['golden teapot'], preset: 'preview', size: 192, seed: 7, device: 'cpu' }
let photo: { name: string; bytes: Uint8Array<ArrayBuffer> }
let machine: ReturnType<typeof memoryMachine>
let page: Wire
let close = (): void => undefined

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
  const { port1, port2 } = new MessageChannel()
  serveJobs(port1 as unknown as Wire, machine)
  page = port2 as unknown as Wire
  for (const port of [port1, port2]) port.start()
  close = () => port1.close()
})
afterAll(() => close())

async function done<Asked extends Job>(job: Asked, onEvent: (event: RunEvent) => void = () => undefined) {
  const events: RunEvent[] = []
  const run = runInWebWorker(page, job, (event) => {
    events.push(event)
    onEvent(event)
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
    await expect(done({ kind: 'find' } as unknown as Job)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
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
    const run = runInWebWorker(page, { kind: 'image', options, photo, mask: null, run: 'given-up' }, (event) => {
      const name = event.type === 'phase' ? event.phase : event.type
      seen.push(name)
      if (name === at) run.stop()
    })
    await expect(run.result).rejects.toMatchObject({ code: 'INTERRUPTED' })
    expect(seen).toContain(at)
    expect(seen).not.toContain('run-start')
    expect(machine.kept.has('given-up')).toBe(false)
  })
})
