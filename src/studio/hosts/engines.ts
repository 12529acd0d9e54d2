import { Text2LiveError } from '../../errors.js'
import { interrupted } from '../../engine/stoppable.js'
import type { ImageSettings } from '../../options/imageOptions.js'
import type { EngineNews, EngineStart } from './engineMessages.js'

type Device = EngineStart['device']

/** A worker with the engine on one device. */
export interface Engine {
  readonly device: Device
  readonly worker: Worker
  /** Rejects when the worker ends by itself, or its device is gone. */
  readonly broken: Promise<never>
  /** Ends the worker, and gives its memory back. */
  readonly end: () => void
}

/** The engines that this tab can have. */
export class Engines {
  readonly #site: string
  readonly threads = threadCount()
  /** What `auto` became when it was tried last. */
  tried: Device | null = null
  /** Why WebGPU was refused when `auto` tried it; it is not tried at each run again. */
  #refusal: string | null = null

  constructor(site: string) {
    this.#site = site
  }

  /**
   * Opens the engine on a device, tried there.
   * @param threads 0: as many as this tab should take
   * @throws DEVICE_UNAVAILABLE, MODEL_NOT_CACHED, MODEL_DAMAGED; INTERRUPTED
   */
  async open(device: Device, signal: AbortSignal, threads = 0): Promise<Engine> {
    const worker = new Worker(new URL('./engineWorker.ts', import.meta.url), { type: 'module' })
    const abort = (): void => worker.terminate()
    const stopped = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(interrupted()), { once: true })
    })
    let fail = (_: Error): void => undefined
    const broken = new Promise<never>((_, reject) => {
      fail = reject
    })
    for (const one of [stopped, broken]) one.catch(() => undefined)
    worker.addEventListener('error', (event) => {
      event.preventDefault()
      fail(deviceFailed(device, event.message || 'its worker ended'))
    })
    try {
      if (signal.aborted) throw interrupted()
      const ready = new Promise<void>((resolve, reject) => {
        worker.addEventListener('message', ({ data }: MessageEvent<EngineNews | { engine?: undefined }>) => {
          if (data.engine === 'ready') resolve()
          else if (data.engine === 'lost') fail(deviceFailed(device, data.message))
          else if (data.engine === 'refused')
            reject(new Text2LiveError(data.code ?? 'DEVICE_UNAVAILABLE', data.message))
        })
      })
      const count = threads > 0 && crossOriginIsolated ? threads : this.threads
      worker.postMessage({ site: this.#site, device, threads: count } satisfies EngineStart)
      await Promise.race([ready, broken, stopped])
      return { device, worker, broken, end: abort }
    } catch (error) {
      abort()
      throw error
    }
  }

  /**
   * Opens the engine on the device that the settings name, or on the CPU where that one does not work.
   * @param note told which it is, and why it is another one
   * @throws MODEL_NOT_CACHED, MODEL_DAMAGED; INTERRUPTED
   */
  async openFor(
    { device: asked, threads }: Pick<ImageSettings, 'device' | 'threads'>,
    note: (message: string) => void,
    signal: AbortSignal,
  ): Promise<Engine> {
    if (threads > 0 && threads !== this.threads && !crossOriginIsolated)
      note(`threads: 1, since this page is not isolated; ${threads} were asked for`)
    const refusal = asked === 'auto' ? (this.#refusal ?? (await lacksAdapter(true))) : await lacksAdapter(false)
    if ((asked === 'webgpu' || asked === 'auto') && refusal === null) {
      try {
        const engine = await this.open('webgpu', signal, threads)
        if (asked === 'auto') note('device: webgpu, the fastest that works here')
        this.tried = 'webgpu'
        return engine
      } catch (error) {
        // Where a graphics card has come since the models were fetched, its engine may be fetched or done without.
        const isMissing = error instanceof Text2LiveError && error.code === 'MODEL_NOT_CACHED' && asked === 'auto'
        if (!isOfDevice(error) && !isMissing) throw error
        const reason = (error as Error).message
        if (asked === 'auto' && !isMissing) this.#refusal = reason
        note(`device: cpu, since webgpu does not work here: ${reason}`)
      }
    } else if (asked === 'webgpu') note(`device: cpu, since webgpu does not work here: ${refusal}`)
    else if (asked === 'cuda') note('device: cpu, since a browser has no cuda')
    else if (asked === 'auto') note('device: cpu, the fastest that works here')
    const engine = await this.open('cpu', signal, threads)
    if (asked === 'auto') this.tried = 'cpu'
    return engine
  }
}

/** Could another device do what failed so? Errors without a code are of ONNX Runtime. */
export const isOfDevice = (error: unknown): boolean =>
  !(error instanceof Text2LiveError) || ['DEVICE_UNAVAILABLE', 'DEVICE_FAILED', 'GRAPH_INVALID'].includes(error.code)

const deviceFailed = (device: Device, why: string): Text2LiveError =>
  new Text2LiveError('DEVICE_FAILED', `The work on ${device} broke off: ${why}. Let the run go on from its checkpoint.`)

/**
 * Why there is no graphics card to try; null where there is one. Asking costs nothing.
 * @param real one that the processor plays is slower than the engine for processors
 */
async function lacksAdapter(real: boolean): Promise<string | null> {
  const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<Adapter | null> } }
  if (gpu === undefined) return 'this browser has none.'
  const adapter = await gpu.requestAdapter().catch(() => null)
  if (adapter === null) return 'the browser lends this page no graphics card.'
  return real && adapter.info?.isFallbackAdapter === true ? 'the browser has no real graphics card.' : null
}

/** What TypeScript's library lacks of WebGPU. */
interface Adapter {
  readonly info?: { readonly isFallbackAdapter?: boolean }
}

/**
 * Threads need memory that threads share, which a browser gives to isolated pages only; one core is left to the page.
 */
function threadCount(): number {
  return crossOriginIsolated ? Math.max(1, Math.min(8, navigator.hardwareConcurrency - 1)) : 1
}
