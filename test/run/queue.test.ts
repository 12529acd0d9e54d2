import { unzipSync, zipSync } from 'fflate'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { GivenOptions } from '../../src/options/imageOptions.js'
import { nodeMachine } from '../../src/run/nodeMachine.js'
import { clipMachine } from '../../src/run/video/clipMachine.js'
import { Text2LiveError } from '../../src/errors.js'
import { outputFiles, type RunEvent } from '../../src/session/events.js'
import { memoryStore, type MemoryStore } from '../../src/session/memoryStore.js'
import type { KeptRuns, QueueMachine } from '../../src/session/queue/queueMachine.js'
import { RunQueue } from '../../src/session/queue/runQueue.js'
import { unzipRun, zipRun } from '../../src/session/queue/runZip.js'
import { runFiles } from '../../src/session/runFiles.js'
import type { AnyRunEvent, HostUpdate, RunEntry, RunRequest } from '../../src/session/runHost.js'
import { continueRun, noCheckpoint, pictureIn, renderStored } from '../../src/session/savedRun.js'
import { toyTrainer } from './toyTrainer.mjs'
import { toyPhoto } from '../support/toyPhoto.js'

// The laws of the queue, over runs in memory and a toy trainer; everything else is what hosts use.

let photo: { name: string; bytes: Uint8Array }
beforeAll(async () => {
  photo = { name: 'Tea pot.png', bytes: new Uint8Array(await toyPhoto()) }
})

/** Runs in memory; they outlive the queues over them, as files outlive processes. */
class MemoryRuns implements KeptRuns {
  readonly stores = new Map<string, MemoryStore>()
  queue: string | null = null
  reads = 0
  /** Nothing more is written: the process that wrote is dead. */
  dead = false

  names() {
    return Promise.resolve([...this.stores.keys()])
  }
  look(name: string) {
    const store = this.stores.get(name)
    if (store === undefined) throw new Text2LiveError('RUN_NOT_FOUND', name)
    return Promise.resolve({ ...store, read: (file: string) => (this.reads++, store.read(file)) })
  }
  async make(name: string, contents: Readonly<Record<string, Uint8Array | string>>) {
    const store = memoryStore(name)
    for (const [file, data] of Object.entries(contents)) await store.write(file, data)
    this.stores.set(name, store)
    return { name, release: () => undefined }
  }
  async write(name: string, file: string, bytes: Uint8Array) {
    await this.stores.get(name)!.write(file, bytes)
  }
  delete(name: string) {
    this.stores.delete(name)
    return Promise.resolve()
  }
  readQueue() {
    return Promise.resolve(this.queue)
  }
  writeQueue(text: string) {
    if (!this.dead) this.queue = text
    return Promise.resolve()
  }
  /** What a new process finds after this one was killed just now. */
  afterKill(): MemoryRuns {
    const left = new MemoryRuns()
    left.queue = this.queue
    for (const [name, store] of this.stores) {
      const copy = memoryStore(name)
      for (const [file, bytes] of store.files) void copy.write(file, bytes.slice())
      left.stores.set(name, copy)
    }
    this.dead = true
    return left
  }
}

const options: GivenOptions = {
  prompt: 'golden bowl',
  source: 'bowl',
  preset: 'reference',
  size: 192,
  steps: 4,
  seed: 3,
  device: 'cpu',
  previewEvery: 2,
}

