import { createReadStream, existsSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { sitePlugin } from '../../../scripts/site/sitePlugin.js'

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
}

/** Builds a page as the studio's static site is built. */
export async function buildSite(): Promise<{ folder: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'text2live-site-'))
  await build({
    root: fileURLToPath(new URL('.', import.meta.url)),
    logLevel: 'error',
    configFile: false,
    base: './',
    publicDir: false,
    define: { STUDIO_HOST: '"tab"' },
    plugins: [sitePlugin()],
    worker: { format: 'es' },
    build: { outDir: folder, emptyOutDir: true, target: 'es2022', minify: false, chunkSizeWarningLimit: 2_000 },
    resolve: { conditions: ['onnxruntime-web-use-extern-wasm', 'module', 'browser', 'import', 'default'] },
  })
  return { folder, remove: () => rm(folder, { recursive: true }) }
}

/** What a test can do to a server's answers. */
export interface SiteServer {
  readonly address: string
  /** Paths that were asked for. */
  readonly asked: string[]
  /** What becomes of a file on its way; null breaks the connection off in its middle. */
  spoil: (path: string, bytes: Buffer) => Buffer | null
  close(): Promise<void>
}

/** A plain static host below a path of its own; it sends no special headers unless it is told to. */
export async function serveSite(folder: string, headers: Readonly<Record<string, string>> = {}): Promise<SiteServer> {
  const asked: string[] = []
  const prefix = '/studio/'
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    const path = decodeURIComponent(pathname)
    asked.push(path)
    const below = normalize(`/${path.slice(prefix.length)}`)
    const file = join(folder, below.endsWith('/') ? `${below}index.html` : below)
    if (!path.startsWith(prefix) || !existsSync(file) || !statSync(file).isFile()) {
      response.writeHead(404).end()
      return
    }
    const type = { ...headers, 'Content-Type': types[extname(file)] ?? 'application/octet-stream' }
    if (site.spoil === asIs) {
      response.writeHead(200, { ...type, 'Content-Length': statSync(file).size })
      createReadStream(file).pipe(response)
      return
    }
    const chunks: Buffer[] = []
    createReadStream(file)
      .on('data', (chunk) => chunks.push(chunk as Buffer))
      .on('end', () => {
        const bytes = Buffer.concat(chunks)
        const sent = site.spoil(below.slice(1), bytes)
        response.writeHead(200, { ...type, 'Content-Length': bytes.length })
        if (sent !== null) response.end(sent)
        else response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy())
      })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const site: SiteServer = {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}${prefix}`,
    asked,
    spoil: asIs,
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
  return site
}

export const asIs: SiteServer['spoil'] = (_, bytes) => bytes
