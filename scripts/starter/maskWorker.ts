import { parentPort, workerData } from 'node:worker_threads'
import sharp from 'sharp'
import { createNodeRuntime } from '../../src/engine/node/createNodeRuntime.js'
import { resize } from '../../src/media/resample.js'
import { loadOutline, withOutline } from '../../src/models/outline.js'
import { folderSource } from '../../src/models/node/folderSource.js'
import { MASK_CHUNK, MASK_SIDE, MaskStore, maskCandidates } from './objectMasks.js'
import { PairFolder } from './pairs.js'
import { decodeJpeg } from './renderView.js'

export interface MaskWorkerData {
  readonly pairs: string
  readonly outline: string
  readonly store: string
}

/** Side of the network's input: the pictures are of 128 pixels; half its own size costs a quarter. */
const SIDE = 160

const data = workerData as MaskWorkerData
const port = parentPort!
sharp.concurrency(1)
const folder = new PairFolder(data.pairs, 'train')
const candidates = maskCandidates(folder.pairs)
const store = new MaskStore(data.store)
const outline = { ...(await loadOutline(await folderSource(data.outline))), imageSize: SIDE }

await withOutline(
  outline,
  createNodeRuntime({ device: 'cpu', threads: 1 }),
  (finder) =>
    new Promise<never>(() => {
      const make = async (chunk: number): Promise<void> => {
        const part = candidates.slice(chunk * MASK_CHUNK, (chunk + 1) * MASK_CHUNK)
        const masks = new Uint8Array(part.length * MASK_SIDE ** 2)
        for (const [k, i] of part.entries()) {
          const map = resize(await finder.find(await decodeJpeg(folder.jpeg(folder.pairs[i]!))), MASK_SIDE, MASK_SIDE, {
            filter: 'bilinear',
            antialias: true,
          })
          map.data.forEach((x, at) => {
            masks[k * MASK_SIDE ** 2 + at] = Math.round(Math.min(Math.max(x, 0), 1) * 255)
          })
        }
        await store.write(chunk, masks)
      }
      port.on('message', (chunk: number) => {
        make(chunk).then(
          () => port.postMessage(chunk),
          (error: unknown) => {
            throw error
          },
        )
      })
    }),
)
