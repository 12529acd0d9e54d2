import { SHARE_ENV, Worker } from 'node:worker_threads'
import { silenceTelemetry } from '../../../engine/node/silenceTelemetry.js'
import { Text2LiveError } from '../../../errors.js'
import type { LayerName } from '../../layeredAtlas.js'
import { failureIn } from '../../node/failedAnswer.js'
import type { FastSettings } from '../fastSettings.js'
import type { FitPart, PartFrames } from '../fitPart.js'
import type { Layers } from '../solveTextures.js'
import type { Texture } from '../texture.js'
import type { FitAnswer, FitCall, FitThreadData } from './fitMessages.js'

export interface FitThreadOptions {
  /** Of ONNX Runtime in it. */
  readonly threads: number
  /** Ends what it is asked at the frame at hand. */
  readonly signal?: AbortSignal | undefined
}

/**
 * A part of a fit in a thread of its own.
 * @throws the signal's reason once it is aborted
 */
export function openFitThread(
  frames: PartFrames,
  settings: FastSettings,
  { threads, signal }: FitThreadOptions,
): Promise<FitPart> {
  silenceTelemetry()
  signal?.throwIfAborted()
  const worker = new Worker(new URL('./fitThread.js', import.meta.url), {
    workerData: { frames, settings, threads } satisfies FitThreadData,
    env: SHARE_ENV,
    execArgv: [],
  })
  return Promise.resolve(new FitThread(worker, signal))
}

/** A call that has no answer yet. */
interface Pending {
  resolve(result: unknown): void
  reject(reason: unknown): void
  readonly visited?: (() => void) | undefined
  /** What its listener threw. */
  fault?: { readonly reason: unknown }
}

class FitThread implements FitPart {
  readonly isBeside = true
  readonly #worker: Worker
  readonly #signal: AbortSignal | undefined
  #pending: Pending | null = null
  /** Why it can be asked nothing any more. */
  #ended: Error | null = null
  readonly #textures = new Map<LayerName, Float32Array>()
  readonly #exit: Promise<void>
  readonly #stop: () => void

  constructor(worker: Worker, signal: AbortSignal | undefined) {
    this.#worker = worker
    this.#signal = signal
    // A thread that is terminated while ONNX Runtime runs takes the process with it, so it is asked to end by itself.
    this.#stop = () => worker.postMessage('stop')
    signal?.addEventListener('abort', this.#stop)
    worker.on('message', (message: FitAnswer) => this.#answered(message))
    worker.on('error', (error: Error) => this.#end(error))
    this.#exit = new Promise((resolve) => {
      worker.on('exit', () => {
        this.#end(new Text2LiveError('DEVICE_FAILED', 'The thread of a part of the atlas ended by itself. Try again.'))
        resolve()
      })
    })
  }

  begin(...given: Parameters<FitPart['begin']>): ReturnType<FitPart['begin']> {
    return this.#ask({ name: 'begin', given })
  }

  sumColours(textures: Layers<Texture>, black: boolean): ReturnType<FitPart['sumColours']> {
    return this.#ask({ name: 'sumColours', given: [this.#shared(textures), black] })
  }

  visit(...[stage, textures, backwards, visited]: Parameters<FitPart['visit']>): ReturnType<FitPart['visit']> {
    return this.#ask({ name: 'visit', given: [stage, this.#shared(textures), backwards] }, visited)
  }

  fitOpacities(textures: Layers<Texture>): ReturnType<FitPart['fitOpacities']> {
    return this.#ask({ name: 'fitOpacities', given: [this.#shared(textures)] })
  }

  async close(): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#stop)
    if (this.#ended === null) this.#worker.postMessage({ name: 'close', given: [] } satisfies FitCall)
    await this.#exit
  }

  /** The textures where both threads can read them; they hold until others are shared. */
  #shared(textures: Layers<Texture>): Layers<Texture> {
    const share = (layer: LayerName): Texture => {
      const texture = textures[layer]
      const kept = this.#textures.get(layer)
      const data =
        kept?.length === texture.data.length ? kept : new Float32Array(new SharedArrayBuffer(texture.data.byteLength))
      this.#textures.set(layer, data)
      data.set(texture.data)
      return { ...texture, data }
    }
    return { foreground: share('foreground'), background: share('background') }
  }

  /** One call at a time. */
  async #ask<T>(call: FitCall, visited?: () => void): Promise<T> {
    if (this.#ended !== null) throw this.#ended
    return await new Promise<T>((resolve, reject) => {
      this.#pending = { resolve, reject, visited }
      this.#worker.postMessage(call)
    })
  }

  #answered(message: FitAnswer): void {
    const pending = this.#pending
    if (message.type === 'visited') {
      if (pending !== null) this.#tell(pending)
      return
    }
    this.#pending = null
    if (pending?.fault) pending.reject(pending.fault.reason)
    else if (message.type === 'done') pending?.resolve(message.result)
    else if (this.#signal?.aborted) pending?.reject(this.#signal.reason)
    else pending?.reject(failureIn(message))
  }

  /** What the listener throws is what the call ends with, once the thread has answered. */
  #tell(pending: Pending): void {
    try {
      pending.visited?.()
    } catch (reason) {
      pending.fault ??= { reason }
      this.#stop()
    }
  }

  #end(reason: Error): void {
    this.#ended ??= reason
    this.#pending?.reject(this.#ended)
    this.#pending = null
  }
}
