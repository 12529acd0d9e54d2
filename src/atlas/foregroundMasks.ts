import { Text2LiveError } from '../errors.js'
import { type ClipFrames, frameImage } from '../media/clipFrames.js'
import { boundingBox } from '../media/boundingBox.js'
import { overlap } from '../media/changeMeasures.js'
import { crop } from '../media/crop.js'
import { guidedFilter } from '../media/guided.js'
import type { FloatImage } from '../media/image.js'
import type { ClipFlow } from './clipFlow.js'
import { giveTurn } from './giveTurn.js'
import { createClipGraph } from './segmentation/clipGraph.js'
import { closerMasks, type FrameLook } from './segmentation/closerMasks.js'
import { findAlike } from './segmentation/consensus.js'
import {
  frameMeans,
  grownEvidence,
  movingEvidence,
  pointEvidence,
  probabilityEvidence,
  relevancyEvidence,
} from './segmentation/hintEvidence.js'
import {
  type ClipScene,
  carryLabels,
  labelByColour,
  labelClip,
  settleLabels,
  sharpened,
} from './segmentation/labelling.js'
import { nodeMotion } from './segmentation/nodeMotion.js'

/** What stands out in a clip. */
export interface StandsOut {
  /** How likely each place of some frames is the object's: 1 channel, any size, [0, 1]. */
  readonly maps: ReadonlyMap<number, FloatImage>
  readonly look: FrameLook
}

/** A place on the object, px, and what stands out there. */
export interface PointHint {
  readonly kind: 'point'
  readonly x: number
  readonly y: number
  readonly frame: number
  readonly standsOut?: StandsOut | undefined
}

/** How the foreground is named. Frames count from 0; frames that the clip lacks are passed over. */
export type ForegroundHint =
  /**
   * Masks of some frames, of the frames' size, 1 channel in [0, 1]; the others are looked at closely, if looks at some
   * of these meet their masks.
   */
  | { readonly kind: 'masks'; readonly masks: ReadonlyMap<number, FloatImage>; readonly look?: FrameLook | undefined }
  | PointHint
  /** Where the guidance finds the object in some frames: 1 channel, any size, the higher the likelier. */
  | { readonly kind: 'relevancy'; readonly maps: ReadonlyMap<number, FloatImage> }
  /** How likely each place of some frames is the object's: 1 channel, any size, [0, 1]. */
  | { readonly kind: 'probability'; readonly maps: ReadonlyMap<number, FloatImage> }
  /** An object that stands out, and what the guidance answers in some frames (null: it was not asked). */
  | ({ readonly kind: 'object'; readonly answers: ReadonlyMap<number, FloatImage> | null } & StandsOut)
  /** What moves against the background. */
  | { readonly kind: 'motion' }

/**
 * Something to tell: masks that are empty count as not given; to frames without one the object was carried (unmet:
 * since looks did not meet the given masks), or they were looked at; frames in which it is not seen have masks of
 * zeros.
 */
export interface ForegroundNotice {
  readonly kind: 'empty-masks' | 'carried' | 'unmet' | 'looked-at' | 'unseen'
  readonly frames: readonly number[]
}

