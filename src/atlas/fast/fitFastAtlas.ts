import type { Runtime } from '../../engine/runtime.js'
import { Text2LiveError } from '../../errors.js'
import type { SafetensorsTensor } from '../../formats/safetensors.js'
import { float32Tensor } from '../../formats/safetensors.js'
import { toFloat32 } from '../../formats/toFloat32.js'
import type { ClipFrames } from '../../media/clipFrames.js'
import type { FloatImage } from '../../media/image.js'
import type { ClipFlow } from '../clipFlow.js'
import type { LayerName } from '../layeredAtlas.js'
import { chainMappings } from './chainMappings.js'
import {
  type AtlasImage,
  FastAtlas,
  bytesTensor,
  expectTensor,
  joined,
  latticeTensors,
  latticesFit,
  readLattices,
  split,
} from './fastAtlas.js'
import { type FastSettings, type FastStage, fastSettings } from './fastSettings.js'
import { fitOpacity } from './fitOpacity.js'
import { type Lattice, refineLattice } from './lattice.js'
import { MappingFitter } from './mappingFitter.js'
import { type MappingLossName, mappingLossNames } from './mappingStep.js'
import { type ScaledClip, scaleClip } from './scaledClip.js'
import { type Layers, emptyTexture, solveTextures } from './solveTextures.js'
import { objectMotion } from './objectMotion.js'
import type { Texture } from './texture.js'

export type FastAtlasProgress =
  | { readonly type: 'chain'; readonly layer: LayerName }
  /** A sweep over all frames: `done` frames of `frames`, `sweep` (from 1) of `sweeps`. */
  | {
      readonly type: 'frame'
      readonly sweep: number
      readonly sweeps: number
      readonly done: number
      readonly frames: number
    }
  /**
   * After a sweep: PSNR of the reconstruction (dB, at the sweep's resolution) before its mappings moved, and each loss
   * by layer, unweighted.
   */
  | {
      readonly type: 'sweep'
      readonly sweep: number
      readonly sweeps: number
      readonly psnr: number
      readonly losses: Layers<Readonly<Record<MappingLossName, number>>>
    }
  | { readonly type: 'textures'; readonly step: number; readonly steps: number }

/** What a fit continues from: after `sweep` sweeps, its mappings and opacity. */
export interface FastAtlasState {
  readonly sweep: number
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>
}

export interface FitFastAtlasOptions {
  readonly frames: ClipFrames
  readonly flow: ClipFlow
  /** Where the object is, one channel per frame, [0, 1]: the first opacity. */
  readonly masks: readonly FloatImage[]
  readonly settings?: FastSettings
  readonly runtime: Runtime
  /** From `onCheckpoint` of an earlier fit with the same input; it goes on bit for bit on the CPU. */
  readonly state?: FastAtlasState
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: FastAtlasProgress) => void) | undefined
  /** After each sweep. */
  readonly onCheckpoint?: ((state: FastAtlasState) => void | Promise<void>) | undefined
}

/** Names, in a state, the schedule whose sweeps it counts; the first one, of steps of Adam, had no such tensor. */
const SCHEDULE = 'schedule'
const NEWTON = 2

/** Whether a fit can go on from a state: one of another schedule counts other sweeps. */
export function isOfThisSchedule(tensors: FastAtlasState['tensors']): boolean {
  const schedule = tensors.get(SCHEDULE)
  return schedule !== undefined && toFloat32(schedule, SCHEDULE)[0] === NEWTON
}

const layerNames = ['background', 'foreground'] as const satisfies readonly LayerName[]

/** Around what is seen of a layer while its mappings still move, px. */
const MOVING_MARGIN = 24

/**
 * Takes a clip apart into two explicit atlas images, a smooth mapping per frame and layer, and opacity: the layered
 * neural atlas (Kasten et al. 2021) without its networks. First mappings follow the optical flow from the middle frame
 * outwards. Then, coarse to fine, textures and opacity are solved in closed form and the lattices of the mappings take
 * gradient steps on the same losses, in turn. Nothing is drawn at random.
 *
 * @throws SHAPE_MISMATCH, CHECKPOINT_INVALID; the signal's reason once it is aborted
 */
