import type { HttpBindings } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { Text2LiveError } from '../errors.js'
import type { QueueView } from '../queue/queueView.js'
import type { HostUpdate, RunEntry } from '../session/runHost.js'
import { type Access, wrongToken } from './access.js'
import { answerHeaders } from './answerHeaders.js'
import { queueRequestSchema, requestSchema } from './apiSchemas.js'
import type { EventFeed } from './eventFeed.js'
import { httpStatus } from './httpStatus.js'
import { openApi } from './openApi.js'
import { apiBase, limits, type OperationName, operations } from './operations.js'
import type { PageFile } from './pageFiles.js'
import { readBody } from './readBody.js'
import { parseJson, readForm, readQuestion } from './readForm.js'
import { isRunFileName, runFileType } from './runFileName.js'
import type { ServedRuns } from './servedRuns.js'

/** What the server's answers are made from. */
export interface AppParts {
  readonly access: Access
  readonly runs: ServedRuns
  /** All runs as they are now. */
  readonly entries: () => readonly RunEntry[]
  readonly feed: EventFeed
  /** What other machines work on; null where it is not shown. */
  readonly queue: QueueView | null
  readonly page: ReadonlyMap<string, PageFile>
  /** Told of what should not have happened; the request was answered with INTERNAL. */
  readonly onFault: (error: unknown) => void
}

type Asked = Context<{ Bindings: HttpBindings }>

/** Requests with pictures or a zip at once: each is held in memory, or on the disk. */
const uploadsAtOnce = 4

