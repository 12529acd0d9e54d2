import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { strFromU8, unzipSync } from 'fflate'
import sharp from 'sharp'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readPsd } from '../support/readPsd.js'
import type { GivenOptions } from '../../src/options/imageOptions.js'
import { Text2LiveError } from '../../src/errors.js'
import { nodeMachine } from '../../src/run/nodeMachine.js'
import { lookIn, makeRunFolder, openRunFolder } from '../../src/run/runFolder.js'
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
  type SavedRunAccess,
} from '../../src/session/savedRun.js'
import { preparePhoto } from '../../src/session/startPhoto.js'
import { remembering } from '../../src/session/stages.js'
import type { RunStore } from '../../src/session/store.js'
import { presentLayers, takeLayers } from '../../src/session/takeLayers.js'
import { trainRun } from '../../src/session/trainRun.js'
import { toyTrainer } from './toyTrainer.mjs'
import { runLaws } from '../support/runLaws.js'
import { toyPhoto } from '../support/toyPhoto.js'

// The laws of a run (`runLaws`, which test/browser/runs.test.ts asks of Chromium too) over the stores that Node has,
// and what somebody who steers one can ask.

let home: string
let photo: Uint8Array

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'text2live-stores-'))
  photo = new Uint8Array(await toyPhoto())
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

/** Ways to keep runs: `make` begins one, `open` takes up one that was left. */
const stores = {
  'a folder': () => ({
    make: (name: string, contents: Record<string, Uint8Array | string>): Promise<RunStore> =>
      makeRunFolder(join(home, name), 'photo.png', false, contents),
    open: (name: string): Promise<RunStore> => openRunFolder(join(home, name)),
    look: (name: string) => Promise.resolve(lookIn(join(home, name))),
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
      look: (name: string) => Promise.resolve(kept.get(name)!),
    }
  },
} as const

interface Watch {
  readonly stopAt?: number
  readonly control?: RunControl
  readonly stop?: AbortController
  readonly onStep?: (step: number) => void
  readonly onPaused?: () => void
}

