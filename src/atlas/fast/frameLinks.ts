import type { ClipFlow, Flow } from '../clipFlow.js'
import { type GridFlow, flowAtGrid } from './chainMappings.js'
import { bandLeads, opacityBand } from './fitOpacity.js'

/** Every so many px flow and rigidity are measured. */
export const GRID = 8

/** What the fit of a frame uses of the flow to a neighbour: a hundredth of it. */
export interface FrameLink {
  /** At the points of the grid, `flowAtGrid`. */
  readonly grid: GridFlow
  /** Of the pixels of the band, `bandLeads`. */
  readonly leads: Int32Array
}

export interface FrameLinks {
  /** Pixels whose opacity may differ from the mask, `opacityBand`. */
  readonly band: Int32Array
  /** To the frame after; null at the end of the clip. */
  readonly ahead: FrameLink | null
  /** To the frame before; null at its beginning. */
  readonly behind: FrameLink | null
}

/** @param mask of frame t, 8 bits */
export function frameLinks(flow: ClipFlow, mask: Uint8Array, t: number): FrameLinks {
  const band = opacityBand(mask, flow)
  const link = (motion: Flow | undefined): FrameLink | null =>
    motion === undefined ? null : { grid: flowAtGrid(motion, flow, GRID), leads: bandLeads(band, motion, flow) }
  return { band, ahead: link(flow.forward[t]), behind: link(t > 0 ? flow.backward[t - 1] : undefined) }
}
