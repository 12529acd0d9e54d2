import { STATUS_CODES } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { Text2LiveError } from '../../errors.js'
import { connectionFault, type Fault } from './connectionFault.js'
import { proxiedFetch } from './proxiedFetch.js'
import { proxyFor, type Proxy, type ProxySettings } from './proxies.js'

/** How much trouble a download bears before it gives up. */
export interface Patience {
  /** Seconds without a byte after which a connection counts as dead. */
  readonly stallSeconds: number
  /** Failures in a row, none of which brought anything. Default 6. */
  readonly attempts?: number
  /**
   * Seconds before the second attempt; each wait after it is twice as long, at most 30 s, unless the server names a
   * time. Default 0.5.
   */
  readonly firstWait?: number
}

interface SteadyFetchOptions extends Patience {
  readonly signal?: AbortSignal | undefined
  /** Sent as a bearer token to `origin` alone. */
  readonly token?: string | null
  readonly origin?: string
  /** Default: none. */
  readonly proxies?: ProxySettings | undefined
}

/** A connection that failed. */
export class ConnectionFailure extends Error {
  override readonly name = 'ConnectionFailure'
  /**
   * `broken` and, less likely, `unreachable` (no name, no route, no listener) may pass; `refused` stays: a certificate,
   * a proxy that lets nobody through.
   */
  readonly kind: Fault['kind']

  constructor(message: string, kind: Fault['kind'], cause?: unknown) {
    super(message, { cause })
    this.kind = kind
  }

  get unreachable(): boolean {
    return this.kind === 'unreachable'
  }
}

/** Failures in a row after which it is useless to go on. */
const bearable: Readonly<Record<Fault['kind'], number>> = { broken: Infinity, unreachable: 2, refused: 1 }

export interface SteadyFetch {
  readonly fetch: typeof fetch
  /** What went wrong last: streams of the hub client pass on its text only. */
  readonly failure: () => unknown
}

const passing = new Set([408, 425, 429, 500, 502, 503, 504])
const gateway = new Set([502, 503, 504])
/** A server that asks for a longer pause than this is given up at once, seconds. */
export const longestPause = 300

/**
 * The `fetch` that the hub client is given. It waits and asks again while the server is busy (429, 5xx; `Retry-After`
 * is kept), ends a connection that stalls, and answers a request for a range with that range also where the server
 * sends the whole file.
 * @throws ConnectionFailure for a lost connection or a stall; DOWNLOAD_FAILED when the server stays busy; INTERRUPTED
 */
export function steadyFetch(options: SteadyFetchOptions): SteadyFetch {
  let failure: unknown = null
  const noting = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      failure = error
      throw error
    }
  }
  return {
    failure: () => failure,
    fetch: (input, init) => noting(() => ask(addressOf(input), init ?? {}, options, noting)),
  }
}

type Noting = <T>(work: () => Promise<T>) => Promise<T>

async function ask(url: string, init: RequestInit, options: SteadyFetchOptions, noting: Noting): Promise<Response> {
  const { attempts = 6 } = options
  for (let attempt = 1; ; attempt++) {
    const { response, proxy, ...connection } = await connect(url, init, options)
    if (!passing.has(response.status))
      return inRange(response, new Headers(init.headers).get('range'), url, connection, options, noting)
    const asked = retryAfter(response.headers.get('retry-after'))
    await response.body?.cancel()
    // What a proxy answers for a server that it cannot reach looks like an answer of that server.
    const limit = proxy !== null && gateway.has(response.status) ? Math.min(attempts, bearable.unreachable) : attempts
    if (attempt >= limit || (asked ?? 0) > longestPause) throw busy(url, response, attempt, asked, proxy)
    await pause(asked ?? waitBefore(attempt, options), options.signal)
  }
}

/** The wait after the `attempt`th failure, seconds. */
const waitBefore = (attempt: number, { firstWait = 0.5 }: Patience): number =>
  Math.min(30, firstWait * 2 ** (attempt - 1))

/**
 * Repeats `work` while connections fail; `work` tells by `progressed` that it got further, which makes it patient
 * again.
 * @throws what `work` threw last
 */
export async function patiently<T>(
  patience: Patience,
  signal: AbortSignal | undefined,
  work: (progressed: () => void) => Promise<T>,
): Promise<T> {
  const { attempts = 6 } = patience
  let failures = 0
  for (;;) {
    try {
      return await work(() => {
        failures = 0
      })
    } catch (error) {
      failures++
      if (!(error instanceof ConnectionFailure) || failures >= Math.min(attempts, bearable[error.kind])) throw error
      await pause(waitBefore(failures, patience), signal)
    }
  }
}

interface Connection {
  /** To be called with every byte that arrives. */
  readonly alive: () => void
  readonly close: () => void
  readonly stalled: () => boolean
}