describe.each(Object.entries(stores))('a run in %s', (_, openStores) => {
  let runs: ReturnType<typeof openStores>
  /** Runs that were deleted. */
  const gone = new Set<string>()
  const none = Promise.resolve(null)
  beforeEach(() => {
    runs = openStores()
    gone.clear()
  })

  const listener =
    (events: RunEvent[], { stopAt, onStep, onPaused }: Watch, stop: AbortController) =>
    (event: RunEvent): void => {
      events.push(event)
      if (event.type === 'paused') onPaused?.()
      if (event.type !== 'step') return
      onStep?.(event.step)
      if (event.step === stopAt) stop.abort()
    }
  async function start(
    name: string,
    watch: Watch = {},
    options: GivenOptions = {},
    over: readonly string[] = [],
    mask: Uint8Array | null = null,
    wrap = (store: RunStore): RunStore => store,
  ) {
    const events = new Array<RunEvent>()
    const stop = watch.stop ?? new AbortController()
    const emit = listener(events, watch, stop)
    const early = remembering(emit)
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
      {
        layers: [given],
        mask: mask && { name: 'mask.png', bytes: mask },
        ...(over.length > 0
          ? { below: await takeLayers(over, runs.look) }
          : { photo: { name: 'photo.png', bytes: photo } }),
      },
      nodeMachine,
      early.emit,
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
        store: async () => wrap(await runs.make(name, firstFiles(kept, input, 1))),
        machine: nodeMachine,
        early: early.events,
        control: watch.control,
      },
      emit,
    )
    return { events, result }
  }
  async function withStored<T>(name: string, work: (access: SavedRunAccess) => Promise<T>): Promise<T> {
    const store = await runs.open(name)
    try {
      return await work({
        store,
        machine: nodeMachine,
        find: pictureIn(store),
        present: (own, note) => presentLayers(own, (run) => (gone.has(run) ? none : runs.look(run)), note),
      })
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

  const toldBy = ({
    events,
    result,
  }: {
    events: readonly RunEvent[]
    result: { finished: boolean; step: number }
  }) => ({
    events: types(events),
    finished: result.finished,
    step: result.step,
  })
  runLaws(() => ({
    start: async (name, { stopAt, ...options }) =>
      toldBy(await start(name, stopAt === undefined ? {} : { stopAt }, options)),
    goOn: async (name, how) => toldBy(await goOn(name, how)),
    async render(name) {
      const events: RunEvent[] = []
      const result = await withStored(name, (access) =>
        renderStored(access, { open: toyTrainer(), signal: new AbortController().signal }, (event) =>
          events.push(event),
        ),
      )
      return toldBy({ events, result: result! })
    },
    read: (name, file) => withStored(name, async ({ store }) => await store.read(file)),
  }))

  test('keeps its photo as it was given', async () => {
    await start('run')
    await withStored('run', async ({ store }) => {
      expect(Buffer.from((await store.read('photo.png'))!).equals(photo)).toBe(true)
      if (store.path.startsWith(home)) expect(readFileSync(store.file('photo.png')).equals(photo)).toBe(true)
    })
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
      },
      onPaused: () =>
        setTimeout(() => {
          held = Date.now()
          control.go()
        }, 20),
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
      },
      onPaused: () => setTimeout(() => stop.abort(), 20),
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

  describe('whose mask is changed while it trains', () => {
    const half = async (from: number): Promise<Uint8Array<ArrayBuffer>> =>
      new Uint8Array(
        await sharp(
          Uint8Array.from({ length: 72 * 64 }, (_, i) => (i % 72 >= from && i % 72 < from + 36 ? 255 : 0)),
          { raw: { width: 72, height: 64, channels: 1 } },
        )
          .toColourspace('b-w')
          .png()
          .toBuffer(),
      )
    /** Changes the mask after step 3. */
    const changing = (picture: Uint8Array | null) => {
      const control = new RunControl()
      const onStep = (step: number): void => {
        if (step === 3) control.setMask(picture && { name: 'new.png', bytes: picture })
      }
      return { control, onStep }
    }
    const alphaOf = (name: string) =>
      withStored(name, async ({ store }) => {
        const alpha = await sharp((await store.read(outputFiles.alpha))!)
          .extractChannel(0)
          .raw()
          .toBuffer()
        const side = (left: boolean) => alpha.filter((x, i) => i % 72 < 36 === left && x > 0).length
        return { left: side(true) > 0, right: side(false) > 0 }
      })

    test.each([
      ['where it had none', null],
      ['in place of another', 36],
    ])('%s: the new one bounds the edit, is kept, and it goes on from there bit for bit', async (_, from) => {
      const mask = from === null ? null : await half(from)
      const left = await half(0)
      const whole = await start('whole', changing(left), {}, [], mask)
      expect(whole.events.filter(({ type }) => type === 'mask')).toEqual([
        { type: 'mask', step: 3, masked: true, file: 'mask.png' },
      ])
      expect(await alphaOf('whole')).toEqual({ left: true, right: false })
      await withStored('whole', async ({ store }) => {
        expect((await readRunSettings(store)).settings.mask).toBe('mask.png')
        expect(Buffer.from((await store.read('mask.png'))!).equals(left)).toBe(true)
      })
      await start('stopped', { ...changing(left), stopAt: 4 }, {}, [], mask)
      await goOn('stopped')
      expect(await computed('stopped')).toEqual(await computed('whole'))
      await start('other', {}, {}, [], mask)
      expect((await computed('other'))[runFiles.checkpoint]).not.toBe((await computed('whole'))[runFiles.checkpoint])
    })

    test('can be taken away', async () => {
      const { events } = await start('run', changing(null), {}, [], await half(0))
      expect(events.filter(({ type }) => type === 'mask')).toEqual([
        { type: 'mask', step: 3, masked: false, file: null },
      ])
      expect(await alphaOf('run')).toEqual({ left: true, right: true })
      await goOn('run', { steps: 8 })
      await withStored('run', async ({ store }) => expect((await readRunSettings(store)).settings.mask).toBeNull())
    })

    test('goes on whenever it dies while the mask is changed', async () => {
      const left = await half(0)
      await start('whole', changing(left))
      // The disk is full after so many of the writes that the change makes.
      for (let writes = 0; writes <= 4; writes++) {
        const name = `dies-${writes}`
        const dying = new RunControl()
        let changed = false
        let count = 0
        await start(
          name,
          {
            control: dying,
            onStep: (step) => {
              if (step !== 3) return
              changed = true
              dying.setMask({ name: 'new.png', bytes: left })
            },
          },
          {},
          [],
          null,
          (store) => ({
            ...store,
            write: async (file, data) => {
              if (changed && count++ >= writes) throw new Text2LiveError('DISK_FULL', 'no more')
              await store.write(file, data)
            },
          }),
        ).catch((error: unknown) => expect(error).toMatchObject({ code: 'DISK_FULL' }))
        const again = await goOn(name)
        expect(again.result, `after ${writes} writes`).toMatchObject({ finished: true, step: 6 })
        const { left: inside, right } = await alphaOf(name)
        const took = !right
        expect(inside).toBe(true)
        if (took) expect(await computed(name), `after ${writes} writes`).toEqual(await computed('whole'))
        expect(took, `after ${writes} writes`).toBe(writes >= 3)
      }
    })

    test('keeps the one it has where the new one does not fit', async () => {
      const wrong = new Uint8Array(
        await sharp({ create: { width: 20, height: 20, channels: 3, background: 'white' } })
          .png()
          .toBuffer(),
      )
      const { events, result } = await start('run', changing(wrong), {}, [], await half(0))
      expect(result).toMatchObject({ finished: true, step: 6 })
      expect(events.flatMap((event) => (event.type === 'warning' ? [event.message] : []))).toEqual([
        expect.stringContaining('The mask stays as it is'),
      ])
      expect(await alphaOf('run')).toEqual({ left: true, right: false })
    })
  })

  test('makes a preview when it is asked for one, also while it is held', async () => {
    const control = new RunControl()
    const { events } = await start(
      'run',
      {
        control,
        onStep: (step) => {
          if (step === 3) control.preview()
          if (step === 5) control.pause()
        },
        onPaused: () => {
          control.preview()
          setTimeout(() => control.go(), 300)
        },
      },
      { previewEvery: 0 },
    )
    expect(
      events
        .flatMap((event) => (/^(preview|paused|going-on)$/.test(event.type) ? [event] : []))
        .map(({ type, ...rest }) => (type === 'preview' && 'step' in rest ? rest.step : type)),
    ).toEqual([3, 'paused', 5, 'going-on'])
    await withStored('run', async ({ store }) => expect(await store.has('previews/step-000003.png')).toBe(true))
  })

  describe('that stands on others', () => {
    const raw = async (name: string, file: string) =>
      await withStored(name, async ({ store }) => {
        const { data, info } = await sharp((await store.read(file))!)
          .raw()
          .toBuffer({ resolveWithObject: true })
        return { data: new Uint8Array(data), ...info }
      })
    const bytes = (name: string, file: string) => withStored(name, ({ store }) => store.read(file))
    const renderAgain = async (name: string) => {
      const events: RunEvent[] = []
      await withStored(name, (access) =>
        renderStored(access, { open: toyTrainer(), signal: new AbortController().signal }, (event) =>
          events.push(event),
        ),
      )
      return events.flatMap((event) => (event.type === 'note' ? [event.message] : []))
    }
    beforeEach(async () => {
      await start('one', {}, { prompt: 'golden bowl', seed: 3 })
      await start('two', {}, { prompt: 'snow & "ice"', seed: 4 }, ['one'])
    })

    test('is painted over their composite, on the photo of the lowest', async () => {
      const { events } = await start('three', {}, { prompt: 'rust', seed: 5 }, ['one', 'two'])
      expect(events.flatMap((event) => (event.type === 'note' ? [event.message] : [])).join()).not.toContain('itself')
      expect(await bytes('three', 'photo.png')).toEqual(await bytes('one', 'photo.png'))
      const [ground, edit, composite] = [
        await raw('two', outputFiles.composite),
        await raw('three', outputFiles.edit),
        await raw('three', outputFiles.composite),
      ]
      expect([edit.channels, composite.channels]).toEqual([4, 3])
      let changed = 0
      for (let i = 0; i < 72 * 64; i++) {
        const alpha = edit.data[4 * i + 3]! / 255
        for (let c = 0; c < 3; c++) {
          const under = ground.data[3 * i + c]!
          const expected = Math.round(alpha * edit.data[4 * i + c]! + (1 - alpha) * under)
          expect(Math.abs(composite.data[3 * i + c]! - expected)).toBeLessThanOrEqual(1)
          if (composite.data[3 * i + c] !== under) changed++
        }
      }
      expect(changed).toBeGreaterThan(1000)
      expect(await bytes('three', 'below-1.png')).toEqual(await bytes('one', outputFiles.edit))
      expect(await bytes('three', 'below-2.png')).toEqual(await bytes('two', outputFiles.edit))
    })

    test('its layered files hold the photo and every layer by name', async () => {
      await start('three', {}, { prompt: 'rust', seed: 5 }, ['one', 'two'])
      const psd = readPsd((await bytes('three', outputFiles.layersPsd))!)
      expect(psd.children!.map(({ name }) => name)).toEqual(['photo', 'golden bowl', 'snow & "ice"', 'rust'])
      for (const [i, file] of ['photo.png', 'below-1.png', 'below-2.png', outputFiles.edit].entries()) {
        const { data, channels } = await raw('three', file)
        const layer = psd.children![i]!
        expect([layer.left, layer.top, layer.imageData!.width, layer.imageData!.height]).toEqual([0, 0, 72, 64])
        const off = Array.from({ length: 72 * 64 * channels }, (_, at) => {
          const [pixel, c] = [Math.floor(at / channels), at % channels]
          return data[at] === layer.imageData!.data[4 * pixel + c] ? 0 : 1
        }).reduce<number>((sum, x) => sum + x, 0)
        expect(off, file).toBe(0)
      }
      const ora = unzipSync((await bytes('three', outputFiles.layersOra))!)
      const names = [...strFromU8(ora['stack.xml']!).matchAll(/name="([^"]*)" src="([^"]*)"/g)]
      expect(names.map(([, name, src]) => [name, src])).toEqual([
        ['rust', 'data/edit.png'],
        ['snow &amp; &quot;ice&quot;', 'data/below-2.png'],
        ['golden bowl', 'data/below-1.png'],
        ['photo', 'data/photo.png'],
      ])
      for (const file of ['below-1.png', 'below-2.png'])
        expect(Buffer.from(ora[`data/${file}`]!).equals((await bytes('three', file))!)).toBe(true)
      // Alone a run has the layers that it always had.
      const alone = readPsd((await bytes('one', outputFiles.layersPsd))!)
      expect(alone.children!.map(({ name }) => name)).toEqual(['photo', 'edit layer'])
    })

    test('goes on bit for bit from its own copies, whatever has become of them', async () => {
      await start('whole', {}, { seed: 5 }, ['one', 'two'])
      await start('stopped', { stopAt: 3 }, { seed: 5 }, ['one', 'two'])
      const copy = await bytes('stopped', 'below-1.png')
      await withStored('one', ({ store }) => store.write(outputFiles.edit, 'gone'))
      await goOn('stopped')
      expect(await computed('stopped')).toEqual(await computed('whole'))
      expect(await bytes('stopped', 'below-1.png')).toEqual(copy)
      const other = await bytes('two', outputFiles.edit)
      await start('changed', { stopAt: 3 }, { seed: 5 }, ['two'])
      await withStored('changed', ({ store }) => store.write('below-1.png', copy!))
      expect(other).not.toEqual(copy)
      await expect(goOn('changed')).rejects.toMatchObject({
        code: 'CHECKPOINT_MISMATCH',
        message: expect.stringContaining('what is below') as string,
      })
      await withStored('changed', ({ store }) =>
        store.write(runFiles.config, 'configVersion: 1\nphoto: photo.png\nover: [../one/edit.png]\n'),
      )
      await expect(goOn('changed')).rejects.toMatchObject({ code: 'RUN_INVALID' })
    })

    test('rendered again it follows what is beside it, and says what it took', async () => {
      const before = await computed('two')
      expect(await renderAgain('two')).toEqual([])
      expect(await computed('two')).toEqual(before)
      // The lower run trained on.
      await goOn('one', { steps: 9 })
      expect(await renderAgain('two')).toEqual([expect.stringContaining('as one has it now')])
      const after = await computed('two')
      expect(after[outputFiles.composite]).not.toBe(before[outputFiles.composite])
      expect(after[runFiles.checkpoint]).toBe(before[runFiles.checkpoint])
      const psd = readPsd((await bytes('two', outputFiles.layersPsd))!)
      const { data } = await raw('one', outputFiles.edit)
      expect(Buffer.from(psd.children![1]!.imageData!.data).equals(Buffer.from(data))).toBe(true)
      // Without the lower run, or with another of its name, it has its own copy.
      gone.add('one')
      expect(await renderAgain('two')).toEqual([expect.stringContaining('own copy of "golden bowl"')])
      expect(await computed('two')).toEqual(before)
    })

    test('refuses what is no run to stand on', async () => {
      await start('small', { stopAt: 1 })
      await withStored('small', async ({ store }) => {
        await store.write(
          outputFiles.edit,
          new Uint8Array(
            await sharp({ create: { width: 40, height: 40, channels: 4, background: '#fff8' } })
              .png()
              .toBuffer(),
          ),
        )
      })
      await expect(start('x', {}, {}, ['small'])).rejects.toMatchObject({ code: 'LAYER_UNSUPPORTED' })
      const config = await bytes('one', runFiles.config)
      ;(await runs.make('bare', { [runFiles.config]: config!, 'photo.png': photo })).release()
      await expect(start('x', {}, {}, ['bare'])).rejects.toMatchObject({ code: 'RUN_INVALID' })
    })
  })
})
