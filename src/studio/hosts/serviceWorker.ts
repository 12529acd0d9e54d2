// The site's service worker: keeps the shell (the page, its scripts, the engine's loaders), so that the page opens
// without a network, and gives it the headers that lend it threads, which a plain static host does not send. Models and
// runs are none of its affair.
export {}

/** Put in when the site is built. */
declare const SHELL: { readonly version: string; readonly policy: string; readonly files: readonly string[] }

const worker = self as unknown as Scope
const { scope } = worker.registration
const family = `text2live-shell ${scope} `
const cacheName = family + SHELL.version
const files = new Set(SHELL.files)

worker.addEventListener('install', (event) => event.waitUntil(keepShell()))
worker.addEventListener('activate', (event) => event.waitUntil(dropOthers()))
worker.addEventListener('fetch', (event) => {
  const file = event.request.method === 'GET' ? shellFile(event.request) : null
  if (file !== null) event.respondWith(answer(event.request, file))
})
// A page that shows an old build asks for the new one; without it, it comes when all tabs are closed.
worker.addEventListener('message', ({ data }) => {
  if (data === 'renew') void worker.skipWaiting()
})

async function keepShell(): Promise<void> {
  const cache = await caches.open(cacheName)
  await cache.addAll(SHELL.files.map((file) => new Request(new URL(file, scope), { cache: 'reload' })))
}

async function dropOthers(): Promise<void> {
  for (const name of await caches.keys()) if (name.startsWith(family) && name !== cacheName) await caches.delete(name)
  await worker.clients.claim()
}

/** The file of the shell that is asked for; null for anything else. */
function shellFile({ url }: Request): string | null {
  const { href, search, hash } = new URL(url)
  if (!href.startsWith(scope)) return null
  const path = href.slice(scope.length, href.length - search.length - hash.length)
  const file = path === '' ? 'index.html' : path
  return files.has(file) ? file : null
}

async function answer(request: Request, file: string): Promise<Response> {
  const kept = await (await caches.open(cacheName)).match(new URL(file, scope))
  const response = kept ?? (await fetch(request))
  if (!response.ok) return response
  const headers = new Headers(response.headers)
  headers.set('Content-Security-Policy', SHELL.policy)
  // A page that is asked for with ?isolated=no stays as a plain static host serves it.
  if (new URL(request.url).searchParams.get('isolated') !== 'no') {
    headers.set('Cross-Origin-Opener-Policy', 'same-origin')
    headers.set('Cross-Origin-Embedder-Policy', 'require-corp')
  }
  return new Response(response.body, { status: 200, headers })
}

/** What TypeScript's library for pages lacks of service workers. */
interface Scope {
  readonly registration: { readonly scope: string }
  readonly clients: { claim(): Promise<void> }
  skipWaiting(): Promise<void>
  addEventListener(
    type: 'install' | 'activate',
    listener: (event: { waitUntil(work: Promise<void>): void }) => void,
  ): void
  addEventListener(
    type: 'fetch',
    listener: (event: { readonly request: Request; respondWith(response: Promise<Response>): void }) => void,
  ): void
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
}