async function connect(
  url: string,
  init: RequestInit,
  options: SteadyFetchOptions,
): Promise<Connection & { response: Response; proxy: Proxy | null }> {
  const { signal, stallSeconds, token, origin, proxies } = options
  const proxy = proxies === undefined ? null : proxyFor(new URL(url), proxies)
  const used = proxies === undefined || (proxies.http ?? proxies.https) === null ? fetch : await proxiedFetch(proxies)
  const stall = new AbortController()
  let timer = setTimeout(() => stall.abort(), stallSeconds * 1000)
  const headers = new Headers(init.headers)
  // A compressed answer would have no ranges.
  headers.set('accept-encoding', 'identity')
  if (typeof token === 'string' && new URL(url).origin === origin) headers.set('authorization', `Bearer ${token}`)
  const connection: Connection = {
    alive: () => {
      clearTimeout(timer)
      timer = setTimeout(() => stall.abort(), stallSeconds * 1000)
    },
    close: () => clearTimeout(timer),
    stalled: () => stall.signal.aborted,
  }
  try {
    const response = await used(url, {
      ...init,
      headers,
      signal: AbortSignal.any([stall.signal, ...(signal ? [signal] : [])]),
    })
    connection.close()
    return { ...connection, response, proxy }
  } catch (cause) {
    connection.close()
    throw connectionError(url, cause, connection, options)
  }
}

function connectionError(
  url: string,
  cause: unknown,
  connection: Connection,
  { signal, stallSeconds, proxies }: SteadyFetchOptions,
): Error {
  if (signal?.aborted === true) return stopped()
  const asked = new URL(url)
  if (connection.stalled())
    return new ConnectionFailure(`${asked.host} sent nothing for ${stallSeconds} s`, 'broken', cause)
  const { message, kind } = connectionFault(asked.host, cause, proxies === undefined ? null : proxyFor(asked, proxies))
  return new ConnectionFailure(message, kind, cause)
}

/** Only what was asked for, whatever the server sends: some ignore `Range` and send the whole file. */
async function inRange(
  response: Response,
  range: string | null,
  url: string,
  connection: Connection,
  options: SteadyFetchOptions,
  noting: Noting,
): Promise<Response> {
  if (!response.ok || response.body === null) return response
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? []
  const [start, end] = [Number(from ?? 0), to === undefined ? Infinity : Number(to) + 1]
  const whole = range !== null && response.status === 200
  const headers = new Headers(response.headers)
  const total = headers.get('content-length')
  if (whole && total !== null)
    headers.set('content-range', `bytes ${start}-${Math.min(end, Number(total)) - 1}/${total}`)
  const body = bounded(
    response.body,
    whole ? start : 0,
    end - start,
    (cause) => connectionError(url, cause, connection, options),
    connection,
    noting,
  )
  const answer = new Response(body, { status: whole ? 206 : response.status, headers })
  Object.defineProperty(answer, 'url', { value: response.url })
  // The client asks for one byte to learn the size, and leaves it: the connection must not stay open for the rest.
  if (end - start > 1) return answer
  const one = new Response(await answer.arrayBuffer(), { status: answer.status, headers })
  return Object.defineProperty(one, 'url', { value: response.url })
}

/** The bytes after the first `skip`, at most `take`; a connection that stalls or breaks ends them with an error. */
function bounded(
  body: ReadableStream<Uint8Array>,
  skip: number,
  take: number,
  failed: (cause: unknown) => Error,
  connection: Connection,
  noting: Noting,
): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  let toSkip = skip
  let left = take
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        await noting(async () => {
          for (;;) {
            connection.alive()
            const { done, value } = await reader
              .read()
              .catch((cause: unknown) => {
                throw failed(cause)
              })
              .finally(connection.close)
            if (done) {
              controller.close()
              return
            }
            const part = value
              .subarray(Math.min(toSkip, value.byteLength))
              .subarray(0, Math.min(left, value.byteLength))
            toSkip -= Math.min(toSkip, value.byteLength)
            left -= part.byteLength
            if (part.byteLength > 0) controller.enqueue(part)
            if (left <= 0) {
              controller.close()
              return reader.cancel().catch(() => undefined)
            }
            if (part.byteLength > 0) return
          }
        })
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}

/** Seconds that the server asks to wait: a number or a date. */
function retryAfter(value: string | null): number | null {
  if (value === null) return null
  const seconds = /^\d+$/.test(value.trim()) ? Number(value) : (Date.parse(value) - Date.now()) / 1000
  return Number.isFinite(seconds) ? Math.max(0, seconds) : null
}

async function pause(seconds: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(seconds * 1000, undefined, signal ? { signal } : {}).catch((error: unknown) => {
    if (signal?.aborted === true) throw stopped()
    throw error
  })
}

function busy(
  url: string,
  { status }: Response,
  attempts: number,
  asked: number | null,
  proxy: Proxy | null,
): Text2LiveError {
  const pauseAsked = asked === null ? '' : ` and asks to wait ${Math.ceil(asked)} s`
  return new Text2LiveError(
    'DOWNLOAD_FAILED',
    `${new URL(url).host}${proxy === null ? '' : `, asked through the proxy ${proxy.address} (${proxy.variable}),`} answered ${`${status} ${STATUS_CODES[status] ?? ''}`.trim()} to ${attempts} requests in a row${pauseAsked}. Try again later; what was ` +
      `downloaded so far is kept.${status === 429 ? ' A token in HF_TOKEN has higher limits.' : ''}`,
  )
}

export const stopped = (): Text2LiveError =>
  new Text2LiveError(
    'INTERRUPTED',
    'Stopped while a model was downloaded. What was downloaded so far is kept; the next download goes on from there.',
  )

const addressOf = (input: string | URL | Request): string =>
  typeof input === 'string' ? input : input instanceof URL ? input.href : input.url
