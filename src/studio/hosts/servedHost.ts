import { type ErrorCode, isErrorCode, Text2LiveError } from '../../errors.js'
import type { PictureSource } from '../../media/imageCodec.js'
import type { LayerName } from '../../atlas/layeredAtlas.js'
import type { QueueContents, QueueHost, QueueRequest } from '../../session/jobQueue.js'
import type {
  AnyRunEvent,
  HostMachine,
  HostUpdate,
  LocatedMap,
  LocateQuestion,
  NamedFile,
  NewClipRun,
  NewRun,
  RunEntry,
  RunHost,
  RunRequest,
} from '../../session/runHost.js'
import { type EventMessage, eventMessages } from './eventMessages.js'

export interface ServedHostOptions {
  /** Address of the HTTP interface; default: beside the page. */
  readonly base?: string
  /** For a program; a page has a cookie. */
  readonly token?: string
  /**
   * Told when the stream of events breaks, with the reason, and with null when it is there again. A page goes on
   * working; what it missed comes when the server is there again.
   */
  readonly onConnection?: (problem: Text2LiveError | null) => void
}

/** Milliseconds before a broken stream is asked for again: at first, and at most. */
const again = { first: 500, most: 10_000 } as const

/** The studio's server as a host of runs: requests, and one stream of events for all who watch. */
export class ServedHost implements RunHost {
  readonly kind = 'served'
  readonly queue: QueueHost = {
    contents: async () => ((await (await this.#ask('/queue')).json()) as { queue: QueueContents | null }).queue,
    ask: async (job, request) => await this.#post(`${jobPath(job)}/requests`, request),
    files: async (job) => await this.#names(`${jobPath(job)}/files`),
    file: async (job, name) => await this.#blob(`${jobPath(job)}/files/${encodeURIComponent(name)}`),
    thumbnail: async (job) => await this.#blob(`${jobPath(job)}/thumbnail`),
  }
  readonly #base: string
  readonly #headers: Readonly<Record<string, string>>
  readonly #onConnection: (problem: Text2LiveError | null) => void
  readonly #listeners = new Set<(update: HostUpdate) => void>()
  #latest: HostUpdate | null = null
  #lastId = ''
  #stream: AbortController | null = null

  constructor({ base = 'api/v1', token, onConnection = () => undefined }: ServedHostOptions = {}) {
    this.#base = base
    this.#headers = token === undefined ? {} : { Authorization: `Bearer ${token}` }
    this.#onConnection = onConnection
  }

  async machine(): Promise<HostMachine> {
    return (await (await this.#ask('/machine')).json()) as HostMachine
  }

  watch(listener: (update: HostUpdate) => void): () => void {
    // Each may come with the same function twice, and go once.
    const own = (update: HostUpdate): void => listener(update)
    this.#listeners.add(own)
    if (this.#latest !== null) own(this.#latest)
    if (this.#stream === null) {
      this.#stream = new AbortController()
      void this.#follow(this.#stream.signal)
    }
    return () => {
      this.#listeners.delete(own)
      if (this.#listeners.size > 0) return
      this.#stream?.abort()
      this.#stream = null
      this.#latest = null
      this.#lastId = ''
    }
  }

  async submit(run: NewRun): Promise<string> {
    const form = run.kind === 'clip' ? clipForm(run) : formOf(run)
    if (run.mask !== null) form.set('mask', ...fileOf(run.mask, 'mask'))
    const answer = await this.#ask('/runs', { method: 'POST', body: form })
    return ((await answer.json()) as { run: string }).run
  }

  async ask(run: string, request: RunRequest): Promise<void> {
    await this.#post(`${runPath(run)}/requests`, request)
  }

  async setMask(run: string, mask: NamedFile | null): Promise<void> {
    const named = mask === null ? '' : `?name=${encodeURIComponent(mask.name)}`
    await this.#ask(`${runPath(run)}/mask${named}`, {
      method: 'POST',
      headers: { 'Content-Type': 'image/png' },
      body: (mask?.bytes ?? new Uint8Array()) as Uint8Array<ArrayBuffer>,
    })
  }

  async files(run: string): Promise<readonly string[]> {
    return await this.#names(`${runPath(run)}/files`)
  }

  async file(run: string, name: string): Promise<Blob | null> {
    return await this.#blob(`${runPath(run)}/files/${encodeURIComponent(name)}`)
  }

  async zip(run: string): Promise<Blob> {
    return await whole((await this.#ask(`${runPath(run)}/zip`)).blob())
  }

  async bring(zip: Blob): Promise<string> {
    const name = 'name' in zip && typeof zip.name === 'string' ? `?name=${encodeURIComponent(zip.name)}` : ''
    const headers = { 'Content-Type': 'application/zip' }
    const answer = await this.#ask(`/runs${name}`, { method: 'POST', headers, body: zip })
    return ((await answer.json()) as { run: string }).run
  }

  async paint(run: string, layer: LayerName, picture: Uint8Array): Promise<void> {
    await this.#ask(`${runPath(run)}/painted/${layer}`, {
      method: 'POST',
      headers: { 'Content-Type': 'image/png' },
      body: picture as Uint8Array<ArrayBuffer>,
    })
  }

  async preview({ name, bytes }: NamedFile): Promise<Blob> {
    const answer = await this.#ask(`/preview?name=${encodeURIComponent(name)}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/octet-stream' },
      body: bytes as Uint8Array<ArrayBuffer>,
    })
    return await whole(answer.blob())
  }

  async locate(asked: LocateQuestion, signal: AbortSignal): Promise<LocatedMap> {
    const answer = await this.#ask('/locate', { method: 'POST', body: formOf(asked), signal })
    const { map, ...located } = (await answer.json()) as Omit<LocatedMap, 'map'> & { map: string }
    return { ...located, map: Uint8Array.from(Array.from(atob(map), (letter) => letter.charCodeAt(0))) }
  }

  /** Holds the stream open, and opens it again, until nobody watches. */
  async #follow(signal: AbortSignal): Promise<void> {
    let wait: number = again.first
    const isOver = (): boolean => signal.aborted
    while (!isOver()) {
      try {
        const resume = this.#lastId === '' ? {} : { 'Last-Event-ID': this.#lastId }
        const { body } = await this.#ask('/events', { headers: resume, signal })
        this.#onConnection(null)
        for await (const message of eventMessages(body!)) {
          wait = again.first
          await this.#take(message, signal)
          if (isOver()) return
        }
        throw unreachable()
      } catch (error) {
        if (isOver()) return
        this.#onConnection(error instanceof Text2LiveError ? error : unreachable(error))
      }
      await pause(wait, signal)
      wait = Math.min(again.most, 2 * wait)
    }
  }

  async #take({ id, data }: EventMessage, signal: AbortSignal): Promise<void> {
    const told = JSON.parse(data) as SentUpdate
    const update: HostUpdate | null = told.type === 'runs' ? told : await this.#withPicture(told)
    if (signal.aborted) return
    this.#lastId = id
    if (update === null) return
    if (update.type === 'runs') this.#latest = update
    for (const listener of this.#listeners) listener(update)
  }

  /** Null for a preview that is gone already, with its run. */
  async #withPicture({ run, event }: SentEvent): Promise<HostUpdate | null> {
    if (event.type !== 'preview') return { type: 'event', run, event: event as AnyRunEvent }
    const { file, ...rest } = event as SentPreview
    const picture = await this.file(run, file).catch((error: unknown) => {
      if (error instanceof Text2LiveError && error.code === 'RUN_NOT_FOUND') return null
      throw error
    })
    if (picture === null) return null
    return { type: 'event', run, event: { ...rest, path: file, png: new Uint8Array(await picture.arrayBuffer()) } }
  }

  async #post(path: string, request: RunRequest | QueueRequest): Promise<void> {
    await this.#ask(path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(request),
    })
  }

  async #names(path: string): Promise<readonly string[]> {
    const { files } = (await (await this.#ask(path)).json()) as { files: { name: string }[] }
    return files.map(({ name }) => name)
  }

  /** Null where there is no such file. */
  async #blob(path: string): Promise<Blob | null> {
    try {
      return await whole((await this.#ask(path)).blob())
    } catch (error) {
      if (error instanceof Text2LiveError && error.code === 'FILE_NOT_FOUND') return null
      throw error
    }
  }

  /** @throws what the server answers, with its code; SERVER_UNREACHABLE, INTERRUPTED */
  async #ask(
    path: string,
    { headers, ...init }: Omit<RequestInit, 'headers'> & { headers?: Record<string, string> } = {},
  ): Promise<Response> {
    const request = {
      ...init,
      headers: { ...this.#headers, ...headers },
      cache: 'no-store',
      credentials: 'same-origin',
    } as const
    const answer = await fetch(this.#base + path, request).catch((cause: unknown) => {
      if (init.signal?.aborted === true) throw new Text2LiveError('INTERRUPTED', 'The request was given up.', { cause })
      throw unreachable(cause)
    })
    if (answer.ok) return answer
    const said = (await answer.json().catch(() => null)) as { code?: unknown; message?: unknown } | null
    const message =
      typeof said?.message === 'string' ? said.message : `The server answered with status ${answer.status}.`
    throw new Text2LiveError(isErrorCode(said?.code) ? said.code : codeOf(answer.status), message)
  }
}

