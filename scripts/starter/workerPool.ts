import { Worker } from 'node:worker_threads'

export interface PoolWork<Job> {
  /** The workers' module. A worker answers each job with any message when it is done. */
  readonly module: URL
  readonly workerData: unknown
  readonly jobs: readonly Job[]
  readonly workers: number
  /** Told after each job: how many are done, minutes so far and to go. */
  readonly onDone: (job: Job, done: number, minutes: number, left: number) => void
}

/** Hands jobs to worker threads, one at a time each; the first error ends all. */
export async function workThrough<Job>({ module, workerData, jobs, workers, onDone }: PoolWork<Job>): Promise<void> {
  const start = performance.now()
  let [next, done] = [0, 0]
  await Promise.all(
    Array.from(
      { length: Math.min(workers, jobs.length) },
      () =>
        new Promise<void>((resolve, reject) => {
          const worker = new Worker(module, { workerData })
          let current: Job | undefined
          const feed = (): void => {
            current = jobs[next++]
            if (current !== undefined) worker.postMessage(current)
            else worker.terminate().then(() => resolve(), reject)
          }
          worker.on('error', reject)
          worker.on('message', () => {
            done++
            const minutes = (performance.now() - start) / 60_000
            onDone(current!, done, minutes, (minutes / done) * (jobs.length - done))
            feed()
          })
          feed()
        }),
    ),
  )
}
