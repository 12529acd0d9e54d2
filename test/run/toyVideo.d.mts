import type { LayerName } from '../../src/atlas/layeredAtlas.js'
import type { OpenVideoTrainer } from '../../src/session/video/openVideoTrainer.js'

export const toySize: { readonly width: number; readonly height: number }
export function writeToyClip(folder: string, frames?: number): Promise<void>
export function writeToyMask(path: string, t?: number): Promise<void>
export function toyVideoTrainer(options?: {
  delay?: number
  nanAt?: number
  onStep?: (step: number, layer: LayerName) => void
}): OpenVideoTrainer
