import { createReadStream, existsSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { type Server, createServer } from 'node:http'
import { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const folder = (path: string) => fileURLToPath(new URL(path, import.meta.url))

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
}

/** Bundles the page and serves it, isolated from other origins so that it may use threads. */
export async function servePage(): Promise<{ address: string; close: () => Promise<void> }> {
  const built = await mkdtemp(join(tmpdir(), 'text2live-page-'))
  await build({
    root: folder('.'),
    logLevel: 'error',
    configFile: false,
    base: '/',
    worker: { format: 'es' },
    build: { outDir: built, emptyOutDir: true, target: 'esnext', minify: false, chunkSizeWarningLimit: 10_000 },
    // ONNX Runtime's bundles would otherwise carry their 27 MB of WebAssembly into the page's assets.
    resolve: { conditions: ['onnxruntime-web-use-extern-wasm', 'module', 'browser', 'import', 'default'] },
  })
  const places = {
    '/ort/': folder('../../node_modules/onnxruntime-web/dist'),
    '/models/': folder('../../models'),
    '/fixtures/': folder('../fixtures'),
    '/examples/': folder('../../examples'),
    '/': built,
  }
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname)
    const [prefix, place] = Object.entries(places).find(([start]) => path.startsWith(start))!
    const file = join(place, normalize(`/${path.slice(prefix.length)}`), path.endsWith('/') ? 'index.html' : '')
    const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' }
    if (!existsSync(file) || !statSync(file).isFile()) {
      response.writeHead(404, headers).end()
      return
    }
    response.writeHead(200, { ...headers, 'Content-Type': types[extname(file)] ?? 'application/octet-stream' })
    createReadStream(file).pipe(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    address: `http://127.0.0.1:${port}/`,
    async close() {
      await closeServer(server)
      await rm(built, { recursive: true })
    },
  }
}

function closeServer(server: Server): Promise<void> {
  server.closeAllConnections()
  return new Promise((resolve, reject) => server.close((error) => (error ? reject(error) : resolve())))
}
