import { silenceTelemetry } from '../../src/engine/node/silenceTelemetry.js'
import { CHUNK, FeatureStore, storeOrigin } from './featureStore.js'
import type { FeatureJob, FeatureWorkerData } from './featureWorker.js'
import { MaskStore } from './objectMasks.js'
import { PairFolder } from './pairs.js'
import { workThrough } from './workerPool.js'
import { type ViewKind, cleanViewCount, planViews, viewCount } from './views.js'

export interface ExtractOptions extends FeatureWorkerData {
  readonly workers: number
  readonly kinds: readonly ViewKind[]
  /** Only what the clean model is made of. */
  readonly cleanOnly: boolean
  /** Of each kind, at most so many. */
  readonly most: number
  readonly say: (line: string) => void
}

/**
 * Makes the features that are not there yet. Each file is whole or absent, so the command can be stopped and run again
 * at any time.
 */
export async function extractFeatures(options: ExtractOptions): Promise<void> {
  const { pairs, parts, store: storeFolder, kinds, workers, cleanOnly, most, say } = options
  const folder = new PairFolder(pairs, 'train')
  const plan = planViews(folder.pairs, folder.cleanCount, {
    ...options.plan,
    masks: new MaskStore(options.masks).open(folder.pairs),
  })
  const store = new FeatureStore(storeFolder)
  await store.claim(storeOrigin(plan, parts))
  const jobs: FeatureJob[] = kinds.flatMap((kind) => {
    const views = Math.min(most, cleanOnly ? cleanViewCount(plan, kind) : viewCount(plan, kind))
    return Array.from({ length: Math.ceil(views / CHUNK) }, (_, chunk) => ({ kind, chunk })).filter(
      (job) => !store.has(job.kind, job.chunk),
    )
  })
  say(`${jobs.length} files of up to ${CHUNK} views to make, by ${workers} workers`)
  silenceTelemetry()
  const { plan: settings, config, masks } = options
  const workerData: FeatureWorkerData = { pairs, parts, config, store: storeFolder, masks, plan: settings }
  await workThrough({
    module: new URL('./featureWorker.js', import.meta.url),
    workerData,
    jobs,
    workers,
    onDone: ({ kind, chunk }, done, minutes, left) =>
      say(`${kind} ${chunk}: ${done} of ${jobs.length} files, ${minutes.toFixed(1)} min, ${left.toFixed(1)} min to go`),
  })
  folder.close()
}
