import type { NamedFile } from '../../session/runHost.js'
import { askWorker } from '../parts/askWorker.js'
import type { GreyPlane } from './growPlane.js'
import type { MaskPainting } from './maskPainting.js'
import type { Tile } from './maskTiles.js'

/** What the worker is asked: the file of a mask, or the mask of a file. */
export type MaskFileRequest =
  | { readonly do: 'write'; readonly tiles: readonly Tile[]; readonly width: number; readonly height: number }
  | { readonly do: 'read'; readonly file: NamedFile; readonly width: number; readonly height: number }

/** A painted mask as a grey PNG of 8 bits. That of a large photo takes half a second, in which somebody paints on. */
export async function writeMask(mask: MaskPainting): Promise<Uint8Array> {
  const { tiles, width, height } = mask
  // Most tiles are one number: they go faster than the plane would.
  const all = Array.from({ length: tiles.count }, (_, i) => tiles.get(i))
  return await askWorker(maskWorker(), { do: 'write', tiles: all, width, height } satisfies MaskFileRequest)
}

/** Takes a picture as the mask. @throws MASK_INVALID, INPUT_NOT_IMAGE */
export async function readMask(mask: MaskPainting, { name, bytes }: NamedFile): Promise<void> {
  const { width, height } = mask
  const request: MaskFileRequest = { do: 'read', file: { name, bytes }, width, height }
  await mask.load(await askWorker<GreyPlane>(maskWorker(), request))
}

const maskWorker = (): Worker => new Worker(new URL('./maskWorker.ts', import.meta.url), { type: 'module' })
