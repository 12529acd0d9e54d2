import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What goes wrong with one request for a file; nothing for the default. */
export interface Trouble {
  /** Answer with this status instead; `retryAfter` in seconds. */
  readonly status?: number
  readonly retryAfter?: number
  /** End the connection after this many bytes of the body. */
  readonly cutAfter?: number
  /** Send this many bytes of the body, then nothing. */
  readonly stallAfter?: number
  readonly ignoreRange?: boolean
  /** Bytes other than those of the file. */
  readonly wrongBytes?: boolean
  /** Milliseconds after each 16 kB. */
  readonly slow?: number
}

export interface HubServer {
  readonly endpoint: string
  /** Requests so far, as "METHOD path [range]". */
  readonly requests: string[]
  /** Called for each request for a file's bytes (not for its size), first come first served. */
  trouble: (path: string, count: number) => Trouble | undefined
  /** Sizes that the hub claims instead of the true ones. */
  claimedSizes: Map<string, number>
  commit: string
  /** Send who asks for a file on to this address, as the hub does for large files. */
  redirectTo: string | null
  /** Requests that brought a token. */
  tokens: string[]
  /** Files outside of any repository, by the path of their address. */
  plain: Map<string, Uint8Array>
  close(): Promise<void>
}

type Files = ReadonlyMap<string, Uint8Array>

/** Files larger than this are in large file storage, known by SHA-256; smaller ones are git objects. */
const largeFile = 100_000

/**
 * The part of the Hugging Face hub that a download uses: repositories with their files, over HTTP on this machine. A
 * request for one byte, by which the client learns the size, is always answered well.
 */
export async function startHub(repos: ReadonlyMap<string, Files>, token: string | null = null): Promise<HubServer> {
  const served = new Map<string, number>()
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(error as Error))
  })
  const hub: HubServer = {
    endpoint: '',
    requests: [],
    trouble: () => undefined,
    claimedSizes: new Map(),
    plain: new Map(),
    redirectTo: null,
    tokens: [],
    commit: 'a'.repeat(40),
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, 'http://hub')
    hub.requests.push(
      [request.method, url.pathname, ...(request.headers.range === undefined ? [] : [request.headers.range])].join(' '),
    )
    if (request.headers.authorization !== undefined) hub.tokens.push(url.pathname)
    if (token !== null && request.headers.authorization !== `Bearer ${token}`) {
      json(response, 401, { error: 'Invalid username or password.' }, { 'x-error-code': 'RepoNotFound' })
      return
    }
    const plain = hub.plain.get(url.pathname)
    if (plain !== undefined) {
      await sendFile(response, plain, url.pathname, request.headers.range)
      return
    }
    const info = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/(?:main|[0-9a-f]{40})$/.exec(url.pathname)
    const paths = /^\/api\/models\/([^/]+\/[^/]+)\/paths-info\/(\w+)$/.exec(url.pathname)
    const resolve = /^\/([^/]+\/[^/]+)\/resolve\/(\w+)\/(.+)$/.exec(url.pathname)
    const files = repos.get((info ?? paths ?? resolve)?.[1] ?? '')
    if (files === undefined) {
      json(response, 404, { error: 'Repository not found' }, { 'x-error-code': 'RepoNotFound' })
      return
    }
    if (info) {
      const siblings = [...files.keys(), 'README.md'].map((rfilename) => ({ rfilename }))
      json(response, 200, {
        _id: '1',
        id: info[1],
        sha: hub.commit,
        siblings,
        private: false,
        gated: false,
        downloads: 1,
        likes: 1,
        lastModified: '2022-03-02',
      })
      return
    }
    if (paths) {
      const { paths: wanted } = JSON.parse(await bodyOf(request)) as { paths: string[] }
      json(
        response,
        200,
        wanted
          .filter((path) => files.has(path))
          .map((path) => describe(path, files.get(path)!, hub.claimedSizes.get(path))),
      )
      return
    }
    const path = resolve![3]!
    const bytes = files.get(path)
    if (bytes === undefined) {
      json(response, 404, { error: 'Entry not found' }, { 'x-error-code': 'EntryNotFound' })
      return
    }
    if (hub.redirectTo !== null) {
      response.writeHead(302, { location: `${hub.redirectTo}${url.pathname}` }).end()
      return
    }
    await sendFile(response, bytes, path, request.headers.range)
  }

  async function sendFile(
    response: ServerResponse,
    bytes: Uint8Array,
    path: string,
    range: string | undefined,
  ): Promise<void> {
    const [, from = '0', to = String(bytes.length - 1)] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? []
    const one = range === 'bytes=0-0'
    const count = served.get(path) ?? 0
    if (!one) served.set(path, count + 1)
    const trouble = (one ? undefined : hub.trouble(path, count)) ?? {}
    if (trouble.status !== undefined) {
      response
        .writeHead(
          trouble.status,
          trouble.retryAfter === undefined ? {} : { 'retry-after': String(trouble.retryAfter) },
        )
        .end('no')
      return
    }
    const ranged = range !== undefined && trouble.ignoreRange !== true
    const right = ranged ? bytes.subarray(Number(from), Number(to) + 1) : bytes
    const body = trouble.wrongBytes === true ? right.map((byte) => byte ^ 1) : right
    const hash = describe(path, bytes)
    response.writeHead(ranged ? 206 : 200, {
      'content-length': body.length,
      'x-repo-commit': hub.commit,
      etag: `"${hash.lfs?.oid ?? hash.oid}"`,
      'x-linked-etag': `"${hash.lfs?.oid ?? hash.oid}"`,
      ...(ranged ? { 'content-range': `bytes ${from}-${to}/${bytes.length}` } : {}),
    })
    const end = trouble.cutAfter ?? trouble.stallAfter ?? body.length
    for (let at = 0; at < end; at += 16384) {
      const part = body.subarray(at, Math.min(at + 16384, end))
      if (!response.write(part)) await drained(response)
      if (response.destroyed) return
      if (trouble.slow !== undefined) await new Promise((done) => setTimeout(done, trouble.slow))
    }
    if (trouble.cutAfter !== undefined) setTimeout(() => response.destroy(), 20)
    else if (trouble.stallAfter === undefined) response.end()
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return Object.assign(hub, { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const gitHash = (bytes: Uint8Array): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')

function describe(
  path: string,
  bytes: Uint8Array,
  claimed = bytes.length,
): { type: string; path: string; size: number; oid: string; lfs?: { oid: string; size: number; pointerSize: number } } {
  const file = { type: 'file', path, size: claimed, oid: gitHash(bytes) }
  return bytes.length > largeFile || claimed > largeFile
    ? { ...file, lfs: { oid: sha256(bytes), size: claimed, pointerSize: 134 } }
    : file
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      response.off('drain', go).off('close', go)
      resolve()
    }
    response.on('drain', go).on('close', go)
  })
}

function json(response: ServerResponse, status: number, value: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value))
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return Buffer.concat(parts).toString()
}
