import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { GivenOptions } from '../../src/options/imageOptions.js'
import { nodeMachine } from '../../src/run/nodeMachine.js'
import { makeRunFolder, openRunFolder } from '../../src/run/runFolder.js'
import { outputFiles, type RunEvent } from '../../src/session/events.js'
import { hereOnly } from '../../src/session/guidanceAccess.js'
import { memoryStore } from '../../src/session/memoryStore.js'
import { RunControl } from '../../src/session/runControl.js'
import { runFiles } from '../../src/session/runFiles.js'
import {
  continueRun,
  firstFiles,
  keptSettings,
  pictureIn,
  readRunSettings,
  renderStored,
} from '../../src/session/savedRun.js'
import { preparePhoto } from '../../src/session/startPhoto.js'
import type { RunStore } from '../../src/session/store.js'
import { trainRun } from '../../src/session/trainRun.js'
import { toyTrainer } from './toyTrainer.mjs'

// The laws of a run, over every store that Node has; test/browser/runs.test.ts holds the browser's to them.

let home: string
let photo: Uint8Array

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'text2live-stores-'))
  const pixels = Uint8Array.from({ length: 3 * 72 * 64 }, (_, i) => (i * 7919) % 256)
  photo = new Uint8Array(
    await sharp(pixels, { raw: { width: 72, height: 64, channels: 3 } })
      .png()
      .toBuffer(),
  )
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

/** Ways to keep runs: `make` begins one, `open` takes up one that was left. */
const stores = {
  'a folder': () => ({
    make: (name: string, contents: Record<string, Uint8Array | string>): Promise<RunStore> =>
      makeRunFolder(join(home, name), 'photo.png', false, contents),
    open: (name: string): Promise<RunStore> => openRunFolder(join(home, name)),
  }),
  memory: () => {
    const kept = new Map<string, RunStore>()
    return {
      async make(name: string, contents: Record<string, Uint8Array | string>): Promise<RunStore> {
        const store = memoryStore(name)
        for (const [file, data] of Object.entries(contents)) await store.write(file, data)
        kept.set(name, store)
        return store
      },
      open: (name: string): Promise<RunStore> => Promise.resolve(kept.get(name)!),
    }
  },
} as const

interface Watch {
  readonly stopAt?: number
  readonly control?: RunControl
  readonly stop?: AbortController
  readonly onStep?: (step: number) => void
}