describe('a queue of runs', () => {
  let runs: MemoryRuns
  let worked: string[]
  let failWith: Error | null
  beforeEach(() => {
    runs = new MemoryRuns()
    worked = []
    failWith = null
  })

  const machineOver = (kept: MemoryRuns, nanAt = 0): QueueMachine => ({
    codec: nodeMachine.codec,
    clips: clipMachine,
    runs: kept,
    async work(job, signal, emit, control) {
      worked.push(`${job.kind} ${job.run}`)
      if (failWith !== null) throw failWith
      const store = kept.stores.get(job.run)!
      const access = { store, machine: nodeMachine, find: pictureIn(store) }
      const open = toyTrainer({ delay: 4, nanAt })
      if (job.kind === 'resume') return await continueRun(access, job.options, { open, signal, control }, emit)
      return (await renderStored(access, { open, signal }, emit)) ?? Promise.reject(noCheckpoint(job.run))
    },
  })

  /** A queue with what it told, and ways to wait for it. */
  async function openQueue(kept = runs, nanAt = 0) {
    const queue = await RunQueue.open(machineOver(kept, nanAt))
    const updates: HostUpdate[] = []
    const waiting = new Set<() => void>()
    queue.watch((update) => {
      updates.push(update)
      for (const check of [...waiting]) check()
    })
    const until = (holds: () => boolean): Promise<void> =>
      new Promise((resolve) => {
        const check = (): void => {
          if (!holds()) return
          waiting.delete(check)
          resolve()
        }
        waiting.add(check)
        check()
      })
    const entry = (name: string): RunEntry => queue.runs.find((run) => run.name === name)!
    const events = (name: string): AnyRunEvent[] =>
      updates.flatMap((update) => (update.type === 'event' && update.run === name ? [update.event] : []))
    return {
      queue,
      entry,
      events,
      until,
      submit: (more: GivenOptions = {}) =>
        queue.submit({ kind: 'photo', options: { ...options, ...more }, photo, mask: null, over: [] }),
      states: () => queue.runs.map(({ name, state }) => `${name} ${state}`),
      is: (name: string, state: RunEntry['state']) => until(() => entry(name).state === state),
      step: (name: string, step: number) =>
        until(() => events(name).some((event) => event.type === 'step' && event.step >= step)),
      refusal: (name: string, request: RunRequest) =>
        queue.ask(name, request).then(
          () => null,
          (error: unknown) => (error as Text2LiveError).code,
        ),
    }
  }
  const text = (kept: MemoryRuns, name: string, file: string): string =>
    new TextDecoder().decode(kept.stores.get(name)!.files.get(file))

  test('works on one after another in the order of submission, and each is a whole run in its store', async () => {
    const { submit, is, states, entry, events, queue } = await openQueue()
    const first = await submit()
    const second = await submit({ prompt: 'silver bowl' })
    expect([first, second]).toEqual(['Tea-pot-1', 'Tea-pot-2'])
    expect(states()).toEqual(['Tea-pot-1 running', 'Tea-pot-2 waiting'])
    await is(second, 'finished')
    expect(worked).toEqual(['resume Tea-pot-1', 'resume Tea-pot-2'])
    expect(entry(first)).toMatchObject({ state: 'finished', step: 4, title: 'golden bowl', error: null })
    expect(entry(first).thumbnail).toBe(outputFiles.composite)
    // The latest of those that are done is the first.
    expect(queue.runs.map(({ name }) => name)).toEqual([second, first])
    const files = runs.stores.get(first)!.files
    for (const name of [
      runFiles.config,
      runFiles.checkpoint,
      runFiles.events,
      'photo.png',
      ...Object.values(outputFiles),
    ])
      expect(files.has(name), name).toBe(true)
    const log = text(runs, first, runFiles.events).trim().split('\n')
    expect(log.map((line) => (JSON.parse(line) as RunEvent).type)).toEqual(events(first).map(({ type }) => type))
    expect(events(first).at(-1)?.type).toBe('done')
  })

  test('reads a run when it changes, and not at each update', async () => {
    const { submit, is } = await openQueue()
    for (let i = 0; i < 3; i++) await submit({ steps: 12 })
    await is('Tea-pot-3', 'finished')
    expect(runs.reads).toBeLessThanOrEqual(3 * 2 * 3)
  })

  test('those that wait change places, and one that leaves is stopped and has done nothing', async () => {
    const { queue, submit, is, states, refusal } = await openQueue()
    const [a, b, c, d] = [await submit({ steps: 30 }), await submit(), await submit(), await submit()]
    await queue.ask(d, { do: 'move', place: 0 })
    expect(states().map((line) => line.split(' ')[0])).toEqual([a, d, b, c])
    await queue.ask(d, { do: 'move', place: 9 })
    await queue.ask(d, { do: 'move', place: 1 })
    await queue.ask(c, { do: 'stop' })
    expect(states()).toEqual([`${a} running`, `${b} waiting`, `${d} waiting`, `${c} stopped`])
    expect(await refusal(a, { do: 'move', place: 0 })).toBe('OPTION_INVALID')
    expect(await refusal(b, { do: 'move', place: -1 })).toBe('OPTION_INVALID')
    await is(d, 'finished')
    expect(worked).toEqual([a, b, d].map((name) => `resume ${name}`))
    await queue.ask(c, { do: 'go' })
    await is(c, 'finished')
  })

  test('holds a run with a checkpoint and lets it go on; the ones behind it wait', async () => {
    const { queue, submit, is, step, states, until, events, refusal } = await openQueue()
    const [a, b] = [await submit({ steps: 12 }), await submit()]
    await step(a, 2)
    await queue.ask(a, { do: 'pause' })
    await until(() => events(a).some(({ type }) => type === 'paused'))
    expect(states()).toEqual([`${a} paused`, `${b} waiting`])
    expect(runs.stores.get(a)!.files.has(runFiles.checkpoint)).toBe(true)
    expect(await refusal(b, { do: 'pause' })).toBe('OPTION_INVALID')
    await queue.ask(a, { do: 'go' })
    expect(states()[0]).toBe(`${a} running`)
    await is(b, 'finished')
    expect(events(a).filter(({ type }) => type === 'step')).toHaveLength(12)
  })

  test('a stop keeps what was reached, and go takes it on to the bits of one without a stop', async () => {
    const { queue, submit, is, step, entry } = await openQueue()
    const [a, b] = [await submit({ steps: 12 }), await submit({ steps: 12 })]
    await step(a, 3)
    await queue.ask(a, { do: 'stop' })
    await is(a, 'stopped')
    expect(runs.stores.get(a)!.files.has(outputFiles.composite)).toBe(true)
    expect(entry(a).step).toBeGreaterThanOrEqual(3)
    expect(entry(a).step).toBeLessThan(12)
    await queue.ask(a, { do: 'go' })
    await is(a, 'finished')
    for (const file of [runFiles.checkpoint, outputFiles.composite, outputFiles.layersPsd])
      expect(Buffer.compare(runs.stores.get(a)!.files.get(file)!, runs.stores.get(b)!.files.get(file)!), file).toBe(0)
  })

  test('more steps: at once where it runs, when its turn comes where it waits, again where it had finished', async () => {
    const { queue, submit, is, step, entry, refusal } = await openQueue()
    const [a, b] = [await submit({ steps: 6 }), await submit()]
    await step(a, 2)
    await queue.ask(a, { do: 'steps', steps: 9 })
    await queue.ask(b, { do: 'steps', steps: 7 })
    expect(entry(b)).toMatchObject({ state: 'waiting', settings: { steps: 7 } })
    await is(b, 'finished')
    expect(entry(a)).toMatchObject({ step: 9, settings: { steps: 9 } })
    expect(entry(b)).toMatchObject({ step: 7, settings: { steps: 7 } })
    expect(text(runs, b, runFiles.config)).toContain('steps: 7')
    expect(await refusal(b, { do: 'go' })).toBe('OPTION_INVALID')
    expect(await refusal(b, { do: 'steps', steps: 7 })).toBe('OPTION_INVALID')
    expect(await refusal(b, { do: 'steps', steps: 0.5 })).toBe('OPTION_INVALID')
    await queue.ask(b, { do: 'steps', steps: 10 })
    await is(b, 'finished')
    expect(entry(b)).toMatchObject({ step: 10, settings: { steps: 10 } })
  })

  test('a failure shows its code, the next one goes on, and what failed can be let go again', async () => {
    const broken = await openQueue(runs, 3)
    const a = await broken.submit()
    await broken.is(a, 'failed')
    expect(broken.entry(a).error?.code).toBe('LOSS_NOT_FINITE')
    expect(broken.events(a).at(-1)).toMatchObject({ type: 'error', code: 'LOSS_NOT_FINITE' })
    // One that fails before it begins leaves nothing in its log, and is known as failed all the same.
    failWith = new Text2LiveError('GUIDANCE_NOT_FOUND', 'there is none')
    const b = await broken.submit()
    await broken.is(b, 'failed')
    failWith = new Error('odd')
    const c = await broken.submit()
    await broken.is(c, 'failed')
    expect(broken.entry(c).error).toEqual({ code: null, message: 'odd' })
    await broken.queue.close()
    failWith = null
    const { queue, entry, is } = await openQueue()
    expect(entry(a).error?.code).toBe('LOSS_NOT_FINITE')
    expect(entry(b).error?.code).toBe('GUIDANCE_NOT_FOUND')
    for (const name of [a, b, c]) {
      await queue.ask(name, { do: 'go' })
      await is(name, 'finished')
      expect(entry(name).error).toBeNull()
    }
  })

  test('after a kill the next queue takes up the run that was at work, then those that waited', async () => {
    const dying = await openQueue()
    const [a, b, c] = [await dying.submit({ steps: 40 }), await dying.submit(), await dying.submit()]
    await dying.queue.ask(c, { do: 'move', place: 0 })
    await dying.queue.ask(b, { do: 'rename', title: ' the silver one ' })
    await dying.step(a, 3)
    const left = runs.afterKill()
    worked = []
    const { entry, states, is, events } = await openQueue(left)
    expect(states()).toEqual([`${a} running`, `${c} waiting`, `${b} waiting`])
    expect(entry(b).title).toBe('the silver one')
    expect(entry(a).created).toBe(dying.entry(a).created)
    await is(b, 'finished')
    expect(worked.filter((job) => job.startsWith('resume'))).toEqual(
      expect.arrayContaining([a, c, b].map((name) => `resume ${name}`)),
    )
    expect(entry(a)).toMatchObject({ state: 'finished', step: 40 })
    expect(events(a).at(-1)?.type).toBe('done')
    await dying.queue.close()
  })

  test('one that was held when its host died is stopped, and does not go on by itself', async () => {
    const dying = await openQueue()
    const [a, b] = [await dying.submit({ steps: 40 }), await dying.submit()]
    await dying.step(a, 2)
    await dying.queue.ask(a, { do: 'pause' })
    await dying.until(() => dying.events(a).some(({ type }) => type === 'paused'))
    const left = runs.afterKill()
    const { queue, entry, is } = await openQueue(left)
    expect(entry(a)).toMatchObject({ state: 'stopped' })
    expect(entry(a).step).toBeGreaterThanOrEqual(2)
    await is(b, 'finished')
    expect(entry(a).state).toBe('stopped')
    await queue.ask(a, { do: 'go' })
    await is(a, 'finished')
    expect(entry(a).step).toBe(40)
    await dying.queue.close()
  })

  test('closing ends the step at hand, and the next queue goes on with the same run', async () => {
    const { queue, submit, step } = await openQueue()
    const [a, b] = [await submit({ steps: 40 }), await submit()]
    await step(a, 2)
    await queue.close()
    expect(text(runs, a, runFiles.events)).toContain('"type":"interrupted"')
    const next = await openQueue()
    expect(next.states()).toEqual([`${a} running`, `${b} waiting`])
    await next.is(b, 'finished')
    expect(next.entry(a)).toMatchObject({ state: 'finished', step: 40 })
  })

  test('deletes a run in any state, with its files', async () => {
    const { queue, submit, is, step, refusal } = await openQueue()
    const [a, b, c] = [await submit({ steps: 40 }), await submit(), await submit()]
    await step(a, 1)
    await queue.ask(b, { do: 'delete' })
    await queue.ask(a, { do: 'delete' })
    await is(c, 'finished')
    expect(queue.runs.map(({ name }) => name)).toEqual([c])
    await queue.ask(c, { do: 'delete' })
    expect([...runs.stores.keys()]).toEqual([])
    expect(await refusal(c, { do: 'go' })).toBe('RUN_NOT_FOUND')
    expect(JSON.parse(runs.queue!)).toEqual({ version: 1, order: [], runs: {} })
  })

  test('writes outputs again without training, and what never began has none', async () => {
    const { queue, submit, is, refusal } = await openQueue()
    const [a, b] = [await submit(), await submit()]
    await queue.ask(b, { do: 'stop' })
    await is(a, 'finished')
    const before = runs.stores.get(a)!.files.get(outputFiles.alpha)!
    await runs.stores.get(a)!.write(outputFiles.alpha, 'gone')
    await queue.ask(a, { do: 'render' })
    await is(a, 'finished')
    expect(worked).toEqual([`resume ${a}`, `render ${a}`])
    expect(runs.stores.get(a)!.files.get(outputFiles.alpha)).toEqual(before)
    expect(await refusal(b, { do: 'render' })).toBe('OPTION_INVALID')
  })

  test('a run stands on others of the queue, and takes its layers along when it leaves', async () => {
    const { queue, submit, is } = await openQueue()
    const [a, c] = [await submit(), await submit()]
    await queue.ask(c, { do: 'stop' })
    await is(a, 'finished')
    const stand = (over: string[]) =>
      queue.submit({ kind: 'photo', options: { ...options, over: ['/etc'] }, photo, mask: null, over })
    const b = await stand([a])
    await is(b, 'finished')
    const files = runs.stores.get(b)!.files
    expect(files.get('below-1.png')).toEqual(runs.stores.get(a)!.files.get(outputFiles.edit))
    const pieces: Uint8Array[] = []
    for await (const piece of zipRun(runs.stores.get(b)!, b)) pieces.push(piece)
    const brought = await queue.bring(unzipRun(Buffer.concat(pieces), 'x.zip'), `${b}.zip`)
    expect([...runs.stores.get(brought)!.files.keys()].sort()).toEqual([...files.keys()].sort())
    for (const [over, code] of [
      [['nowhere'], 'RUN_NOT_FOUND'],
      [[c], 'RUN_INVALID'],
    ] as const)
      await expect(stand([...over])).rejects.toMatchObject({ code })
  })

  test('refuses what a person gets wrong, and keeps nothing of it', async () => {
    const { queue, submit, refusal } = await openQueue()
    const code = (work: Promise<unknown>) =>
      work.then(
        () => null,
        (error: unknown) => (error as Text2LiveError).code,
      )
    expect(await code(submit({ prompt: [] }))).toBe('PROMPT_EMPTY')
    expect(await code(submit({ steps: -1 }))).toBe('OPTION_INVALID')
    expect(await code(submit({ seeds: 2 }))).toBe('OPTION_INVALID')
    expect(
      await code(
        queue.submit({ kind: 'photo', options, photo: { name: 'x', bytes: new Uint8Array(9) }, mask: null, over: [] }),
      ),
    ).toBe('INPUT_NOT_IMAGE')
    expect(runs.stores.size).toBe(0)
    // A path in the options is of the machine of whoever asks, and is not read here.
    const a = await submit({ mask: '/etc/hostname', steps: 1 })
    expect(text(runs, a, runFiles.config)).not.toContain('hostname')
    expect(await refusal(a, { do: 'rename', title: ' ' })).toBe('OPTION_INVALID')
    expect(await refusal(a, { do: 'rename', title: 'a\u001bb' })).toBe('OPTION_INVALID')
    await queue.close()
  })

  test('takes the files of a run of another host, checked, and goes on with it', async () => {
    const { queue, submit, is, step, entry } = await openQueue()
    const [a, b] = [await submit({ steps: 12 }), await submit({ steps: 12 })]
    await step(a, 3)
    await queue.ask(a, { do: 'stop' })
    await is(b, 'finished')
    const files = new Map([...runs.stores.get(a)!.files, ['.lock', new Uint8Array(1)]])
    const zipped = (contents: ReadonlyMap<string, Uint8Array>): Uint8Array =>
      zipSync(Object.fromEntries([...contents].map(([name, data]) => [`Tea-pot-1/${name}`, data])), { level: 0 })
    const brought = await queue.bring(unzipRun(zipped(files), 'x.zip'), 'Tea-pot-1.zip')
    expect(brought).toBe('Tea-pot-3')
    expect(entry(brought)).toMatchObject({ state: 'stopped', step: entry(a).step })
    expect([...runs.stores.get(brought)!.files.keys()].filter((name) => /evil|lock/.test(name))).toEqual([])
    await queue.ask(brought, { do: 'go' })
    await is(brought, 'finished')
    const bytes = (name: string) => runs.stores.get(name)!.files.get(outputFiles.composite)!
    expect(Buffer.compare(bytes(brought), bytes(b))).toBe(0)
    const code = (changed: Record<string, Uint8Array | string | null>) => {
      const damaged = new Map(files)
      for (const [name, data] of Object.entries(changed))
        if (data === null) damaged.delete(name)
        else damaged.set(name, typeof data === 'string' ? new TextEncoder().encode(data) : data)
      const brings = async () => queue.bring(unzipRun(zipped(damaged), 'x.zip'), 'x.zip')
      return brings().then(
        () => null,
        (error: unknown) => (error as Text2LiveError).code,
      )
    }
    const config = text(runs, a, runFiles.config)
    expect(await code({ [runFiles.config]: null })).toBe('RUN_INVALID')
    expect(await code({ 'photo.png': null })).toBe('RUN_INVALID')
    expect(await code({ [runFiles.config]: `${config}seeds: 4\n` })).toBe('RUN_INVALID')
    expect(
      await code({ [runFiles.config]: config.replace('photo: photo.png', 'photo: ../evil'), evil: photo.bytes }),
    ).toBe('RUN_INVALID')
    expect(await code({ [runFiles.config]: config.replace('seed: 3', 'seed: 4') })).toBe('CHECKPOINT_MISMATCH')
    expect(await code({ [runFiles.checkpoint]: new Uint8Array(40) })).toBe('SAFETENSORS_INVALID')
    expect(await code({ [runFiles.events]: '{"type":"step"}\n' })).toBe('RUN_INVALID')

    // Out again: all that the run has, in a folder of its name.
    const pieces: Uint8Array[] = []
    for await (const piece of zipRun(runs.stores.get(a)!, a)) pieces.push(piece)
    const out = unzipSync(Buffer.concat(pieces))
    expect(Object.keys(out).sort()).toEqual([...runs.stores.get(a)!.files.keys()].map((name) => `${a}/${name}`).sort())
    for (const [name, data] of runs.stores.get(a)!.files)
      expect(Buffer.compare(out[`${a}/${name}`]!, data), name).toBe(0)
  })

  test('refuses zips that lead out, hold no run or several, or are no zips', () => {
    const code = (zip: Uint8Array): string | null => {
      try {
        unzipRun(zip, 'x.zip')
        return null
      } catch (error) {
        return (error as Text2LiveError).code
      }
    }
    const one = new Uint8Array(1)
    for (const names of [
      ['../config.yaml'],
      ['run/config.yaml', 'run/../../x'],
      ['/run/config.yaml'],
      ['C:/config.yaml'],
      ['run\\config.yaml'],
      ['run/photo.png'],
      ['a/config.yaml', 'b/config.yaml'],
    ])
      expect(code(zipSync(Object.fromEntries(names.map((name) => [name, one])))), names.join()).toBe('RUN_INVALID')
    expect(code(new TextEncoder().encode('no zip at all'))).toBe('RUN_INVALID')
    const many = Object.fromEntries(Array.from({ length: 20_001 }, (_, i) => [`run/${i}`, one]))
    expect(code(zipSync(many, { level: 0 }))).toBe('RUN_INVALID')
    // A header that promises more bytes than a run may have.
    const bomb = zipSync({ 'run/config.yaml': one, 'run/photo.png': one })
    const at = Buffer.from(bomb).indexOf(
      Buffer.from([0x50, 0x4b, 1, 2]),
      Buffer.from(bomb).indexOf(Buffer.from([0x50, 0x4b, 1, 2])) + 4,
    )
    new DataView(bomb.buffer).setUint32(at + 24, 0xfffffff0, true)
    expect(code(bomb)).toBe('RUN_INVALID')
  })
})
