import type { MappingLossWeights } from './mappingStep.js'

/** One stage of the fit: every frame of both layers is visited `sweeps` times. */
export interface FastStage {
  /** Spacing of the control points, px of the frame; the one before it, or half of it. */
  readonly spacing: number
  /**
   * Size of the pixels that are compared, px of the frame; smaller on frames whose short side would have less than 100
   * of them.
   */
  readonly pixel: number
  /**
   * Pixels of the textures along a pixel that is compared, on the middle frame. Frames that each show a texel from
   * elsewhere let it hold more than one of them does; while the large motion is unknown, such a texture would rather
   * hold several frames beside each other.
   */
  readonly textureScale: number
  readonly sweeps: number
  /** Steps of Gauss and Newton at each visit. */
  readonly steps: number
  /** Rounds of conjugate gradients in each. */
  readonly rounds: number
  /** Whether the opacity is fitted too, after each sweep. */
  readonly opacity: boolean
}

export interface FastSettings {
  /** Pixels of the finished atlas images along a px of the middle frame. */
  readonly textureScale: number
  /** Coarse to fine. The first spacing is that of the first mappings, which follow the flow. */
  readonly stages: readonly FastStage[]
  readonly weights: MappingLossWeights
  /** Steps towards the least squares of the textures: in every sweep, and at the end. */
  readonly textureSteps: readonly [number, number]
}

/**
 * Made for frames of 432x768. Most of the motion is found on frames of a quarter and half the size, at a sixteenth and
 * a fourth of the cost; what ripples and bends in between, on the frames themselves. The losses weigh as published
 * (Kasten et al. 2021), but flow four times as much: on textures as fine as the last stage's, frames would rather drift
 * apart a little and lie beside each other.
 */
export const fastSettings = {
  textureScale: 2,
  stages: [
    { spacing: 32, pixel: 4, textureScale: 1, sweeps: 3, steps: 3, rounds: 8, opacity: false },
    { spacing: 16, pixel: 4, textureScale: 1, sweeps: 6, steps: 3, rounds: 8, opacity: false },
    { spacing: 8, pixel: 2, textureScale: 1, sweeps: 6, steps: 2, rounds: 8, opacity: false },
    { spacing: 4, pixel: 1, textureScale: 2, sweeps: 7, steps: 2, rounds: 6, opacity: true },
  ],
  weights: { reconstruction: 5000, gradient: 1000, rigidity: 1, flow: 20, bending: 5 },
  textureSteps: [2, 12],
} as const satisfies FastSettings