/** The studio's page and its HTTP interface. */
export function createApp({
  access,
  runs,
  entries,
  feed,
  queue,
  page,
  onFault,
}: AppParts): Hono<{ Bindings: HttpBindings }> {
  const app = new Hono<{ Bindings: HttpBindings }>()
  const description = openApi()
  let uploads = 0

  const uploading = async <T>(work: () => Promise<T>): Promise<T> => {
    if (uploads >= uploadsAtOnce)
      throw new Text2LiveError(
        'SERVER_BUSY',
        `${uploads} uploads are on their way already. Try again when they are done.`,
      )
    uploads++
    try {
      return await work()
    } finally {
      uploads--
    }
  }

  const entryOf = (name: string): RunEntry => {
    const entry = entries().find((each) => each.name === name)
    if (entry !== undefined) return entry
    throw new Text2LiveError(
      'RUN_NOT_FOUND',
      `There should be a run "${name}", but there is none. It may have been deleted.`,
    )
  }

  const run = (c: Asked): string => entryOf(c.req.param('run') ?? '').name

  const queueOf = (): QueueView => {
    if (queue !== null) return queue
    throw new Text2LiveError(
      'RUN_NOT_FOUND',
      'This studio shows no queue. Start it with: text2live studio --queue redis://... --store ...',
    )
  }
  /** It names a folder of the store, so it is nothing but a job's name. */
  const job = (c: Asked): string => {
    const name = c.req.param('job') ?? ''
    if (/^[0-9a-f]{32}$/.test(name)) return name
    throw new Text2LiveError('RUN_NOT_FOUND', `There is no job "${name}": a name of one is 32 hexadecimal digits.`)
  }

  const handlers: Readonly<Record<OperationName, (c: Asked) => Promise<Response> | Response>> = {
    machine: async (c) => c.json(await runs.machine()),
    listRuns: (c) => c.json({ runs: entries() }),
    getRun: (c) => c.json(entryOf(c.req.param('run') ?? '')),
    describe: (c) => c.json(description),
    addRun: async (c) => {
      const name = await uploading(async () =>
        mediaType(c) === 'application/zip'
          ? await runs.bring(await readBody(c.req.raw, limits.zip), c.req.query('name') ?? 'run.zip')
          : await runs.submit(await readForm(c.req.raw, limits.clip)),
      )
      return c.json({ run: name }, 201, { Location: `${apiBase}/runs/${encodeURIComponent(name)}` })
    },
    askRun: async (c) => {
      const text = new TextDecoder().decode(await readBody(c.req.raw, limits.json))
      const request = requestSchema.safeParse(parseJson(text, 'the request'))
      if (!request.success) throw badRequest(request.error.issues[0])
      await runs.ask(run(c), request.data)
      return c.body(null, 204)
    },
    listFiles: async (c) => c.json({ files: await runs.files(run(c)) }),
    getFile: async (c) => {
      const name = c.req.param('file') ?? ''
      const file = await runs.open(run(c), name)
      if (file === null)
        throw new Text2LiveError(
          'FILE_NOT_FOUND',
          `The run has no file "${name}", or not yet. ${apiBase}/runs/<run>/files lists those it has.`,
        )
      return sent(c, file.pieces, {
        ...answerHeaders.file,
        'Content-Type': runFileType(name),
        'Content-Length': String(file.bytes),
        'Cache-Control': 'no-store',
      })
    },
    getZip: async (c) => {
      const name = run(c)
      return sent(c, await begun(await runs.zip(name)), {
        ...answerHeaders.file,
        'Content-Type': 'application/zip',
        'Content-Disposition': `attachment; filename*=UTF-8''${encodeURIComponent(`${name}.zip`)}`,
        'Cache-Control': 'no-store',
      })
    },
    paint: async (c) => {
      const layer = c.req.param('layer') ?? ''
      if (layer !== 'foreground' && layer !== 'background')
        throw new Text2LiveError(
          'REQUEST_INVALID',
          `Expected the layer foreground or background in the address, got "${layer}".`,
        )
      await runs.paint(run(c), layer, await uploading(() => readBody(c.req.raw, limits.pictures)))
      return c.body(null, 204)
    },
    setMask: async (c) => {
      const bytes = await uploading(() => readBody(c.req.raw, limits.pictures))
      await runs.setMask(run(c), bytes.length === 0 ? null : { name: c.req.query('name') ?? 'mask', bytes })
      return c.body(null, 204)
    },
    locate: async (c) => {
      const { map, ...located } = await runs.locate(
        await uploading(() => readQuestion(c.req.raw, limits.pictures)),
        c.req.raw.signal,
      )
      return c.json({ map: Buffer.from(map).toString('base64'), ...located })
    },
    preview: async (c) => {
      const bytes = await uploading(() => readBody(c.req.raw, limits.pictures))
      const png = await runs.preview({ name: c.req.query('name') ?? 'photo', bytes }, c.req.raw.signal)
      return c.body(png as Uint8Array<ArrayBuffer>, 200, { ...answerHeaders.file, 'Content-Type': 'image/png' })
    },
    getQueue: async (c) => c.json({ queue: (await queue?.contents()) ?? null }),
    askJob: async (c) => {
      const text = new TextDecoder().decode(await readBody(c.req.raw, limits.json))
      const request = queueRequestSchema.safeParse(parseJson(text, 'the request'))
      if (!request.success)
        throw new Text2LiveError('REQUEST_INVALID', 'Expected a request as {"do": "cancel"} or {"do": "retry"}.')
      await queueOf().ask(job(c), request.data)
      return c.body(null, 204)
    },
    listJobFiles: async (c) => {
      const files = await queueOf().files(job(c))
      return c.json({ files: files.filter(({ name }) => isRunFileName(name)) })
    },
    getJobFile: async (c) => {
      const name = c.req.param('file') ?? ''
      const bytes = isRunFileName(name) ? await queueOf().file(job(c), name) : null
      if (bytes === null) throw new Text2LiveError('FILE_NOT_FOUND', `The job has no file "${name}", or not yet.`)
      return c.body(bytes as Uint8Array<ArrayBuffer>, 200, {
        ...answerHeaders.file,
        'Content-Type': runFileType(name),
      })
    },
    getJobThumbnail: async (c) => {
      const picture = await queueOf().thumbnail(job(c))
      if (picture === null) throw new Text2LiveError('FILE_NOT_FOUND', 'The job has no picture, or not yet.')
      return c.body(picture as Uint8Array<ArrayBuffer>, 200, { ...answerHeaders.file, 'Content-Type': 'image/webp' })
    },
    events: (c) => {
      const { outgoing } = c.env
      const stream = feed.open(c.req.header('last-event-id'), () => outgoing.destroy())
      return new Response(stream, {
        headers: {
          ...answerHeaders.file,
          'Content-Type': 'text/event-stream',
          'Cache-Control': 'no-store',
          'X-Accel-Buffering': 'no',
        },
      })
    },
  }

  app.use(async (c, next) => {
    access.assertHost(c.req.header('host'))
    await next()
  })
  app.use(`${apiBase}/*`, async (c, next) => {
    const header = (name: string): string | undefined => c.req.header(name)
    access.assertAllowed(
      {
        method: c.req.method,
        host: header('host'),
        origin: header('origin'),
        site: header('sec-fetch-site'),
        authorization: header('authorization'),
        cookie: header('cookie'),
      },
      c.req.path === apiBase + operations.events.path,
    )
    await next()
    for (const [name, value] of Object.entries(answerHeaders.file)) c.res.headers.set(name, value)
    c.res.headers.set('Cache-Control', 'no-store')
  })
  for (const [name, { method, path }] of Object.entries(operations))
    app[method](
      apiBase +
        path
          .replace('{run}', ':run')
          .replace('{job}', ':job')
          .replace('{file}', ':file{.+}')
          .replace('{layer}', ':layer'),
      (c) => handlers[name as OperationName](c),
    )
  app.all('/api/*', (c) => {
    throw new Text2LiveError(
      'REQUEST_INVALID',
      `There is no ${c.req.method} ${c.req.path}. ${apiBase}/openapi.json lists what there is.`,
    )
  })
  app.get('*', (c) => {
    const token = c.req.query('token')
    if (c.req.path === '/' && token !== undefined) {
      if (!access.mayEnter(token)) throw wrongToken()
      // The address without the token: not in the history, not in what the page tells others.
      return new Response(null, {
        status: 303,
        headers: { ...answerHeaders.page, Location: '/', 'Set-Cookie': access.cookie },
      })
    }
    const file = page.get(c.req.path)
    if (file === undefined)
      throw new Text2LiveError(
        'FILE_NOT_FOUND',
        'There is nothing at this address. Open the address that the server printed.',
      )
    return new Response(file.bytes, {
      headers: {
        ...answerHeaders.page,
        'Content-Type': file.type,
        'Cache-Control': file.lasting ? 'public, max-age=31536000, immutable' : 'no-cache',
      },
    })
  })
  app.notFound((c) => failed(c, new Text2LiveError('REQUEST_INVALID', `There is no ${c.req.method} ${c.req.path}.`)))
  app.onError((error, c) => {
    if (error instanceof Text2LiveError) {
      if (httpStatus(error) === 500) onFault(error)
      return failed(c, error)
    }
    onFault(error)
    return failed(
      c,
      new Text2LiveError('INTERNAL', 'Something went wrong here that should not. The server prints what.'),
    )
  })
  return app
}

