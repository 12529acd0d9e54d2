import { Text2LiveError } from '../../errors.js'
import type { LayerName } from '../../atlas/layeredAtlas.js'
import type {
  HostMachine,
  HostUpdate,
  LocatedMap,
  LocateQuestion,
  NamedFile,
  NewRun,
  RunHost,
  RunRequest,
} from '../../session/runHost.js'
import { Caller, type CallMessage } from './calls.js'
import { type FetchedFiles, FileCache } from './fileCache.js'
import { siteFiles } from './siteFile.js'
import type { TabCalls, TabReply } from './tabCalls.js'

/**
 * The host that is the browser's tab itself: runs lie in its origin-private file system, and workers of the tab train
 * them. All tabs of a site see the same runs; one of them works, and when it is closed another goes on.
 */
export class TabHost implements RunHost {
  readonly kind = 'tab'
  readonly #worker: Worker
  readonly #caller: Caller<TabCalls>
  readonly #listeners = new Set<(update: HostUpdate) => void>()
  readonly #site = new URL('./', document.baseURI).href
  /** All runs, as they were told last. */
  #runs: HostUpdate | null = null
  #isPersistent: Promise<boolean> | null = null

  /**
   * @throws DEPENDENCY_MISSING where the browser, or the way the page is served, lacks what a tab needs to keep runs
   */
  constructor() {
    assertCapable()
    this.#worker = new Worker(new URL('./tabWorker.ts', import.meta.url), { type: 'module' })
    this.#caller = new Caller((call) => this.#worker.postMessage(call))
    this.#worker.postMessage({ site: this.#site })
    this.#worker.addEventListener('message', ({ data }: MessageEvent<TabReply>) => {
      if ('update' in data) this.#told(data.update)
      else this.#caller.take(data satisfies CallMessage)
    })
    this.#worker.addEventListener('error', (event) => {
      this.#caller.fail(new Text2LiveError('INTERNAL', `The page's worker ended: ${event.message}. Reload the page.`))
    })
  }

  async machine(): Promise<HostMachine> {
    const { state } = await (await this.#files()).state()
    const { quota, usage } = await navigator.storage.estimate()
    return {
      ...(await this.#caller.call('machine', null)),
      guidance: state === 'ready' ? ['starter'] : [],
      free: quota === undefined || usage === undefined ? null : quota - usage,
    }
  }

  watch(listener: (update: HostUpdate) => void): () => void {
    this.#listeners.add(listener)
    if (this.#runs !== null) listener(this.#runs)
    return () => this.#listeners.delete(listener)
  }

  async submit(run: NewRun): Promise<string> {
    // Without it a browser that runs out of room may throw the runs away. Whether it agrees is its own affair.
    this.#isPersistent ??= navigator.storage.persist()
    return await this.#caller.call('submit', run)
  }

  async ask(run: string, request: RunRequest): Promise<void> {
    await this.#caller.call('ask', { run, request })
  }

  async setMask(run: string, mask: NamedFile | null): Promise<void> {
    await this.#caller.call('setMask', { run, mask })
  }

  files(run: string): Promise<readonly string[]> {
    return this.#caller.call('files', { run })
  }

  async paint(run: string, layer: LayerName, picture: Uint8Array): Promise<void> {
    await this.#caller.call('paint', { run, layer, picture })
  }

  file(run: string, name: string): Promise<Blob | null> {
    return this.#caller.call('file', { run, name })
  }

  zip(run: string): Promise<Blob> {
    return this.#caller.call('zip', { run })
  }

  bring(zip: Blob): Promise<string> {
    return this.#caller.call('bring', { zip, name: zip instanceof File ? zip.name : 'run.zip' })
  }

  locate(asked: LocateQuestion, signal: AbortSignal): Promise<LocatedMap> {
    return this.#caller.call('locate', asked, signal)
  }

  /** How much of the models and the engine lies in this browser; what `fetchModels` would fetch is the rest. */
  async models(): Promise<FetchedFiles> {
    return await (await this.#files()).state()
  }

  /**
   * Fetches what is missing of the models and the engine, each file checked; what has come stays when it is broken off.
   * Afterwards nothing more is fetched: the page works without a network.
   * @param onProgress told the bytes that are here, and those of all
   * @throws DOWNLOAD_FAILED, MODEL_DAMAGED, DISK_FULL; INTERRUPTED when `signal` aborts
   */
  async fetchModels(onProgress: (here: number, total: number) => void, signal: AbortSignal): Promise<void> {
    await (await this.#files()).fetch(onProgress, signal)
  }

  /** Whether the browser has promised to keep the runs; null before a run was submitted. */
  get isPersistent(): Promise<boolean> | null {
    return this.#isPersistent
  }

  /** Ends the work of this tab; another goes on with it, or the next that is opened. */
  close(): void {
    this.#worker.terminate()
    this.#listeners.clear()
  }

  /** What this browser needs: the engine for graphics cards only where there is one. */
  async #files(): Promise<FileCache> {
    const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<object | null> } }
    const adapter = (await gpu?.requestAdapter().catch(() => null)) ?? null
    return new FileCache(this.#site, siteFiles, ({ part }) => part !== 'webgpu' || adapter !== null)
  }

  #told(update: HostUpdate): void {
    if (update.type === 'runs') this.#runs = update
    for (const listener of this.#listeners) listener(update)
  }
}

function assertCapable(): void {
  if (!isSecureContext)
    throw new Text2LiveError(
      'DEPENDENCY_MISSING',
      'Expected the page over https (or from this machine): browsers keep no files for other pages. Open it by its https address, or use "text2live studio".',
    )
  const lacking = Object.entries({
    'the origin-private file system': 'getDirectory' in navigator.storage,
    'web locks': 'locks' in navigator,
    'the cache storage': 'caches' in globalThis,
  })
    .filter(([, present]) => !present)
    .map(([name]) => name)
  if (lacking.length === 0) return
  throw new Text2LiveError(
    'DEPENDENCY_MISSING',
    `Expected a browser with ${lacking.join(' and ')}. Use a current Chrome, Firefox or Safari, not in a private window.`,
  )
}
