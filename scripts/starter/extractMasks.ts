import { silenceTelemetry } from '../../src/engine/node/silenceTelemetry.js'
import type { MaskWorkerData } from './maskWorker.js'
import { MASK_CHUNK, MaskStore, maskCandidates } from './objectMasks.js'
import { PairFolder } from './pairs.js'
import { workThrough } from './workerPool.js'

export interface MaskOptions extends MaskWorkerData {
  readonly workers: number
  readonly say: (line: string) => void
}

/**
 * Asks the outline network for the objects of the pairs' pictures. Each file is whole or absent, so the command can be
 * stopped and run again at any time.
 */
export async function extractMasks({ workers, say, ...workerData }: MaskOptions): Promise<void> {
  const folder = new PairFolder(workerData.pairs, 'train')
  const store = new MaskStore(workerData.store)
  const candidates = maskCandidates(folder.pairs)
  const jobs = Array.from({ length: Math.ceil(candidates.length / MASK_CHUNK) }, (_, chunk) => chunk).filter(
    (chunk) => !store.has(chunk),
  )
  say(`${jobs.length} files of up to ${MASK_CHUNK} masks to make, by ${workers} workers`)
  silenceTelemetry()
  await workThrough({
    module: new URL('./maskWorker.js', import.meta.url),
    workerData,
    jobs,
    workers,
    onDone: (chunk, done, minutes, left) =>
      say(`masks ${chunk}: ${done} of ${jobs.length} files, ${minutes.toFixed(1)} min, ${left.toFixed(1)} min to go`),
  })
  const known = store.open(folder.pairs)
  say(`${candidates.filter((i) => known.has(i)).length} of ${candidates.length} objects are known to their edges`)
  folder.close()
}
