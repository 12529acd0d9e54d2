import { createServer, type Server } from 'node:http'
import { networkInterfaces, hostname } from 'node:os'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { getRequestListener } from '@hono/node-server'
import { Text2LiveError } from '../errors.js'
import type { QueueView } from '../queue/queueView.js'
import { Access } from './access.js'
import { createApp, feedMessage } from './createApp.js'
import { EventFeed } from './eventFeed.js'
import { readPage } from './pageFiles.js'
import { StudioRuns, type StudioWorkers } from './studioRuns.js'

export interface StudioOptions {
  /** Of the runs; made where there is none. */
  readonly folder: string
  /** An address or name of this machine. */
  readonly listen: string
  /** Null: `defaultPort`, or a free one where that is taken. */
  readonly port: number | null
  /** What the address that is printed shows; at least `shortestToken` characters. */
  readonly token: string
  readonly workers: StudioWorkers
  /** A queue that other machines work on, to be shown. */
  readonly queue?: QueueView | undefined
  /** Where the built page is; default: that of the package. */
  readonly page?: string
  /** Told of what should not have happened, while the server goes on. */
  readonly onFault: (error: unknown) => void
}

/** A server that is running. */
export interface Studio {
  /** To open in a browser, without the token. */
  readonly address: string
  readonly port: number
  /** The port that is usual was taken. */
  readonly moved: boolean
  /** An address that lets one browser in, once: it is shown to programs that start one. */
  ticket(): string
  /** Ends in order: the step at hand is finished and kept, streams are closed, then connections. */
  close(): Promise<void>
}

type Listener = ReturnType<typeof getRequestListener>

/** "LIVE" on the keys of a telephone. */
const defaultPort = 5483
/** Characters: what can be guessed is no token. */
const shortestToken = 16

/** Milliseconds that connections have to end by themselves. */
const patience = 1_000

/** Of the built page, beside the compiled sources. */
const builtPage = fileURLToPath(new URL('../studio', import.meta.url))

/**
 * Serves the studio's page, and works on the runs in a folder.
 * @throws ADDRESS_UNAVAILABLE, TOKEN_NEEDED, RUN_LOCKED, RUN_INVALID, OUTPUT_NOT_WRITABLE
 */
export async function startStudio(options: StudioOptions): Promise<Studio> {
  const { folder, listen, token, workers, onFault } = options
  if (token.length < shortestToken)
    throw new Text2LiveError(
      'TOKEN_NEEDED',
      `Expected a token of at least ${shortestToken} characters; got ${token.length}. Take one that nobody can guess, for example from: openssl rand -hex 32`,
    )
  const page = await readPage(options.page ?? builtPage)
  const server = createServer({
    maxHeaderSize: 16_384,
    headersTimeout: 20_000,
    requestTimeout: 600_000,
    keepAliveTimeout: 65_000,
  })
  server.maxConnections = 256
  let begin: (listener: Listener) => void = () => undefined
  const begun = new Promise<Listener>((resolve) => {
    begin = resolve
  })
  // Who comes while the runs are opened waits for them.
  server.on('request', (incoming, outgoing) => void begun.then((listener) => listener(incoming, outgoing)))
  const moved = await listenOn(server, listen, options.port)
  const { port } = server.address() as { port: number }
  let runs: StudioRuns
  try {
    runs = await StudioRuns.open(folder, workers)
  } catch (error) {
    server.close()
    server.closeAllConnections()
    throw error
  }
  const access = new Access({ token, hosts: hostsOf(listen, port), port })
  const feed = new EventFeed(() => feedMessage({ type: 'runs', runs: runs.entries }))
  const unwatch = runs.watch((update) => feed.publish(feedMessage(update)))
  const app = createApp({
    ...{ access, runs, feed, page, onFault },
    entries: () => runs.entries,
    queue: options.queue ?? null,
  })
  begin(getRequestListener((request, env) => app.fetch(request, env), { overrideGlobalObjects: false }))
  return {
    address: `http://${inAddress(nameOf(listen))}:${port}/`,
    port,
    moved,
    ticket: () => access.ticket(),
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      await runs.close()
      unwatch()
      feed.close()
      server.closeIdleConnections()
      const rest = setTimeout(() => server.closeAllConnections(), patience)
      await closed
      clearTimeout(rest)
    },
  }
}

/** Is it an address that only this machine reaches? */
export const isLoopback = (address: string): boolean =>
  address === 'localhost' || address === '::1' || /^127(?:\.\d{1,3}){3}$/.test(address)

/** @returns whether the usual port was taken */
async function listenOn(server: Server, address: string, port: number | null): Promise<boolean> {
  try {
    await listening(server, address, port ?? defaultPort)
    return false
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE' && port === null) {
      await listening(server, address, 0)
      return true
    }
    throw unavailable(address, port ?? defaultPort, code ?? String(error), error)
  }
}

const unavailable = (address: string, port: number, why: string, cause: unknown): Text2LiveError =>
  new Text2LiveError(
    'ADDRESS_UNAVAILABLE',
    why === 'EADDRINUSE'
      ? `Port ${port} is taken by another program. Choose another with --port, or leave it out to get a free one.`
      : `This machine cannot be reached at ${address}, port ${port} (${why}). Give an address that it has with --listen, and a port above 1023.`,
    { cause },
  )

async function listening(server: Server, host: string, port: number): Promise<void> {
  server.listen({ host, port })
  await once(server, 'listening')
}

const everyAddress = new Set(['0.0.0.0', '::'])

/** The name to print: who listens everywhere is reached here by the loopback. */
const nameOf = (listen: string): string => (everyAddress.has(listen) ? '127.0.0.1' : listen)

const inAddress = (name: string): string => (name.includes(':') ? `[${name}]` : name)

/**
 * Values of Host under which the server is reached. Names that others chose are none of them, wherever they point to.
 */
function hostsOf(listen: string, port: number): ReadonlySet<string> {
  const names = new Set([listen])
  if (isLoopback(listen) || everyAddress.has(listen))
    for (const name of ['127.0.0.1', '::1', 'localhost']) names.add(name)
  if (everyAddress.has(listen)) {
    names.add(hostname())
    for (const each of Object.values(networkInterfaces()).flat()) if (each !== undefined) names.add(each.address)
  }
  const hosts = [...names].map((name) => inAddress(name.toLowerCase()))
  return new Set(hosts.flatMap((name) => [`${name}:${port}`, ...(port === 80 ? [name] : [])]))
}
