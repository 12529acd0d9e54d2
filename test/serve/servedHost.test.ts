import { once } from 'node:events'
import { type AddressInfo, createServer, connect, type Server, type Socket } from 'node:net'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterEach, expect, test } from 'vitest'
import type { Text2LiveError } from '../../src/errors.js'
import { outputFiles } from '../../src/session/events.js'
import type { HostUpdate, RunEntry } from '../../src/session/runHost.js'
import {
  entrySchema,
  errorSchema,
  filesSchema,
  machineSchema,
  runsSchema,
  updateSchema,
} from '../../src/serve/apiSchemas.js'
import { openApi } from '../../src/serve/openApi.js'
import { eventMessages } from '../../src/studio/hosts/eventMessages.js'
import { isCmykJpeg } from '../../src/studio/stage/decodePhoto.js'
import { ServedHost } from '../../src/studio/hosts/servedHost.js'
import { bearer, startToyStudio, token, toyOptions, namedPhoto, type ToyStudio, until } from './toyStudio.js'

// The page's client against the real server: the contract of RunHost, kept over HTTP.

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function studioWith(options: Parameters<typeof startToyStudio>[0] = {}): Promise<ToyStudio> {
  const studio = await startToyStudio(options)
  ends.push(async () => {
    await studio.close()
    expect(studio.faults).toEqual([])
  })
  return studio
}

interface Watched {
  readonly host: ServedHost
  readonly updates: HostUpdate[]
  readonly problems: (Text2LiveError | null)[]
  readonly run: (name: string) => RunEntry | undefined
}

function watched(base: string): Watched {
  const updates: HostUpdate[] = []
  const problems: (Text2LiveError | null)[] = []
  const host = new ServedHost({ base, token, onConnection: (problem) => problems.push(problem) })
  ends.push(host.watch((update) => updates.push(update)))
  const latest = (): readonly RunEntry[] => updates.findLast((update) => update.type === 'runs')?.runs ?? []
  return { host, updates, problems, run: (name) => latest().find((entry) => entry.name === name) }
}

const eventsOf = (updates: readonly HostUpdate[], run: string) =>
  updates.flatMap((update) => (update.type === 'event' && update.run === run ? [update.event] : []))

test('a photo is submitted, followed to its end, and its files are fetched', async () => {
  const { base, runs } = await studioWith()
  const { host, updates, run } = watched(base)
  const photo = await namedPhoto()
  const name = await host.submit({ kind: 'photo', options: toyOptions, photo, mask: null })
  expect(name).toBe('bowl-1')
  await until(() => run(name)?.state === 'finished', 'the run is finished')
  expect(run(name)).toMatchObject({
    title: 'golden bowl',
    step: 4,
    error: null,
    settings: { steps: 4, photo: 'photo.png' },
  })
  const events = eventsOf(updates, name)
  expect(events.filter(({ type }) => type === 'step')).toHaveLength(4)
  expect(events.at(-1)?.type).toBe('done')
  const previews = events.filter((event) => event.type === 'preview')
  expect(previews.map(({ step }) => step)).toEqual([1, 2, 3])
  for (const { png, path } of previews) expect(Buffer.from(png)).toEqual(readFileSync(join(runs, name, path!)))
  for (const file of Object.values(outputFiles))
    expect(Buffer.from(await (await host.file(name, file))!.arrayBuffer())).toEqual(
      readFileSync(join(runs, name, file)),
    )
  expect(Buffer.from(await (await host.file(name, 'photo.png'))!.arrayBuffer())).toEqual(Buffer.from(photo.bytes))
  expect(await host.file(name, 'mask.png')).toBeNull()
  expect(await host.machine()).toMatchObject({
    threads: expect.any(Number) as number,
    guidance: expect.arrayContaining(['starter']) as string[],
  })
})

test('what is answered is what the description says', async () => {
  const { base } = await studioWith()
  const { host, run, updates } = watched(base)
  const name = await host.submit({ kind: 'photo', options: toyOptions, photo: await namedPhoto(), mask: null })
  await until(() => run(name)?.state === 'finished', 'the run is finished')
  const get = async (path: string): Promise<unknown> => await (await fetch(base + path, { headers: bearer })).json()
  expect(runsSchema.parse(await get('/runs')).runs).toHaveLength(1)
  expect(entrySchema.parse(await get(`/runs/${name}`))).toMatchObject({ name, state: 'finished' })
  const { files } = filesSchema.parse(await get(`/runs/${name}/files`))
  expect(files.map((file) => file.name)).toEqual(
    expect.arrayContaining(['config.yaml', 'photo.png', 'composite.png', 'previews/step-000001.png']),
  )
  for (const file of files) expect((await host.file(name, file.name))!.size).toBe(file.bytes)
  machineSchema.parse(await get('/machine'))
  errorSchema.parse(await get('/runs/nobody'))
  for (const update of updates) updateSchema.parse(JSON.parse(JSON.stringify(update)))
  expect(await get('/openapi.json')).toEqual(openApi())
})

