import type { Runtime } from '../../engine/runtime.js'
import { Text2LiveError } from '../../errors.js'
import type { SafetensorsTensor } from '../../formats/safetensors.js'
import { float32Tensor } from '../../formats/safetensors.js'
import { toFloat32 } from '../../formats/toFloat32.js'
import type { ClipFrames } from '../../media/clipFrames.js'
import { giveTurn } from '../giveTurn.js'
import type { LayerName } from '../layeredAtlas.js'
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
import { type FastSettings, fastSettings } from './fastSettings.js'
import type { FitEvidence } from './fitEvidence.js'
import { type FitPart, LocalFitPart, type PartFrames, layerNames } from './fitPart.js'
import { FitParts } from './fitParts.js'
import { type Lattice, refineLattice } from './lattice.js'
import { type MappingLossName, mappingLossNames } from './mappingStep.js'
import { type Layers, emptyTexture, solveTextures } from './solveTextures.js'
import type { Texture } from './texture.js'

export type FastAtlasProgress =
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
  /** Of the clip's flow and masks, `fitEvidence`. */
  readonly evidence: FitEvidence
  readonly settings?: FastSettings
  readonly runtime: Runtime
  /**
   * Opens a part of the clip elsewhere, to be fitted beside the one that is fitted here. Without it both are, in turn;
   * the atlas is the same.
   */
  readonly openPart?: ((frames: PartFrames, settings: FastSettings) => Promise<FitPart>) | undefined
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

/** Around what is seen of a layer while its mappings still move, px. */
const MOVING_MARGIN = 24

/**
 * Takes a clip apart into two explicit atlas images, a smooth mapping per frame and layer, and opacity: the layered
 * neural atlas (Kasten et al. 2021) without its networks. From first mappings on, coarse to fine, textures and opacity
 * are solved in closed form and the lattices of the mappings take steps of Gauss and Newton on the same losses, in
 * turn. Nothing is drawn at random.
 *
 * @throws SHAPE_MISMATCH, CHECKPOINT_INVALID; the signal's reason once it is aborted
 */
export async function fitFastAtlas({
  frames,
  evidence,
  settings = fastSettings,
  runtime,
  openPart,
  state,
  signal,
  onProgress,
  onCheckpoint,
}: FitFastAtlasOptions): Promise<FastAtlas> {
  const count = frames.pixels.length
  if (evidence.links.length !== count || evidence.width !== frames.width || evidence.height !== frames.height) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      `fitFastAtlas expected the evidence of ${count} frames of ${frames.width}x${frames.height}, ` +
        `got that of ${evidence.links.length} of ${evidence.width}x${evidence.height}.`,
    )
  }
  const pause = () => giveTurn(signal)
  const sweeps = settings.stages.reduce((sum, stage) => sum + stage.sweeps, 0)
  const opacity = state ? readOpacity(state, frames) : [...evidence.outlines]
  const lattices: Record<LayerName, readonly Lattice[]> = { ...evidence.lattices }
  if (state) for (const layer of layerNames) lattices[layer] = savedLattices(state, layer, frames)
  const parts = await FitParts.open(frames, evidence, (part, i) =>
    openPart !== undefined && i > 0
      ? openPart(part, settings)
      : Promise.resolve(new LocalFitPart(part, { runtime, settings, pause })),
  )
  try {
    let sweep = 0
    for (const [index, stage] of settings.stages.entries()) {
      for (const layer of layerNames) {
        if (lattices[layer][0]!.spacing > stage.spacing)
          lattices[layer] = lattices[layer].map((lattice) => refineLattice(lattice, frames))
      }
      for (let k = 0; k < stage.sweeps; k++, sweep++) {
        if (state && state.sweep > sweep) continue
        await fitSweep(index, k)
        await onCheckpoint?.({ sweep: sweep + 1, tensors: stateTensors(frames, sweep + 1, lattices, opacity) })
      }
    }

    async function fitSweep(index: number, k: number): Promise<void> {
      const stage = settings.stages[index]!
      const pixel = Math.max(1, Math.min(stage.pixel, Math.floor(Math.min(frames.width, frames.height) / LEAST_SIDE)))
      const empty = await emptyTextures(pixel, stage.textureScale / pixel, MOVING_MARGIN)
      const { textures, error } = await solveTextures(empty, settings.textureSteps[0], (from, black) =>
        parts.sumColours(from, black),
      )
      let done = 0
      const visited = await parts.visit(index, textures, k % 2 === 1, () => {
        onProgress?.({ type: 'frame', sweep: sweep + 1, sweeps, done: ++done, frames: count })
      })
      for (const layer of layerNames) lattices[layer] = visited.lattices[layer]
      if (stage.opacity) (await parts.fitOpacities(textures)).forEach((fitted, t) => (opacity[t] = fitted))
      const named = (sums: Float64Array) =>
        Object.fromEntries(mappingLossNames.map((name, i) => [name, sums[i]! / count])) as Record<
          MappingLossName,
          number
        >
      onProgress?.({
        type: 'sweep',
        sweep: sweep + 1,
        sweeps,
        psnr: -10 * Math.log10(error),
        losses: { foreground: named(visited.losses.foreground), background: named(visited.losses.background) },
      })
    }

    async function emptyTextures(pixel: number, scale: number, margin: number): Promise<Layers<Texture>> {
      const { foreground, background } = await parts.begin(pixel, { lattices, opacity })
      return {
        foreground: emptyTexture(foreground, scale, margin),
        background: emptyTexture(background, scale, margin),
      }
    }

    const empty = await emptyTextures(1, settings.textureScale, 1)
    const steps = settings.textureSteps[1]
    const { textures } = await solveTextures(
      empty,
      steps,
      (from, black) => parts.sumColours(from, black),
      (step) => onProgress?.({ type: 'textures', step, steps }),
    )
    return new FastAtlas({
      width: frames.width,
      height: frames.height,
      lattices,
      opacity,
      images: { foreground: atlasImage(textures.foreground), background: atlasImage(textures.background) },
    })
  } finally {
    await parts.close()
  }
}

/** Frames are not made smaller than this for the coarse stages, px of the short side. */
const LEAST_SIDE = 100

function atlasImage({ origin, scale, width, height, data }: Texture): AtlasImage {
  const pixels = new Uint8Array(3 * width * height)
  for (let i = 0; i < width * height; i++)
    for (let c = 0; c < 3; c++) pixels[3 * i + c] = Math.round(data[4 * i + c]! * 255)
  return { origin, scale, width, height, pixels }
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

/** @throws CHECKPOINT_INVALID */
function savedLattices({ tensors }: FastAtlasState, layer: LayerName, frames: ClipFrames): readonly Lattice[] {
  const lattices = readLattices(tensors, layer)
  const count = frames.pixels.length
  if (latticesFit(lattices, count, frames)) return lattices
  throw new Text2LiveError(
    'CHECKPOINT_INVALID',
    `Expected the fit of a clip of ${count} frames of ${frames.width}x${frames.height}; the lattices of the ${layer} in the checkpoint are of another. ` +
      'Start the fit again without it.',
  )
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
