import type { MappingLossWeights } from './mappingStep.js'

/** One stage of the fit: every frame of both layers is visited `sweeps` times. */
export interface FastStage {
  /** Spacing of the control points, px of the frame; the one before it, or half of it. */
  readonly spacing: number
  /** Size of the pixels that are compared, px of the frame; smaller on frames whose short side would have less than 100 of them. */
  readonly pixel: number
  readonly sweeps: number
  /** Steps of Adam at each visit. */
  readonly steps: number
  /** Learning rate of the first sweep and of the last, px. */
  readonly learningRate: readonly [number, number]
  /** Whether the opacity is fitted too, after each sweep. */
  readonly opacity: boolean
}

export interface FastSettings {
  /** Pixels of the atlas images to a px of the middle frame. Default 1. */
  readonly textureScale: number
  /** Coarse to fine. The first spacing is that of the first mappings, which follow the flow. */
  readonly stages: readonly FastStage[]
  readonly weights: Readonly<Record<'foreground' | 'background', MappingLossWeights>>
  /** Steps towards the least squares of the textures: in every sweep, and at the end. */
  readonly textureSteps: readonly [number, number]
}

const weights: MappingLossWeights = { reconstruction: 5000, gradient: 1000, rigidity: 1, flow: 5, bending: 5 }

/**
 * Made for frames of 432x768. Mappings are found on frames of a quarter and half the size: their error is a fraction of a pixel there too, at a sixteenth and a fourth of the cost.
 */
export const fastSettings = {
  textureScale: 1,
  stages: [
    { spacing: 32, pixel: 4, sweeps: 2, steps: 12, learningRate: [0.5, 0.4], opacity: false },
    { spacing: 16, pixel: 4, sweeps: 3, steps: 12, learningRate: [0.4, 0.2], opacity: false },
    { spacing: 8, pixel: 2, sweeps: 6, steps: 12, learningRate: [0.25, 0.08], opacity: false },
    { spacing: 8, pixel: 1, sweeps: 1, steps: 2, learningRate: [0.05, 0.05], opacity: true },
  ],
  weights: { foreground: weights, background: weights },
  textureSteps: [3, 6],
} as const satisfies FastSettings