/** Tells all of an update but pictures, which are fetched by their names. */
export function feedMessage(update: HostUpdate): { type: string; data: unknown; whole: boolean } {
  if (update.type === 'runs') return { type: 'runs', data: update, whole: true }
  const { run, event } = update
  if (event.type !== 'preview') return { type: 'event', data: update, whole: false }
  const { png: _, path, ...rest } = event
  const file = path?.split(/[\\/]/).slice(-2).join('/')
  return { type: 'event', data: { type: 'event', run, event: { ...rest, file } }, whole: false }
}

function failed(c: Context, error: Text2LiveError): Response {
  const headers = { ...answerHeaders.file, 'Cache-Control': 'no-store' }
  return c.json({ code: error.code, message: error.message }, httpStatus(error), headers)
}

const mediaType = (c: Context): string => (c.req.header('content-type') ?? '').split(';')[0]!.trim().toLowerCase()

/** Pieces of which the first is made already: what fails at once is told as an error, before any answer is begun. */
async function begun(pieces: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Uint8Array>> {
  const iterator = pieces[Symbol.asyncIterator]()
  const first = await iterator.next()
  return (async function* () {
    if (first.done === true) return
    yield first.value
    yield* { [Symbol.asyncIterator]: () => iterator }
  })()
}

/**
 * An answer of pieces that are made as they are read. What fails in the middle ends the connection, since the status
 * was sent: who reads sees that the answer is cut.
 */
function sent(c: Asked, pieces: AsyncIterable<Uint8Array>, headers: Record<string, string>): Response {
  const { outgoing } = c.env
  const iterator = pieces[Symbol.asyncIterator]()
  if (c.req.raw.method === 'HEAD') void iterator.return?.()
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const next = await iterator.next()
        if (next.done === true) controller.close()
        else controller.enqueue(next.value)
      } catch {
        outgoing.destroy()
        controller.close()
      }
    },
    async cancel() {
      await iterator.return?.()
    },
  })
  return new Response(body, { headers })
}

function badRequest(issue: { path: PropertyKey[]; message: string } | undefined): Text2LiveError {
  const words = requestSchema.options.map(({ shape }) => shape.do.value).join(', ')
  return new Text2LiveError(
    'REQUEST_INVALID',
    `Expected a request as {"do": "pause"}, one of ${words}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}. ${apiBase}/openapi.json says what each takes.`,
  )
}