describe.each(Object.entries(stores))('a run in %s', (_, openStores) => {
  let runs: ReturnType<typeof openStores>
  beforeEach(() => {
    runs = openStores()
  })

  const listener =
    (events: RunEvent[], { stopAt, onStep }: Watch, stop: AbortController) =>
    (event: RunEvent): void => {
      events.push(event)
      if (event.type !== 'step') return
      onStep?.(event.step)
      if (event.step === stopAt) stop.abort()
    }
  async function start(name: string, watch: Watch = {}, options: GivenOptions = {}) {
    const events = new Array<RunEvent>()
    const stop = watch.stop ?? new AbortController()
    const emit = listener(events, watch, stop)
    const given: GivenOptions = {
      prompt: 'golden bowl',
      source: 'bowl',
      preset: 'reference',
      size: 192,
      steps: 6,
      seed: 3,
      device: 'cpu',
      previewEvery: 2,
      ...options,
    }
    const { settings, input } = await preparePhoto(
      { layers: [given], photo: { name: 'photo.png', bytes: photo } },
      nodeMachine.codec,
      emit,
    )
    const kept = keptSettings(settings, input, 'cpu')
    const result = await trainRun(
      {
        settings: kept,
        input,
        access: hereOnly,
        open: toyTrainer(),
        signal: stop.signal,
        start: null,
        store: () => runs.make(name, firstFiles(kept, input, 1)),
        machine: nodeMachine,
        control: watch.control,
      },
      emit,
    )
    return { events, result }
  }
  async function withStored<T>(
    name: string,
    work: (access: { store: RunStore; machine: typeof nodeMachine; find: ReturnType<typeof pictureIn> }) => Promise<T>,
  ): Promise<T> {
    const store = await runs.open(name)
    try {
      return await work({ store, machine: nodeMachine, find: pictureIn(store) })
    } finally {
      store.release()
    }
  }
  async function goOn(name: string, given: GivenOptions = {}) {
    const [events, stop] = [new Array<RunEvent>(), new AbortController()]
    const result = await withStored(name, (access) =>
      continueRun(access, given, { open: toyTrainer(), signal: stop.signal }, listener(events, {}, stop)),
    )
    return { events, result }
  }
  /** The bytes of what a run computes. */
  const computed = (name: string) =>
    withStored(name, async ({ store }) =>
      Object.fromEntries(
        await Promise.all(
          [runFiles.checkpoint, ...Object.values(outputFiles)].map(
            async (file) => [file, Buffer.from((await store.read(file))!).toString('base64')] as const,
          ),
        ),
      ),
    )
  const types = (events: readonly RunEvent[]): string[] => events.map(({ type }) => type)

  test('leaves all its files, and a log of what it told', async () => {
    const { events, result } = await start('run')
    expect(result).toMatchObject({ finished: true, step: 6, files: null })
    await withStored('run', async ({ store }) => {
      for (const name of [
        runFiles.config,
        runFiles.checkpoint,
        'photo.png',
        'previews/step-000002.png',
        'previews/step-000004.png',
        ...Object.values(outputFiles),
      ])
        expect(await store.has(name), name).toBe(true)
      expect(await store.has('previews/step-000006.png')).toBe(false)
      expect(
        new TextDecoder()
          .decode((await store.read(runFiles.events))!)
          .trim()
          .split('\n')
          .map((line) => (JSON.parse(line) as RunEvent).type),
      ).toEqual(types(events))
      expect(await store.read('photo.png')).toEqual(
        store.path.startsWith(home) ? readFileSync(store.file('photo.png')) : photo,
      )
    })
  })

  test('stopped in the middle it goes on to the bits of one without a stop, and then it is finished', async () => {
    await start('whole')
    const stopped = await start('stopped', { stopAt: 3 })
    expect(stopped.result).toMatchObject({ finished: false, step: 3 })
    expect(stopped.events.at(-1)?.type).toBe('interrupted')
    const { events, result } = await goOn('stopped')
    expect(result).toMatchObject({ finished: true, step: 6 })
    expect(types(events)).toContain('resumed')
    expect(await computed('stopped')).toEqual(await computed('whole'))
    expect((await goOn('stopped')).events).toEqual([expect.objectContaining({ type: 'done', already: true })])
  })

  test('renders its outputs again from the checkpoint, and there is nothing to render without one', async () => {
    await start('run')
    const before = await computed('run')
    await withStored('run', async (access) => {
      await access.store.write(outputFiles.alpha, 'gone')
      expect(
        await renderStored(access, { open: toyTrainer(), signal: new AbortController().signal }, () => undefined),
      ).toMatchObject({ finished: true, step: 6 })
    })
    expect(await computed('run')).toEqual(before)
    const config = await withStored('run', ({ store }) => store.read(runFiles.config))
    const empty = await runs.make('empty', { [runFiles.config]: config!, 'photo.png': photo })
    empty.release()
    expect(
      await withStored('empty', (access) =>
        renderStored(access, { open: toyTrainer(), signal: new AbortController().signal }, () => undefined),
      ),
    ).toBeNull()
  })

  test('is held with a checkpoint and let go on; a stop ends what is held', async () => {
    const control = new RunControl()
    let held = 0
    const { events, result } = await start('run', {
      control,
      onStep: (step) => {
        if (step !== 2) return
        control.pause()
        setTimeout(() => {
          held = Date.now()
          control.go()
        }, 60)
      },
    })
    expect(held).toBeGreaterThan(0)
    const at = types(events).indexOf('paused')
    expect(types(events).slice(at - 1, at + 3)).toEqual(['checkpoint', 'paused', 'going-on', 'step'])
    expect(result).toMatchObject({ finished: true, step: 6 })

    const [forever, stop] = [new RunControl(), new AbortController()]
    const stopped = await start('stopped', {
      control: forever,
      stop,
      onStep: (step) => {
        if (step !== 2) return
        forever.pause()
        setTimeout(() => stop.abort(), 30)
      },
    })
    expect(stopped.result).toMatchObject({ finished: false, step: 2 })
    expect(types(stopped.events)).not.toContain('going-on')
  })

  test('takes more steps than planned while it trains, or fewer, and keeps that in its settings', async () => {
    await start('eight', {}, { steps: 8 })
    const more = new RunControl()
    const { events, result } = await start('more', {
      control: more,
      onStep: (step) => {
        if (step === 3) more.continueTo(8)
      },
    })
    expect(result).toMatchObject({ finished: true, step: 8 })
    expect(events.filter(({ type }) => type === 'steps')).toEqual([{ type: 'steps', steps: 8 }])
    const [one, two] = [await computed('more'), await computed('eight')]
    expect(one[outputFiles.composite]).toBe(two[outputFiles.composite])
    await withStored('more', async ({ store }) => expect((await readRunSettings(store)).settings.steps).toBe(8))
    const fewer = new RunControl()
    expect(
      (
        await start('fewer', {
          control: fewer,
          onStep: (step) => {
            if (step === 3) fewer.continueTo(2)
          },
        })
      ).result,
    ).toMatchObject({ finished: true, step: 3 })
    expect(() => fewer.continueTo(0)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }) as Error)
  })
})
