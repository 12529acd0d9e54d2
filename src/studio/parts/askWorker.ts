import { type ErrorCode, Text2LiveError } from '../../errors.js'

/** What a worker that does one thing tells. */
type WorkerReply<T> = { readonly done: T } | { readonly code: ErrorCode; readonly message: string }

/** Has a worker do one thing, and ends it. @throws what it threw */
export async function askWorker<T>(worker: Worker, request: unknown): Promise<T> {
  try {
    const reply = await new Promise<WorkerReply<T>>((resolve, reject) => {
      worker.addEventListener('message', ({ data }) => resolve(data as WorkerReply<T>))
      worker.addEventListener('error', ({ message }) => reject(new Error(message)))
      worker.postMessage(request)
    })
    if ('message' in reply) throw new Text2LiveError(reply.code, reply.message)
    return reply.done
  } finally {
    worker.terminate()
  }
}

/** In a worker: does what it is asked. */
export function answerPage(work: (request: never) => Promise<unknown>): void {
  addEventListener('message', ({ data }: MessageEvent) => {
    work(data as never).then(
      (done) => postMessage({ done } satisfies WorkerReply<unknown>),
      (error: unknown) => {
        const code = error instanceof Text2LiveError ? error.code : 'INTERNAL'
        const message = error instanceof Error ? error.message : String(error)
        postMessage({ code, message } satisfies WorkerReply<unknown>)
      },
    )
  })
}