export interface ForegroundMasksOptions {
  readonly frames: ClipFrames
  readonly flow: ClipFlow
  readonly hint: ForegroundHint
  readonly signal?: AbortSignal | undefined
  /** Parts of the work done, of all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
  readonly onNotice?: ((notice: ForegroundNotice) => void) | undefined
}

/** Rounds in which all frames agree with each other at the end. */
const SETTLING = 4
/** Given masks that looks are tried at, spread over them, and how far these must overlap with them on average. */
const MASKS_LOOKED_AT = 3
const LOOK_MEETS = 0.75
/**
 * Window and squared contrast of the guided filter that takes a mask from the regions to the edges of the picture; the
 * window is a share of the longer side.
 */
const EDGE_RADIUS = 1 / 64
const EDGE_EPSILON = 1e-4

/**
 * A mask of the foreground in every frame from a hint. Frames are cut into superpixels. What the hint says of some goes
 * to all by what looks alike along the flow in frames up to 16 away, so that something hidden for a moment is found
 * again, and by the speed against the background; unless an object stands out, labels then spread by random walks, and
 * a guided filter takes them to the edges. An object that stands out is looked at closely in every frame. Given masks
 * are returned as they are.
 *
 * @returns one channel in [0, 1] for each frame; all zeros where the object is not seen
 * @throws Text2LiveError MASK_INVALID (size, all empty), POINT_INVALID (outside the picture or clip), OBJECT_NOT_FOUND
 *   (nothing moves or answers), the signal's reason
 */
export async function foregroundMasks({
  frames,
  flow,
  hint,
  signal,
  onProgress,
  onNotice,
}: ForegroundMasksOptions): Promise<FloatImage[]> {
  const total = frames.pixels.length
  checkHint(hint, frames)
  const given = hint.kind === 'masks' ? usableMasks(hint.masks, frames, onNotice) : new Map<number, FloatImage>()
  if (given.size === total) return frames.pixels.map((_, t) => given.get(t)!)

  let done = 0
  // How many parts there are is a guess; all are done when the masks stand.
  const parts = (looksAt(hint) ? 7 : 4) * total
  const breathe = async () => {
    await giveTurn(signal)
    onProgress?.(Math.min(done++, parts - 1), parts)
  }
  const graph = await createClipGraph(frames, flow, breathe)
  const scene: ClipScene = {
    graph,
    alike: await findAlike(graph, flow, breathe),
    motion: await nodeMotion(graph, flow, breathe),
  }
  const labels = await labelScene(scene, hint, given, breathe)
  const painted = (t: number): FloatImage => ({
    width: frames.width,
    height: frames.height,
    channels: 1,
    data: new Float32Array(graph.frames[t]!.labels).map((region) => labels[graph.first[t]! + region]!),
  })
  const edged = (t: number) => drawnToEdges(frames, t, painted(t))
  const look = looksAt(hint)
  const looked = look !== null && (await meetsMasks(look, given, breathe))
  if (given.size > 0) {
    const carried = frames.pixels.flatMap((_, t) => (given.has(t) ? [] : [t]))
    onNotice?.({ kind: looked ? 'looked-at' : look ? 'unmet' : 'carried', frames: carried })
  }
  const masks: FloatImage[] = []
  if (looked) masks.push(...(await closerMasks({ flow, likely: painted, edged, look, given, breathe })))
  else
    for (let t = 0; t < total; t++) {
      await breathe()
      masks.push(given.get(t) ?? edged(t))
    }
  const unseen = masks.flatMap(({ data }, t) => (data.some((x) => x > 0.5) ? [] : [t]))
  if (unseen.length === total) {
    throw new Text2LiveError(
      'OBJECT_NOT_FOUND',
      'No object was found in any frame of the clip. Give a mask of one frame with --object, or a point on the object with --point x,y.',
    )
  }
  if (unseen.length > 0) onNotice?.({ kind: 'unseen', frames: unseen })
  onProgress?.(parts, parts)
  return masks
}

async function labelScene(
  scene: ClipScene,
  hint: ForegroundHint,
  given: ReadonlyMap<number, FloatImage>,
  breathe: () => Promise<void>,
): Promise<Float32Array> {
  const { graph } = scene
  const ofClip = (maps: ReadonlyMap<number, FloatImage>) => clipMaps(maps, graph.frames.length)
  if (hint.kind === 'masks') {
    const labels = new Float32Array(graph.count)
    for (const [t, { data }] of given) labels.set(frameMeans(graph, t, data), graph.first[t])
    const fixed = new Set(given.keys())
    await carryLabels(scene, labels, fixed, breathe)
    return await settleLabels(scene, labels, fixed, SETTLING, breathe)
  }
  if (hint.kind === 'object') return probabilityEvidence(scene, ofClip(hint.maps), hint.answers && ofClip(hint.answers))
  if (hint.kind === 'probability')
    return await labelByColour(scene, probabilityEvidence(scene, ofClip(hint.maps)), breathe)
  if (hint.kind === 'relevancy') return await labelByColour(scene, relevancyEvidence(scene, ofClip(hint.maps)), breathe)
  const { prior, start, counts } = hint.kind === 'motion' ? movingEvidence(scene) : pointEvidence(scene, hint)
  const labels = await labelClip(scene, prior, start, counts, breathe)
  const settled = await settleLabels(scene, labels, new Set(), SETTLING, breathe)
  if (hint.kind === 'motion' || !hint.standsOut) return settled
  return grownEvidence(scene, settled, ofClip(hint.standsOut.maps))
}

/** How the frames are looked at closely; null where they are not. */
function looksAt(hint: ForegroundHint): FrameLook | null {
  if (hint.kind === 'object') return hint.look
  if (hint.kind === 'point') return hint.standsOut?.look ?? null
  return (hint.kind === 'masks' && hint.look) || null
}

/** Whether looks find what the given masks hold; where none is given, nothing says that they do not. */
async function meetsMasks(
  look: FrameLook,
  given: ReadonlyMap<number, FloatImage>,
  breathe: () => Promise<void>,
): Promise<boolean> {
  const all = [...given]
  const count = Math.min(MASKS_LOOKED_AT, all.length)
  let sum = 0
  for (let i = 0; i < count; i++) {
    await breathe()
    const [t, mask] = all[Math.floor(((i + 0.5) * all.length) / count)]!
    const found = await look(t, mask)
    sum += found ? overlap(found, mask) : 0
  }
  return sum >= LOOK_MEETS * count
}

const clipMaps = (maps: ReadonlyMap<number, FloatImage>, frames: number) =>
  new Map([...maps].filter(([t]) => t >= 0 && t < frames))

/**
 * The mask follows the edges of the picture, within a window around its regions; values below and above 1/2 go towards
 * 0 and 1.
 */
function drawnToEdges(frames: ClipFrames, t: number, mask: FloatImage): FloatImage {
  const { width, height } = frames
  const radius = Math.max(2, Math.round(EDGE_RADIUS * Math.max(width, height)))
  const result = new Float32Array(width * height)
  const box = boundingBox(mask, (x) => x >= 0.05)
  if (!box) return { ...mask, data: result }
  const [left, top] = [Math.max(0, box.left - 2 * radius), Math.max(0, box.top - 2 * radius)]
  const [w, h] = [
    Math.min(width, box.right + 2 * radius + 1) - left,
    Math.min(height, box.bottom + 2 * radius + 1) - top,
  ]
  const part = guidedFilter(
    crop(frameImage(frames, t), left, top, w, h),
    crop(mask, left, top, w, h),
    radius,
    EDGE_EPSILON,
  )
  part.data.forEach((x, k) => {
    result[(top + Math.floor(k / w)) * width + left + (k % w)] = sharpened(Math.min(Math.max(x, 0), 1))
  })
  return { ...mask, data: result }
}

function checkHint(hint: ForegroundHint, { width, height, pixels }: ClipFrames): void {
  if (hint.kind === 'point') {
    const { x, y, frame } = hint
    if (x >= 0 && y >= 0 && x < width && y < height && Number.isInteger(frame) && frame >= 0 && frame < pixels.length)
      return
    throw new Text2LiveError(
      'POINT_INVALID',
      `The point on the object must lie in the picture, x in [0, ${width}) and y in [0, ${height}), of a frame from 0 to ${pixels.length - 1}; ` +
        `got x ${x}, y ${y}, frame ${frame}. Coordinates are in pixels of the clip at its working size.`,
    )
  }
  if ('maps' in hint && clipMaps(hint.maps, pixels.length).size === 0) {
    throw new Text2LiveError('OBJECT_NOT_FOUND', 'A map of at least one frame was expected, got none.')
  }
}

/** The masks of frames of the clip that show something. */
function usableMasks(
  masks: ReadonlyMap<number, FloatImage>,
  { width, height, pixels }: ClipFrames,
  onNotice: ForegroundMasksOptions['onNotice'],
): Map<number, FloatImage> {
  const present = [...masks].filter(([t]) => t >= 0 && t < pixels.length).sort(([a], [b]) => a - b)
  for (const [t, mask] of present) {
    if (mask.width === width && mask.height === height && mask.channels === 1) continue
    throw new Text2LiveError(
      'MASK_INVALID',
      `The mask of frame ${t} must have one channel and the size of the frames, ${width}x${height}; it has ${mask.channels} and ${mask.width}x${mask.height}. ` +
        'Export it at the size of the clip.',
    )
  }
  const empty = present.filter(([, { data }]) => !data.some((x) => x > 0.5)).map(([t]) => t)
  const usable = new Map(present.filter(([t]) => !empty.includes(t)))
  if (usable.size === 0) {
    throw new Text2LiveError(
      'MASK_INVALID',
      present.length === 0
        ? `No mask belongs to a frame of the clip (0 to ${pixels.length - 1}). Name the files of the masks as those of the frames, or give the mask of one frame.`
        : `The ${present.length === 1 ? `mask of frame ${present[0]![0]} is` : `masks of all ${present.length} frames given are`} empty: no value is above 1/2. Paint the object white on black.`,
    )
  }
  if (empty.length > 0) onNotice?.({ kind: 'empty-masks', frames: empty })
  return usable
}
