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
  end(): void
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

  /** Opens the engine on a device, tried there. @throws DEVICE_UNAVAILABLE, MODEL_NOT_CACHED; INTERRUPTED */
  async open(device: Device, signal: AbortSignal): Promise<Engine> {
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
      worker.postMessage({ site: this.#site, device, threads: this.threads } satisfies EngineStart)
      await Promise.race([ready, broken, stopped])
      return { device, worker, broken, end: abort }
    } catch (error) {
      abort()
      throw error
    }
  }

  /**
   * Opens the engine on the device that was asked for, or on the CPU where that one does not work.
   * @param note told why it is another one
   * @throws MODEL_NOT_CACHED, MODEL_DAMAGED; INTERRUPTED
   */
  async openFor(asked: ImageSettings['device'], note: (message: string) => void, signal: AbortSignal): Promise<Engine> {
    const wantsWebgpu = asked === 'webgpu' || (asked === 'auto' && this.#refusal === null && (await hasAdapter()))
    if (wantsWebgpu) {
      try {
        const engine = await this.open('webgpu', signal)
        if (asked === 'auto') {
          this.tried = 'webgpu'
          note('device: webgpu, the fastest that works here')
        }
        return engine
      } catch (error) {
        if (!isOfDevice(error)) throw error
        const reason = (error as Error).message
        if (asked === 'auto') this.#refusal = reason
        note(`device: cpu, since webgpu does not work here: ${reason}`)
      }
    } else if (asked === 'cuda') note('device: cpu, since a browser has no cuda')
    else if (asked === 'auto') note('device: cpu, the fastest that works here')
    const engine = await this.open('cpu', signal)
    if (asked === 'auto') this.tried = 'cpu'
    return engine
  }
}

/** Could another device do what failed so? Errors without a code are of ONNX Runtime. */
export const isOfDevice = (error: unknown): boolean =>
  !(error instanceof Text2LiveError) || ['DEVICE_UNAVAILABLE', 'DEVICE_FAILED', 'GRAPH_INVALID'].includes(error.code)

const deviceFailed = (device: Device, why: string): Text2LiveError =>
  new Text2LiveError('DEVICE_FAILED', `The work on ${device} broke off: ${why}. Let the run go on from its checkpoint.`)

/** Is there a graphics card that this browser lends? Asking costs nothing. */
async function hasAdapter(): Promise<boolean> {
  const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<object | null> } }
  return gpu !== undefined && (await gpu.requestAdapter().catch(() => null)) !== null
}

/** Threads need memory that threads share, which a browser gives to isolated pages only. */
function threadCount(): number {
  return crossOriginIsolated ? Math.min(8, navigator.hardwareConcurrency) : 1
}
