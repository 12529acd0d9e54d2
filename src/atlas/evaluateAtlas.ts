import { Text2LiveError } from '../errors.js'
import { type ClipFrames, frameImage } from '../media/clipFrames.js'
import type { FloatImage } from '../media/image.js'
import { FLOW_PIXEL, type Flow } from './clipFlow.js'
import type { LayerName, LayeredAtlas, Mapping } from './layeredAtlas.js'
import { reconstructFrame } from './reconstructFrame.js'

export interface EvaluateOptions {
  /** Of frame t to frame t + 1. */
  readonly flow?: { readonly forward: readonly Flow[] }
  /** Masks of the object by frame, one channel of the frame's size; a frame without one does not count. */
  readonly masks?: ReadonlyMap<number, FloatImage>
  readonly signal?: AbortSignal
  readonly onProgress?: (frame: number, frames: number) => void
}

export interface AtlasQuality {
  /** Of every reconstructed frame, dB; Infinity where it is the frame itself. */
  readonly psnr: readonly number[]
  readonly meanPsnr: number
  /**
   * Mean over all pixels with valid flow of how far their atlas positions lie apart in the two frames, each layer
   * counted by its opacity; in px of the frame. Only with `flow`.
   */
  readonly flowConsistency?: number
  /**
   * Mean over the frames with a mask of the intersection over union of opacity and mask, both cut at 1/2. Only with
   * `masks`.
   */
  readonly opacityIou?: number
}

/**
 * How well a layered atlas holds its clip: PSNR over all three channels, as layered neural atlases report it, and what
 * keeps an edit in its place.
 */
export async function evaluateAtlas(
  atlas: LayeredAtlas,
  frames: ClipFrames,
  { flow, masks, signal, onProgress }: EvaluateOptions = {},
): Promise<AtlasQuality> {
  if (frames.width !== atlas.width || frames.height !== atlas.height || frames.pixels.length !== atlas.frames) {
    throw new Text2LiveError(
      'ATLAS_MISMATCH',
      `Expected the clip that the atlas was fitted to: ${atlas.frames} frames of ${atlas.width}x${atlas.height}; ` +
        `it has ${frames.pixels.length} of ${frames.width}x${frames.height}.`,
    )
  }
  const psnr: number[] = []
  const ious: number[] = []
  const drift = { sum: 0, count: 0 }
  for (let t = 0; t < atlas.frames; t++) {
    signal?.throwIfAborted()
    psnr.push(peakSignalToNoise(await reconstructFrame(atlas, t), frameImage(frames, t)))
    const mask = masks?.get(t)
    if (mask) ious.push(overlap((await atlas.opacity(t)).data, mask.data))
    const step = flow?.forward[t]
    if (step && t + 1 < atlas.frames) await addDrift(atlas, t, step, drift)
    onProgress?.(t + 1, atlas.frames)
  }
  return {
    psnr,
    meanPsnr: mean(psnr),
    ...(flow ? { flowConsistency: drift.sum / Math.max(drift.count, 1) } : {}),
    ...(ious.length > 0 ? { opacityIou: mean(ious) } : {}),
  }
}

function peakSignalToNoise(a: FloatImage, b: FloatImage): number {
  let sum = 0
  for (let i = 0; i < a.data.length; i++) sum += (a.data[i]! - b.data[i]!) ** 2
  return -10 * Math.log10(sum / a.data.length)
}

/** 1 where both are empty. */
function overlap(a: Float32Array, b: Float32Array): number {
  let [both, either] = [0, 0]
  for (let i = 0; i < a.length; i++) {
    const [inA, inB] = [a[i]! > 0.5, b[i]! > 0.5]
    if (inA && inB) both++
    if (inA || inB) either++
  }
  return either === 0 ? 1 : both / either
}

async function addDrift(
  atlas: LayeredAtlas,
  t: number,
  flow: Flow,
  drift: { sum: number; count: number },
): Promise<void> {
  const { width, height } = atlas
  const size = width * height
  const opacity = (await atlas.opacity(t)).data
  for (const name of ['foreground', 'background'] satisfies LayerName[]) {
    const [here, next] = [await atlas.mapping(name, t), await atlas.mapping(name, t + 1)]
    const scale = pixelsPerFramePixel(here)
    for (let i = 0; i < size; i++) {
      if (!flow.valid[i]) continue
      const [x, y] = [
        (i % width) + flow.data[i]! / FLOW_PIXEL,
        Math.floor(i / width) + flow.data[size + i]! / FLOW_PIXEL,
      ]
      const dx = positionAt(next, 0, x, y) - here.data[i]!
      const dy = positionAt(next, size, x, y) - here.data[size + i]!
      drift.sum += ((name === 'foreground' ? opacity[i]! : 1 - opacity[i]!) * Math.hypot(dx, dy)) / scale
      if (name === 'foreground') drift.count++
    }
  }
}

/**
 * Length of a frame pixel in the atlas image: the median over a frame of the root of the mapping's Jacobian
 * determinant.
 */
function pixelsPerFramePixel({ width, height, data }: Mapping): number {
  const size = width * height
  const scales: number[] = []
  for (let y = 0; y + 1 < height; y += 3) {
    for (let x = 0; x + 1 < width; x += 3) {
      const i = y * width + x
      const [ux, uy] = [data[i + 1]! - data[i]!, data[i + width]! - data[i]!]
      const [vx, vy] = [data[size + i + 1]! - data[size + i]!, data[size + i + width]! - data[size + i]!]
      scales.push(Math.sqrt(Math.abs(ux * vy - uy * vx)))
    }
  }
  scales.sort((a, b) => a - b)
  return scales[scales.length >> 1] || 1
}

/**
 * One plane of a mapping between its pixels, (x, y) counted from the centre of the first; beyond the frame its border.
 */
function positionAt({ width, height, data }: Mapping, offset: number, x: number, y: number): number {
  const cx = Math.min(Math.max(x, 0), width - 1)
  const cy = Math.min(Math.max(y, 0), height - 1)
  const [x0, y0] = [Math.min(Math.floor(cx), width - 2), Math.min(Math.floor(cy), height - 2)]
  const [fx, fy] = [cx - x0, cy - y0]
  const i = offset + y0 * width + x0
  return (
    (1 - fy) * ((1 - fx) * data[i]! + fx * data[i + 1]!) +
    fy * ((1 - fx) * data[i + width]! + fx * data[i + width + 1]!)
  )
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
