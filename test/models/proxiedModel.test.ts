import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, request, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { connect, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { getModel } from '../../src/models/node/getModel.js'
import { readHubEnvironment } from '../../src/models/node/hubEnvironment.js'
import { openModelSource } from '../../src/models/node/openModelSource.js'
import { startHub, type HubServer } from './hubServer.js'
import { tinyModel } from './tinyModel.js'

const repo = 'acme/tiny-clip'
const patience = { stallSeconds: 2, attempts: 3, firstWait: 0.02 }
const certificate = fileURLToPath(new URL('../fixtures/tls/testOnlyCertificate.pem', import.meta.url))
const hubName = 'http://hub.test'

/**
 * A proxy on this machine: what it is asked for, and that name it takes for the hub. Answers `status` instead, where
 * one is set.
 */
interface TestProxy {
  address: string
  asked: string[]
  status: number | null
  user: string | null
  close(): void
}

let hub: HubServer
let proxy: TestProxy
let home: string
let files: Map<string, Uint8Array>
const closing: (() => void)[] = []

beforeAll(async () => {
  files = await tinyModel()
})
beforeEach(async () => {
  hub = await startHub(new Map([[repo, files]]))
  proxy = await startProxy()
  home = await mkdtemp(join(tmpdir(), 'proxied-'))
})
afterEach(async () => {
  proxy.close()
  for (const close of closing.splice(0)) close()
  await hub.close()
  await rm(home, { recursive: true })
})

function end(server: Server): void {
  server.close(() => undefined)
  server.closeAllConnections()
}

const port = (server: Server): number => (server.address() as AddressInfo).port

async function startProxy(): Promise<TestProxy> {
  const state: TestProxy = { address: '', asked: [], status: null, user: null, close: () => end(server) }
  const refusal = (authorization: string | undefined): number | null =>
    state.status ??
    (state.user !== null && authorization !== `Basic ${Buffer.from(state.user).toString('base64')}` ? 407 : null)
  const server = createServer((incoming, answer) => {
    state.asked.push(`${incoming.method} ${incoming.url}`)
    const status = refusal(incoming.headers['proxy-authorization'])
    if (status !== null) {
      answer.writeHead(status).end()
      return
    }
    const { pathname, search } = new URL(incoming.url!)
    const { 'proxy-authorization': _, ...headers } = incoming.headers
    incoming.pipe(
      request(hub.endpoint + pathname + search, { method: incoming.method, headers }, (response) => {
        answer.writeHead(response.statusCode!, response.headers)
        response.pipe(answer)
      }),
    )
  })
  server.on('connect', (incoming, socket) => {
    state.asked.push(`CONNECT ${incoming.url}`)
    const status = refusal(incoming.headers['proxy-authorization'])
    if (status !== null) {
      socket.end(`HTTP/1.1 ${status} no\r\nContent-Length: 0\r\n\r\n`)
      return
    }
    const upstream = connect(Number(incoming.url!.split(':')[1]), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      upstream.pipe(socket).pipe(upstream)
    })
    upstream.on('error', () => socket.destroy())
    socket.on('error', () => upstream.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  state.address = `http://127.0.0.1:${port(server)}`
  return state
}

/** The hub behind TLS, with a certificate that nobody trusts. @returns its port */
async function startTls(): Promise<number> {
  const key = await readFile(new URL('../fixtures/tls/testOnlyKey.pem', import.meta.url))
  const server = createTlsServer({ key, cert: await readFile(certificate) }, (incoming, answer) => {
    incoming.pipe(
      request(hub.endpoint + incoming.url!, { method: incoming.method, headers: incoming.headers }, (response) => {
        answer.writeHead(response.statusCode!, response.headers)
        response.pipe(answer)
      }),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => end(server))
  return port(server)
}

const environment = (variables: Record<string, string>) =>
  readHubEnvironment({ HF_HOME: home, XDG_CACHE_HOME: home, HF_ENDPOINT: hubName, ...variables })
const open = async (variables: Record<string, string>, onNote = (_: string): void => undefined) =>
  await openModelSource(repo, { environment: await environment(variables), patience, onNote })
const refused = (promise: Promise<unknown>, code: string, ...parts: string[]) =>
  expect(promise).rejects.toSatisfy((error: { code: string; message: string }) => {
    expect(error.code, error.message).toBe(code)
    for (const part of parts) expect(error.message).toContain(part)
    expect(error.message).not.toContain('secret')
    return true
  })

describe('a model is fetched through the proxy of the environment', () => {
  it.each(['HTTP_PROXY', 'http_proxy', 'ALL_PROXY'])('%s', async (variable) => {
    const { location } = await open({ [variable]: proxy.address })
    expect(Buffer.compare(await readFile(join(location, 'model.safetensors')), files.get('model.safetensors')!)).toBe(0)
    expect(proxy.asked.length).toBe(hub.requests.length)
    expect(proxy.asked[0]).toMatch(/^GET http:\/\/hub\.test\/api\//)
  })

  it('with user and password, which no error shows', async () => {
    proxy.user = 'me:secret@'
    await refused(
      open({ HTTP_PROXY: proxy.address.replace('//', '//me:secret@') }),
      'DOWNLOAD_FAILED',
      `the proxy ${proxy.address} (HTTP_PROXY)`,
      '407',
    )
    await open({ HTTP_PROXY: proxy.address.replace('//', '//me:secret%40@') })
  })

  it('unless NO_PROXY names the host, or it is this machine', async () => {
    await refused(open({ HTTP_PROXY: proxy.address, NO_PROXY: 'test' }), 'MODEL_OFFLINE', 'hub.test cannot be reached')
    await open({ HTTP_PROXY: proxy.address, HF_ENDPOINT: hub.endpoint })
    expect(proxy.asked).toEqual([])
  })

  it('so is a .pt file by its address', async () => {
    hub.plain.set('/tiny.pt', new Uint8Array(5000).fill(7))
    const path = await getModel('http://files.test/tiny.pt', {
      environment: await environment({ HTTP_PROXY: proxy.address }),
      patience,
    })
    expect((await readFile(path)).length).toBe(5000)
    expect(proxy.asked.every((line) => line === 'GET http://files.test/tiny.pt')).toBe(true)
  })

  it('by a tunnel where the connection is encrypted', async () => {
    const endpoint = `https://hub.test:${await startTls()}`
    await refused(
      open({ HTTPS_PROXY: proxy.address, HF_ENDPOINT: endpoint }),
      'DOWNLOAD_FAILED',
      'certificate of hub.test',
      'NODE_EXTRA_CA_CERTS',
    )
    expect(proxy.asked).toEqual([`CONNECT ${endpoint.slice('https://'.length)}`])
  })
})

describe('a proxy that fails is named as such', () => {
  it.each([
    [502, 'MODEL_OFFLINE'],
    [503, 'MODEL_OFFLINE'],
    [403, 'DOWNLOAD_FAILED'],
    [407, 'DOWNLOAD_FAILED'],
  ])('a tunnel refused with %i', async (status, code) => {
    proxy.status = status
    await refused(
      open({ https_proxy: proxy.address.replace('//', '//me:secret@'), HF_ENDPOINT: 'https://hub.test' }),
      code,
      `the proxy ${proxy.address} (https_proxy) answered ${status}`,
    )
  })

  it.each([
    [502, 'DOWNLOAD_FAILED'],
    [403, 'MODEL_UNKNOWN'],
    [407, 'DOWNLOAD_FAILED'],
  ])('a request answered with %i', async (status, code) => {
    proxy.status = status
    await refused(
      open({ HTTP_PROXY: proxy.address.replace('//', '//me:secret@') }),
      code,
      `the proxy ${proxy.address} (HTTP_PROXY)`,
      String(status),
    )
  })

  it('nobody listens there', async () => {
    proxy.close()
    for (const HF_ENDPOINT of ['https://hub.test', hubName]) {
      await refused(
        open({ ALL_PROXY: proxy.address.replace('//', '//me:secret@'), HF_ENDPOINT }),
        'MODEL_OFFLINE',
        `the proxy ${proxy.address} (ALL_PROXY) cannot be reached (ECONNREFUSED)`,
      )
    }
  })
})

describe('a certificate that is not trusted', () => {
  it('is told with what to do about it, at once', async () => {
    const started = performance.now()
    await refused(
      open({ HF_ENDPOINT: `https://localhost:${await startTls()}` }),
      'DOWNLOAD_FAILED',
      'certificate of localhost',
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'NODE_EXTRA_CA_CERTS',
    )
    expect(performance.now() - started).toBeLessThan(10_000)
  })

  it('is trusted once NODE_EXTRA_CA_CERTS names its root', async () => {
    const script = fileURLToPath(new URL('fetchProcess.mjs', import.meta.url))
    const env = {
      PATH: process.env.PATH,
      HF_HOME: home,
      HF_ENDPOINT: `https://localhost:${await startTls()}`,
      NODE_EXTRA_CA_CERTS: certificate,
    }
    expect((await promisify(execFile)(process.execPath, [script, repo], { env })).stdout).toContain(hub.commit)
  })
})

describe('a model that is whole in the cache is used whatever the network answers', () => {
  beforeEach(async () => {
    await open({ HF_ENDPOINT: hub.endpoint })
    await rm(join(home, 'hub', 'models--acme--tiny-clip', 'snapshots', hub.commit, 'preprocessor_config.json'))
  })

  it.each([
    [
      'a proxy that refuses',
      () => {
        proxy.status = 403
        return { HTTPS_PROXY: proxy.address, HF_ENDPOINT: 'https://hub.test' }
      },
    ],
    ['a proxy that is none', () => ({ HTTPS_PROXY: 'socks5://p:1', HF_ENDPOINT: 'https://hub.test' })],
    [
      'a hub that knows no such model',
      async () => {
        await hub.close()
        hub = await startHub(new Map())
        return { HF_ENDPOINT: hub.endpoint }
      },
    ],
    [
      'a hub that is busy',
      () => {
        proxy.status = 429
        return { HTTP_PROXY: proxy.address }
      },
    ],
    [
      'a hub that fails',
      () => {
        proxy.status = 500
        return { HTTP_PROXY: proxy.address }
      },
    ],
    [
      'a sign-in page',
      async () => {
        const page = createServer((_, answer) => answer.end('<html>Please sign in</html>'))
        page.listen(0, '127.0.0.1')
        await once(page, 'listening')
        closing.push(() => page.close())
        return { HF_ENDPOINT: `http://127.0.0.1:${port(page)}` }
      },
    ],
    ['a certificate', async () => ({ HF_ENDPOINT: `https://localhost:${await startTls()}` })],
  ])('%s', async (_, trouble) => {
    const commit = hub.commit
    const notes: string[] = []
    expect((await open(await trouble(), (message) => notes.push(message))).location).toContain(commit)
    expect(notes).toEqual([
      expect.stringContaining('acme/tiny-clip is taken from the cache, which lacks preprocessor_config.json'),
    ])
  })

  it('also one that a program began to renew', async () => {
    const folder = join(home, 'hub', 'models--acme--tiny-clip')
    await cp(
      join(folder, 'snapshots', hub.commit, 'config.json'),
      join(folder, 'snapshots', 'c'.repeat(40), 'config.json'),
    )
    await rm(join(folder, 'refs', 'main'))
    const notes: string[] = []
    expect((await open({ HF_HUB_OFFLINE: '1' }, (message) => notes.push(message))).location).toContain(hub.commit)
    expect(notes[0]).toContain(`commit ${hub.commit} is taken`)
  })
})

describe('a hub that answers nonsense', () => {
  const serve = async (listener: RequestListener): Promise<string> => {
    const server = createServer(listener)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    closing.push(() => end(server))
    return `http://127.0.0.1:${port(server)}`
  }

  it('a page instead of JSON', async () => {
    await refused(
      open({ HF_ENDPOINT: await serve((_, answer) => answer.end('<html>Please sign in</html>')) }),
      'DOWNLOAD_FAILED',
      'it gave something else',
      'sign-in page',
    )
  })

  it('a redirect without end', async () => {
    await refused(
      open({
        HF_ENDPOINT: await serve((incoming, answer) => answer.writeHead(302, { location: `${incoming.url}x` }).end()),
      }),
      'DOWNLOAD_FAILED',
      'without end',
    )
  })
})
