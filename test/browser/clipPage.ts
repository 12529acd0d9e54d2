import {
  runInWebWorker,
  Text2LiveError,
  type GivenVideoOptions,
  type JobResult,
  type VideoEvent,
} from '../../src/core.js'

/** A job of a clip whose files are base64. */
export type ClipPageJob =
  | {
      readonly kind: 'video'
      readonly options: GivenVideoOptions
      readonly clip: { readonly name: string; readonly bytes: string }
      readonly object: readonly { readonly name: string; readonly bytes: string }[] | null
      readonly run: string
    }
  | { readonly kind: 'resume'; readonly run: string; readonly options: object }
  | { readonly kind: 'render'; readonly run: string }

/** What the tests ask of the page about clips. */
export interface ClipPage {
  /**
   * Does a job in a worker; `stopAt` stops it after that step.
   * @returns the result and what was told, each as `type stage`; or the code of the error
   */
  run(
    job: ClipPageJob,
    stopAt?: number,
  ): Promise<{ result: JobResult; told: string[]; notes: string[] } | { code: string; message: string }>
}

const bytesOf = ({ name, bytes }: { readonly name: string; readonly bytes: string }) => ({
  name,
  bytes: Uint8Array.from(atob(bytes), (character) => character.charCodeAt(0)),
})

const clipPage: ClipPage = {
  async run(asked, stopAt) {
    const worker = new Worker(new URL('./clipWorker.ts', import.meta.url), { type: 'module' })
    const events: VideoEvent[] = []
    try {
      await new Promise((resolve, reject) => {
        worker.addEventListener('message', resolve, { once: true })
        worker.addEventListener('error', (event) => reject(new Error(event.message)))
      })
      const job =
        asked.kind === 'video'
          ? { ...asked, clip: bytesOf(asked.clip), object: asked.object?.map(bytesOf) ?? null, mask: null }
          : asked
      const run = runInWebWorker(worker, job, undefined, (event) => {
        events.push(event)
        if (event.type === 'step' && event.step === stopAt) run.stop()
      })
      const result = await run.result
      return {
        result,
        told: events.map((event) => ('stage' in event ? `${event.type} ${event.stage}` : event.type)),
        notes: events.flatMap((event) => (event.type === 'note' ? [event.message] : [])),
      }
    } catch (error) {
      if (error instanceof Text2LiveError) return { code: error.code, message: error.message }
      throw error
    } finally {
      worker.terminate()
    }
  },
}

Object.assign(globalThis, { clipPage })