test('a photo that browsers do not show comes as a PNG of its own size, upright', async () => {
  const { base } = await studioWith()
  const host = new ServedHost({ base, token })
  const picture = sharp({ create: { width: 80, height: 48, channels: 3, background: '#c08040' } })
  const tiff = await picture.clone().withMetadata({ orientation: 6 }).tiff().toBuffer()
  const shown = await host.preview({ name: 'photo.tif', bytes: new Uint8Array(tiff) })
  const { data, info } = await sharp(await shown.arrayBuffer())
    .raw()
    .toBuffer({ resolveWithObject: true })
  expect([info.format, info.width, info.height, info.channels]).toEqual(['raw', 48, 80, 3])
  expect([...data.subarray(0, 3)]).toEqual([0xc0, 0x80, 0x40])
  const cmyk = await picture.toColourspace('cmyk').jpeg().toBuffer()
  expect((await sharp(cmyk).metadata()).channels).toBe(4)
  expect(isCmykJpeg(cmyk)).toBe(true)
  expect([tiff, await picture.clone().toColourspace('srgb').jpeg().toBuffer()].map(isCmykJpeg)).toEqual([false, false])
  const read = await host.preview({ name: 'inks.jpg', bytes: new Uint8Array(cmyk) })
  expect((await sharp(await read.arrayBuffer()).metadata()).space).toBe('srgb')
  await expect(host.preview({ name: 'a.tif', bytes: Uint8Array.of(1, 2, 3) })).rejects.toMatchObject({
    code: 'INPUT_NOT_IMAGE',
  })
})

