import { parentPort, workerData } from 'node:worker_threads'
import sharp from 'sharp'
import { CHUNK, FeatureStore } from './featureStore.js'
import { MaskStore } from './objectMasks.js'
import { PairFolder } from './pairs.js'
import { renderView } from './renderView.js'
import { openTrunk, readStarterConfig } from './trunkFeatures.js'
import { type PlannedViews, type ViewKind, drawView, planViews, viewCount, viewSizes } from './views.js'

export interface FeatureWorkerData {
  readonly pairs: string
  readonly parts: string
  readonly config: string
  readonly store: string
  /** Folder of the objects' masks. */
  readonly masks: string
  readonly plan: { readonly seed: number; readonly counts: PlannedViews }
}

/** One file of features to make. */
export interface FeatureJob {
  readonly kind: ViewKind
  readonly chunk: number
}

const data = workerData as FeatureWorkerData
const port = parentPort!
sharp.concurrency(1)
const folder = new PairFolder(data.pairs, 'train')
const plan = planViews(folder.pairs, folder.cleanCount, {
  ...data.plan,
  masks: new MaskStore(data.masks).open(folder.pairs),
})
const store = new FeatureStore(data.store)
const trunk = await openTrunk({ parts: data.parts, config: readStarterConfig(data.config), batch: 8, threads: 1 })

port.on('message', (job: FeatureJob) => {
  make(job).then(
    () => port.postMessage(job),
    (error: unknown) => {
      throw error
    },
  )
})

async function make({ kind, chunk }: FeatureJob): Promise<void> {
  const end = Math.min((chunk + 1) * CHUNK, viewCount(plan, kind))
  const pictures: Float32Array[] = []
  for (let i = chunk * CHUNK; i < end; i++) pictures.push(await renderView(drawView(plan, kind, i), folder, plan.masks))
  await store.write(kind, chunk, await trunk.features(pictures, viewSizes[kind]))
}