type SentEvent = { readonly type: 'event'; readonly run: string; readonly event: { readonly type: string } }
type SentUpdate = { readonly type: 'runs'; readonly runs: readonly RunEntry[] } | SentEvent
type SentPreview = {
  readonly type: 'preview'
  readonly step: number
  readonly layer?: LayerName
  readonly file: string
}

const jobPath = (job: string): string => `/queue/jobs/${encodeURIComponent(job)}`
const runPath = (run: string): string => `/runs/${encodeURIComponent(run)}`

/** Of an answer that is not the studio's: something stands between. */
const codeOf = (status: number): ErrorCode => (status === 413 ? 'REQUEST_TOO_LARGE' : 'SERVER_UNREACHABLE')

const unreachable = (cause?: unknown): Text2LiveError =>
  new Text2LiveError(
    'SERVER_UNREACHABLE',
    'The studio\'s server does not answer. Start it again with "text2live studio", and open the address that it prints.',
    { cause },
  )

/** An answer that is cut is none. */
const whole = async (body: Promise<Blob>): Promise<Blob> =>
  await body.catch((cause: unknown) => {
    throw unreachable(cause)
  })

function clipForm({ options, clip, object, over = [] }: NewClipRun): FormData {
  const form = new FormData()
  form.set('options', JSON.stringify(options))
  form.set('clip', ...fileOf(clip, 'clip'))
  for (const mask of object) form.append('object', ...fileOf(mask, 'object'))
  if (over.length > 0) form.set('over', JSON.stringify(over))
  return form
}

function formOf({ options, photo, over = [] }: LocateQuestion): FormData {
  const form = new FormData()
  form.set('options', JSON.stringify(options))
  form.set('photo', ...fileOf(photo, 'photo'))
  if (over.length > 0) form.set('over', JSON.stringify(over))
  return form
}

/** @throws OPTION_INVALID for a path: it would be one of this machine */
function fileOf(source: PictureSource, part: string): [Blob, string] {
  if (typeof source === 'string')
    throw new Text2LiveError('OPTION_INVALID', `Expected the bytes of the ${part}, got the path "${source}".`)
  const { name, bytes } = 'name' in source ? source : { name: part, bytes: source }
  return [new Blob([bytes as Uint8Array<ArrayBuffer>]), name]
}

const pause = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, milliseconds)
    signal.addEventListener('abort', done)
  })