test('a run at work takes another mask: it keeps it, and its outputs stay inside', async () => {
  const { base, runs } = await studioWith({ delay: 200 })
  const { host, updates, run } = watched(base)
  const photo = await namedPhoto()
  const name = await host.submit({ kind: 'photo', options: { ...toyOptions, steps: 30 }, photo, mask: null })
  await until(() => (run(name)?.step ?? 0) > 0, 'it trains')
  const half = Uint8Array.from({ length: 72 * 64 }, (_, i) => (i % 72 < 36 ? 255 : 0))
  const png = await sharp(half, { raw: { width: 72, height: 64, channels: 1 } })
    .png()
    .toBuffer()
  const told = (type: string) => eventsOf(updates, name).filter((event) => event.type === type)
  await host.setMask(name, { name: 'small.png', bytes: new Uint8Array(await sharp(png).resize(7).png().toBuffer()) })
  await until(() => told('warning').length === 1, 'a mask that does not fit is told, and left')
  await host.setMask(name, { name: 'left.png', bytes: new Uint8Array(png) })
  await until(() => told('mask').length === 1, 'another is taken')
  expect(told('mask')[0]).toMatchObject({ masked: true, file: 'mask.png' })
  expect(run(name)).toMatchObject({ state: 'running', settings: { mask: 'mask.png' } })
  expect(readFileSync(join(runs, name, 'mask.png'))).toEqual(png)
  await host.ask(name, { do: 'stop' })
  await until(() => run(name)?.state === 'stopped', 'it is stopped')
  const alpha = await sharp(join(runs, name, outputFiles.edit))
    .extractChannel(3)
    .raw()
    .toBuffer()
  expect(alpha.every((value, i) => i % 72 < 36 || value === 0)).toBe(true)
  await expect(host.setMask(name, null)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  await expect(host.setMask('nobody', null)).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' })
  await host.ask(name, { do: 'go' })
  await until(() => run(name)?.state === 'running', 'it goes on within the new mask')
  await host.setMask(name, null)
  await until(() => told('mask').length === 2, 'the mask is taken off')
  expect(run(name)).toMatchObject({ settings: { mask: null } })
  await host.ask(name, { do: 'delete' })
}, 60_000)

test('every refusal comes with its code', async () => {
  const { base } = await studioWith()
  const host = new ServedHost({ base, token })
  const photo = await namedPhoto()
  const code = async (work: Promise<unknown>): Promise<string | null> =>
    await work.then(
      () => null,
      (error: unknown) => (error as Text2LiveError).code,
    )
  const submitted = (options: object, given = photo): Promise<string> =>
    host.submit({ kind: 'photo', options: { ...toyOptions, ...options }, photo: given, mask: null })
  expect(await code(submitted({ prompt: null }))).toBe('PROMPT_EMPTY')
  expect(await code(submitted({ size: 10 }))).toBe('OPTION_INVALID')
  expect(await code(submitted({}, { name: 'x.png', bytes: new Uint8Array(100) }))).toBe('INPUT_NOT_IMAGE')
  expect(
    await code(
      host.submit({ kind: 'photo', options: toyOptions, photo, mask: { name: 'm.png', bytes: new Uint8Array(9) } }),
    ),
  ).toMatch(/^(INPUT|MASK)_/)
  expect(await code(host.ask('nobody-1', { do: 'go' }))).toBe('RUN_NOT_FOUND')
  expect(await code(host.file('nobody-1', 'config.yaml'))).toBe('RUN_NOT_FOUND')
  expect(await code(host.zip('../x'))).toBe('RUN_NOT_FOUND')
  expect(await code(host.bring(new Blob(['no zip'])))).toBe('RUN_INVALID')
  expect(await code(host.submit({ kind: 'photo', options: toyOptions, photo: '/etc/passwd', mask: null }))).toBe(
    'OPTION_INVALID',
  )
  expect(await code(new ServedHost({ base, token: 'wrong' }).machine())).toBe('TOKEN_INVALID')
  expect(await code(new ServedHost({ base: 'http://127.0.0.1:9/api/v1', token }).machine())).toBe('SERVER_UNREACHABLE')
})

test('who comes while the server starts waits for its runs', async () => {
  const free = createServer().listen(0, '127.0.0.1')
  await once(free, 'listening')
  const { port } = free.address() as AddressInfo
  await new Promise((resolve) => free.close(resolve))
  const starting = studioWith({ port })
  const early = async (): Promise<Response> =>
    await fetch(`http://127.0.0.1:${port}/api/v1/runs`, { headers: bearer, signal: AbortSignal.timeout(10_000) }).catch(
      async (error: unknown) => {
        if (error instanceof Error && error.name === 'TimeoutError') throw error
        return await early()
      },
    )
  expect((await early()).status).toBe(200)
  await starting
})

test('two who watch see the same, and what one asks the other sees', async () => {
  const { base } = await studioWith({ delay: 60 })
  const [one, other] = [watched(base), watched(base)]
  await until(() => one.updates.length > 0 && other.updates.length > 0, 'both watch')
  const photo = await namedPhoto()
  const long = { ...toyOptions, steps: 100, previewEvery: 0 }
  const first = await one.host.submit({ kind: 'photo', options: long, photo, mask: null })
  const second = await other.host.submit({ kind: 'photo', options: toyOptions, photo, mask: photo })
  await until(
    () =>
      other.run(first)?.state === 'running' &&
      (other.run(first)?.step ?? 0) >= 0 &&
      one.run(second)?.state === 'waiting',
    'one runs, one waits',
  )
  await other.host.ask(first, { do: 'pause' })
  await until(() => one.run(first)?.state === 'paused', 'it is held')
  await one.host.ask(first, { do: 'go' })
  await other.host.ask(second, { do: 'rename', title: 'the second' })
  await other.host.ask(first, { do: 'stop' })
  await until(
    () => one.run(second)?.state === 'finished' && other.run(second)?.state === 'finished',
    'the second is finished',
  )
  expect(one.run(first)).toMatchObject({ state: 'stopped' })
  expect(one.run(second)?.title).toBe('the second')
  await one.host.ask(first, { do: 'delete' })
  await until(() => other.run(first) === undefined, 'it is deleted')
  await until(() => one.updates.length === other.updates.length, 'both were told as much')
  expect(one.updates).toEqual(other.updates)
})

test('a zip of a run is brought again, and goes on', async () => {
  const { base } = await studioWith()
  const { host, run } = watched(base)
  const name = await host.submit({ kind: 'photo', options: toyOptions, photo: await namedPhoto(), mask: null })
  await until(() => run(name)?.state === 'finished', 'the run is finished')
  const brought = await host.bring(new File([await host.zip(name)], 'from elsewhere.zip'))
  await until(() => run(brought)?.state === 'finished', 'it is there, finished as it was')
  const bytes = async (of: string): Promise<Buffer> =>
    Buffer.from(await (await host.file(of, 'composite.png'))!.arrayBuffer())
  expect(await bytes(brought)).toEqual(await bytes(name))
  await host.ask(brought, { do: 'steps', steps: 6 })
  await until(() => run(brought)?.state === 'finished' && run(brought)?.step === 6, 'it made two more steps')
  expect(await bytes(brought)).not.toEqual(await bytes(name))
})

/** Stands between a client and the server at another address of this machine, and can be cut. */
async function proxyTo(port: number): Promise<{ cut: () => void; server: Server }> {
  const open = new Set<Socket>()
  const server = createServer((client) => {
    const behind = connect(port, '127.0.0.2')
    for (const [socket, to] of [
      [client, behind],
      [behind, client],
    ] as const) {
      open.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        open.delete(socket)
        to.destroy()
      })
      socket.pipe(to)
    }
  })
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  const cut = (): void => {
    for (const socket of open) socket.destroy()
  }
  ends.push(() => {
    cut()
    server.close()
  })
  return { cut, server }
}

