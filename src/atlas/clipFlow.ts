import { Text2LiveError } from '../errors.js'
import type { ClipFrames } from '../media/clipFrames.js'
import { giveTurn } from './giveTurn.js'
import { greyPlane, greyPyramid } from './motion/greyPlane.js'
import { opticalFlow } from './motion/opticalFlow.js'

/** A px in the units of a flow. */
export const FLOW_PIXEL = 64

/** Where the pixels of one frame lie in another one. */
export interface Flow {
  /**
   * Two planes, dx then dy, each `height * width` values in 1/64 px: pixel (x, y) shows what (x + dx, y + dy) of the
   * other frame shows. Flow is most of what a clip takes in memory.
   */
  readonly data: Int16Array
  /**
   * `height * width` values: 1 where the other frame sees the same point, that is where going there and back misses by
   * less than 1 px, else 0.
   */
  readonly valid: Uint8Array
}

/** The motion between all neighbouring frames of a clip. */
export interface ClipFlow {
  readonly width: number
  readonly height: number
  /** From frame t to t + 1: one less than there are frames. */
  readonly forward: readonly Flow[]
  /** From frame t + 1 back to t. */
  readonly backward: readonly Flow[]
}

/** Flow that is estimated beside this thread. */
export interface FlowBeside {
  /**
   * The flow of a clip, one at a time, as `estimateClipFlow` gives it; after a failure nothing can be asked any more.
   * @param onPair called after each pair of frames
   */
  estimate(frames: ClipFrames, onPair: () => void, signal: AbortSignal | undefined): Promise<ClipFlow>
  /** Ends it, also while it works. */
  close(): Promise<void>
}

export interface ClipFlowOptions {
  readonly signal?: AbortSignal | undefined
  /** Takes half of the pairs, the flow stays the same. Who gives it closes it. */
  readonly beside?: FlowBeside | undefined
  /** Pairs of frames done, of all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/**
 * Sides of the coarsest pyramid level are at least this, px: a motion of a sixth of the short side is within reach of
 * the search there.
 */
const COARSEST = 24
/**
 * A point that comes back this far from where it started, px, is hidden in the other frame (layered neural atlases: 1).
 */
const TOLERANCE = 1

/**
 * Optical flow between neighbouring frames in both directions, checked against each other. Takes about 0.4 s a pair at
 * 768x432; lets the event loop run between pairs.
 *
 * @throws the signal's reason once it is aborted; Text2LiveError CLIP_TOO_SHORT when there are less than two frames
 */
export async function estimateClipFlow(
  frames: ClipFrames,
  { signal, beside, onProgress }: ClipFlowOptions = {},
): Promise<ClipFlow> {
  const { width, height, pixels } = frames
  if (pixels.length < 2)
    throw new Text2LiveError('CLIP_TOO_SHORT', `Optical flow expected at least 2 frames, got ${pixels.length}.`)
  const pairs = pixels.length - 1
  let done = 0
  const onPair = (): void => onProgress?.(++done, pairs)
  const own = beside === undefined ? pairs : Math.ceil(pairs / 2)
  if (beside === undefined || own === pairs) return await estimatePairs(frames, signal, onPair)
  const rest = beside.estimate({ width, height, pixels: pixels.slice(own) }, onPair, signal)
  // What ends the other half ends this one.
  const failed = new AbortController()
  rest.catch((reason: unknown) => failed.abort(reason))
  const either = AbortSignal.any([failed.signal, ...(signal ? [signal] : [])])
  const first = await estimatePairs({ width, height, pixels: pixels.slice(0, own + 1) }, either, onPair)
  const { forward, backward } = await rest
  return { width, height, forward: [...first.forward, ...forward], backward: [...first.backward, ...backward] }
}

async function estimatePairs(
  frames: ClipFrames,
  signal: AbortSignal | undefined,
  onPair: () => void,
): Promise<ClipFlow> {
  const { width, height, pixels } = frames
  const forward: Flow[] = []
  const backward: Flow[] = []
  let here = greyPyramid(greyPlane(frames, 0), COARSEST)
  for (let t = 0; t < pixels.length - 1; t++) {
    await giveTurn(signal)
    const next = greyPyramid(greyPlane(frames, t + 1), COARSEST)
    const there = opticalFlow(here, next)
    const back = opticalFlow(next, here)
    forward.push({ data: flowUnits(there), valid: returns(there, back, width, height) })
    backward.push({ data: flowUnits(back), valid: returns(back, there, width, height) })
    here = next
    onPair()
  }
  return { width, height, forward, backward }
}

/** Px in the units of a flow; a motion of more than 511 px counts as that. */
export function flowUnits(px: Float32Array): Int16Array {
  const units = new Int16Array(px.length)
  for (let i = 0; i < units.length; i++) units[i] = Math.round(Math.min(Math.max(px[i]! * FLOW_PIXEL, -32767), 32767))
  return units
}

/**
 * 1 where `there` followed by `back` (bilinear) ends less than the tolerance from its start; 0 too where it leaves the
 * picture.
 */
function returns(there: Float32Array, back: Float32Array, width: number, height: number): Uint8Array {
  const size = width * height
  const valid = new Uint8Array(size)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x
      const dx = there[i]!
      const dy = there[size + i]!
      const tx = x + dx
      const ty = y + dy
      if (!(tx >= 0 && ty >= 0 && tx <= width - 1 && ty <= height - 1)) continue
      const ex = dx + bilinear(back, 0, width, height, tx, ty)
      const ey = dy + bilinear(back, size, width, height, tx, ty)
      if (ex * ex + ey * ey < TOLERANCE * TOLERANCE) valid[i] = 1
    }
  }
  return valid
}

/** The value of a plane that starts at `offset` at a place inside the picture, pixel centres at whole numbers. */
export function bilinear(
  plane: Float32Array,
  offset: number,
  width: number,
  height: number,
  x: number,
  y: number,
): number {
  const column = Math.min(Math.floor(x), width - 2)
  const row = Math.min(Math.floor(y), height - 2)
  const fx = x - column
  const fy = y - row
  const k = offset + row * width + column
  const upper = plane[k]! + fx * (plane[k + 1]! - plane[k]!)
  const lower = plane[k + width]! + fx * (plane[k + width + 1]! - plane[k + width]!)
  return upper + fy * (lower - upper)
}
