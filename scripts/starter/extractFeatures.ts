import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { silenceTelemetry } from '../../src/engine/node/silenceTelemetry.js'
import { CHUNK, FeatureStore } from './featureStore.js'
import type { FeatureJob, FeatureWorkerData } from './featureWorker.js'
import { PairFolder } from './pairs.js'
import { type ViewKind, type ViewPlan, cleanViewCount, planViews, viewCount } from './views.js'

export interface ExtractOptions extends FeatureWorkerData {
  readonly workers: number
  readonly kinds: readonly ViewKind[]
  /** Only what the clean model is made of. */
  readonly cleanOnly: boolean
  readonly say: (line: string) => void
}

/** Makes the features that are not there yet. Each file is whole or absent, so the command can be stopped and run again at any time. */
export async function extractFeatures(options: ExtractOptions): Promise<void> {
  const { pairs, parts, store: storeFolder, kinds, workers, cleanOnly, say } = options
  const folder = new PairFolder(pairs, 'train')
  const plan = planViews(folder.pairs, folder.cleanCount, options.plan)
  const store = new FeatureStore(storeFolder)
  await store.claim(storeOrigin(plan, parts))
  const jobs: FeatureJob[] = kinds.flatMap(kind => {
    const views = cleanOnly ? cleanViewCount(plan, kind) : viewCount(plan, kind)
    return Array.from({ length: Math.ceil(views / CHUNK) }, (_, chunk) => ({ kind, chunk })).filter(job => !store.has(job.kind, job.chunk))
  })
  say(`${jobs.length} files of up to ${CHUNK} views to make, by ${workers} workers`)
  silenceTelemetry()
  const start = performance.now()
  let [next, done] = [0, 0]
  const { plan: settings, config } = options
  await Promise.all(Array.from({ length: Math.min(workers, jobs.length) }, () => new Promise<void>((resolve, reject) => {
    const workerData: FeatureWorkerData = { pairs, parts, config, store: storeFolder, plan: settings }
    const worker = new Worker(new URL('./featureWorker.js', import.meta.url), { workerData })
    const feed = (): void => {
      const job = jobs[next++]
      if (job) worker.postMessage(job)
      else worker.terminate().then(() => resolve(), reject)
    }
    worker.on('error', reject)
    worker.on('message', (job: FeatureJob) => {
      done++
      const minutes = (performance.now() - start) / 60_000
      say(`${job.kind} ${job.chunk}: ${done} of ${jobs.length} files, ${minutes.toFixed(1)} min, ${((minutes / done) * (jobs.length - done)).toFixed(1)} min to go`)
      feed()
    })
    feed()
  })))
  folder.close()
}

function storeOrigin(plan: ViewPlan, parts: string): { seed: number; pairs: number; scenes: number; cleanScenes: number; trunk: string } {
  const trunk = createHash('sha256').update(readFileSync(join(parts, 'trunk.safetensors'))).digest('hex')
  return { seed: plan.seed, pairs: plan.pairs.length, scenes: plan.scenes, cleanScenes: plan.cleanScenes, trunk }
}