test.skipIf(process.platform !== 'linux')(
  'after breaks the client has missed nothing, and is told nothing twice',
  async () => {
    const { port } = await studioWith({ delay: 40, listen: '127.0.0.2' })
    const proxy = await proxyTo(port)
    const straight = watched(`http://127.0.0.2:${port}/api/v1`)
    const broken = watched(`http://127.0.0.1:${port}/api/v1`)
    await until(() => straight.updates.length > 0 && broken.updates.length > 0, 'both watch')
    const name = await straight.host.submit({
      kind: 'photo',
      options: { ...toyOptions, steps: 60, previewEvery: 10 },
      photo: await namedPhoto(),
      mask: null,
    })
    for (const step of [5, 30]) {
      await until(
        () => eventsOf(broken.updates, name).some((event) => event.type === 'step' && event.step >= step),
        `step ${step}`,
      )
      proxy.cut()
    }
    await until(
      () => broken.run(name)?.state === 'finished' && straight.run(name)?.state === 'finished',
      'the run is finished',
    )
    expect(eventsOf(broken.updates, name)).toEqual(eventsOf(straight.updates, name))
    expect(broken.problems.filter((problem) => problem !== null).map(({ code }) => code)).toEqual([
      'SERVER_UNREACHABLE',
      'SERVER_UNREACHABLE',
    ])
    expect(broken.problems.at(-1)).toBeNull()
  },
)

test('who comes back with the last id gets what he missed; with one of another server, all runs anew', async () => {
  const { base } = await studioWith()
  const { host, run } = watched(base)
  const name = await host.submit({ kind: 'photo', options: toyOptions, photo: await namedPhoto(), mask: null })
  await until(() => run(name)?.state === 'finished', 'the run is finished')
  const read = async (lastId: string, isLast: (id: string) => boolean = () => true) => {
    const stop = new AbortController()
    const headers = { ...bearer, ...(lastId === '' ? {} : { 'Last-Event-ID': lastId }) }
    const { body } = await fetch(`${base}/events`, { headers, signal: stop.signal })
    const messages = []
    for await (const message of eventMessages(body!)) {
      messages.push(message)
      if (isLast(message.id)) break
    }
    stop.abort()
    return messages
  }
  const [now] = await read('')
  expect(now).toMatchObject({ type: 'runs' })
  // The server's part of an id may hold a hyphen of its own.
  const [, epoch, number] = /^(.+)-(\d+)$/.exec(now!.id)!
  const missed = await read(`${epoch}-${Number(number) - 8}`, (id) => id === now!.id)
  // Of lists of all runs the last counts: those before it may be gone.
  const numbers = missed.map(({ id }) => Number(id.slice(`${epoch}-`.length)))
  expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b))
  expect(numbers[0]).toBeGreaterThan(Number(number) - 8)
  expect(missed.filter(({ type }) => type === 'event').length).toBeGreaterThan(2)
  for (const id of ['other-3', `${epoch}-${Number(number) + 5}`, 'nonsense', '-', '1e9'])
    expect([id, (await read(id))[0]]).toEqual([id, now])
})