export async function fitFastAtlas({
  frames,
  flow,
  masks,
  settings = fastSettings,
  runtime,
  state,
  signal,
  onProgress,
  onCheckpoint,
}: FitFastAtlasOptions): Promise<FastAtlas> {
  const count = frames.pixels.length
  if (
    masks.length !== count ||
    flow.forward.length !== count - 1 ||
    flow.width !== frames.width ||
    flow.height !== frames.height ||
    masks.some((mask) => mask.width !== frames.width || mask.height !== frames.height)
  ) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      `fitFastAtlas expected flow and masks of ${count} frames of ${frames.width}x${frames.height}, ` +
        `got ${masks.length} masks and flow of ${flow.forward.length + 1} frames of ${flow.width}x${flow.height}.`,
    )
  }
  const pause = async () => {
    await new Promise((resolve) => setTimeout(resolve, 0))
    signal?.throwIfAborted()
  }
  const sweeps = settings.stages.reduce((sum, stage) => sum + stage.sweeps, 0)
  const outlines = masks.map(maskBytes)
  const opacity = state ? readOpacity(state, frames) : [...outlines]
  const lattices: Record<LayerName, Lattice[]> = { foreground: [], background: [] }
  const motion = await objectMotion(frames, masks, flow, pause)
  for (const layer of layerNames) {
    await pause()
    if (state) {
      lattices[layer] = readLattices(state.tensors, layer)
      if (!latticesFit(lattices[layer], count, frames)) {
        throw new Text2LiveError(
          'CHECKPOINT_INVALID',
          `Expected the fit of a clip of ${count} frames of ${frames.width}x${frames.height}; the lattices of the ${layer} in the checkpoint are of another. ` +
            'Start the fit again without it.',
        )
      }
    } else {
      onProgress?.({ type: 'chain', layer })
      lattices[layer] = chainMappings(layer, motion, masks, { spacing: settings.stages[0]!.spacing, ...CHAIN })
    }
  }

  let sweep = 0
  for (const stage of settings.stages) {
    if (state && state.sweep >= sweep + stage.sweeps) {
      sweep += stage.sweeps
      continue
    }
    for (const layer of layerNames) {
      if (lattices[layer][0]!.spacing > stage.spacing)
        lattices[layer] = lattices[layer].map((lattice) => refineLattice(lattice, frames))
    }
    const fitter = new MappingFitter({ runtime, flow: motion.flow, stage, settings, lattices, opacity })
    try {
      await fitStage(stage, fitter)
    } finally {
      await fitter.release()
    }
  }

  async function fitStage(stage: FastStage, fitter: MappingFitter): Promise<void> {
    for (let k = 0; k < stage.sweeps; k++, sweep++) {
      if (state && state.sweep > sweep) continue
      const pixel = Math.max(1, Math.min(stage.pixel, Math.floor(Math.min(frames.width, frames.height) / LEAST_SIDE)))
      const clip = scaleClip(frames, opacity, pixel)
      const empty = emptyTextures(clip, lattices, stage.textureScale / pixel, MOVING_MARGIN)
      const { textures, error } = await solveTextures(clip, lattices, empty, settings.textureSteps[0], pause)
      fitter.begin({ clip, textures })
      const sums = await fitMappings(fitter, k)
      if (stage.opacity) await fitOpacities(textures)
      onProgress?.({
        type: 'sweep',
        sweep: sweep + 1,
        sweeps,
        psnr: -10 * Math.log10(error),
        losses: { foreground: named(sums.foreground), background: named(sums.background) },
      })
      await onCheckpoint?.({ sweep: sweep + 1, tensors: stateTensors(frames, sweep + 1, lattices, opacity) })
    }
  }

  async function fitOpacities(textures: Layers<Texture>): Promise<void> {
    const clip = scaleClip(frames, opacity, 1)
    const before = [...opacity]
    for (let t = 0; t < count; t++) {
      await pause()
      const sides = [
        [motion.flow.forward[t], before[t + 1]],
        [motion.flow.backward[t - 1], before[t - 1]],
      ] as const
      const neighbours = sides.flatMap(([towards, there]) =>
        towards && there ? [{ flow: towards, opacity: there }] : [],
      )
      opacity[t] = fitOpacity(clip, t, outlines[t]!, neighbours, lattices, textures)
    }
  }

  async function fitMappings(fitter: MappingFitter, k: number): Promise<Layers<Float64Array>> {
    const sums = {
      foreground: new Float64Array(mappingLossNames.length),
      background: new Float64Array(mappingLossNames.length),
    }
    for (let i = 0; i < count; i++) {
      const t = k % 2 === 0 ? i : count - 1 - i
      for (const layer of layerNames) {
        await pause()
        const { lattice, losses } = await fitter.visit(layer, t)
        lattices[layer][t] = lattice
        losses.forEach((x, j) => {
          sums[layer][j]! += x / count
        })
      }
      onProgress?.({ type: 'frame', sweep: sweep + 1, sweeps, done: i + 1, frames: count })
    }
    return sums
  }

  const clip = scaleClip(frames, opacity, 1)
  const empty = emptyTextures(clip, lattices, settings.textureScale, 1)
  const steps = settings.textureSteps[1]
  const { textures } = await solveTextures(clip, lattices, empty, steps, pause, (step) => {
    onProgress?.({ type: 'textures', step, steps })
  })
  return new FastAtlas({
    width: frames.width,
    height: frames.height,
    lattices,
    opacity,
    images: { foreground: atlasImage(textures.foreground), background: atlasImage(textures.background) },
  })
}

