import type { ErrorCode } from '../../errors.js'

/** What an engine's worker is started with. */
export interface EngineStart {
  /** Address of the site's folder, with its last slash. */
  readonly site: string
  readonly device: 'cpu' | 'webgpu'
  readonly threads: number
}

/** What it tells besides what its jobs tell. */
export type EngineNews =
  /** It has been tried on a convolution, and takes jobs. */
  | { readonly engine: 'ready' }
  /** It cannot work on this device. */
  | { readonly engine: 'refused'; readonly code: ErrorCode | null; readonly message: string }
  /** The graphics card is gone in the middle of the work. */
  | { readonly engine: 'lost'; readonly message: string }