/** Frames are not made smaller than this for the coarse stages, px of the short side. */
const LEAST_SIDE = 100

/** How flow becomes first mappings: places every 4 px, one outlier px counts half. */
const CHAIN = { bending: 0.05, robustRounds: 2, robustScale: 1, stride: 4 } as const

function emptyTextures(
  clip: ScaledClip,
  lattices: Layers<readonly Lattice[]>,
  scale: number,
  margin: number,
): Layers<Texture> {
  return {
    foreground: emptyTexture('foreground', clip, lattices.foreground, scale, margin),
    background: emptyTexture('background', clip, lattices.background, scale, margin),
  }
}

function maskBytes({ data }: FloatImage): Uint8Array {
  const bytes = new Uint8Array(data.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.round(data[i]! * 255)
  return bytes
}

function atlasImage({ origin, scale, width, height, data }: Texture): AtlasImage {
  const pixels = new Uint8Array(3 * width * height)
  for (let i = 0; i < width * height; i++)
    for (let c = 0; c < 3; c++) pixels[3 * i + c] = Math.round(data[4 * i + c]! * 255)
  return { origin, scale, width, height, pixels }
}

function named(values: Float64Array): Record<MappingLossName, number> {
  return Object.fromEntries(mappingLossNames.map((name, i) => [name, values[i]!])) as Record<MappingLossName, number>
}

function stateTensors(
  { width, height }: ClipFrames,
  sweep: number,
  lattices: Layers<readonly Lattice[]>,
  opacity: readonly Uint8Array[],
): Map<string, SafetensorsTensor> {
  return new Map([
    ['sweep', float32Tensor([1], Float32Array.of(sweep))],
    [SCHEDULE, float32Tensor([1], Float32Array.of(NEWTON))],
    ['opacity', bytesTensor([opacity.length, height, width], joined(opacity))],
    ...latticeTensors('foreground', lattices.foreground),
    ...latticeTensors('background', lattices.background),
  ])
}

function readOpacity({ tensors }: FastAtlasState, { width, height, pixels }: ClipFrames): Uint8Array[] {
  const { shape, bytes } = expectTensor(tensors, 'opacity', 3)
  if (shape[0] !== pixels.length || shape[1] !== height || shape[2] !== width) {
    throw new Text2LiveError(
      'CHECKPOINT_INVALID',
      `Expected the fit of a clip of ${pixels.length} frames of ${width}x${height}; the checkpoint is of ${shape[0]} of ${shape[2]}x${shape[1]}. ` +
        'Start the fit again without it.',
    )
  }
  return split(bytes, width * height)
}
