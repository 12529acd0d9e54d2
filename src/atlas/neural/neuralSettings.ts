import { type NetworkShapes, publishedNetworks } from './atlasNetworks.js'

export interface NeuralSettings {
  readonly shapes: NetworkShapes
  /** Steps per frame that fit the mappings to the plain grid of the frame first. */
  readonly pretraining: number
  /** Steps after that. */
  readonly iterations: number
  /** Pixels of one step, drawn from all frames. */
  readonly batch: number
  readonly learningRate: number
  /** Length in (u, v), from -1 to 1, of half the longer side of a frame. */
  readonly uvScale: number
  /** Factors of the losses; rigidity and flow count per mapping. */
  readonly weights: {
    readonly reconstruction: number
    readonly gradient: number
    readonly rigidity: number
    readonly globalRigidityForeground: number
    readonly globalRigidityBackground: number
    readonly flow: number
    readonly flowOpacity: number
    readonly bootstrap: number
    readonly sparsity: number
  }
  /** Distance of the differences that rigidity looks at, px. */
  readonly rigidityStep: number
  readonly globalRigidityStep: number
  /** Last iteration, counted from 0, with the global rigidity and with the mask. */
  readonly globalRigidityUntil: number
  readonly bootstrapUntil: number
  /** Pixels along the discretised atlas of (u, v) in [0, 1]. */
  readonly resolution: number
  /**
   * 'reference': masks as they are, soft where they were resized (D9), and the gradient loss measured by the width of
   * the frame, which in portrait clips moves its points (D14). 'fixed': masks cut at 1/2, and the longer side.
   */
  readonly behaviour: 'reference' | 'fixed'
}

/** Kasten et al. 2021: config.json of the published code. */
export const publishedNeuralSettings = {
  shapes: publishedNetworks,
  pretraining: 100,
  iterations: 400_000,
  batch: 10_000,
  learningRate: 1e-4,
  uvScale: 0.8,
  weights: {
    reconstruction: 5000,
    gradient: 1000,
    rigidity: 1,
    globalRigidityForeground: 5,
    globalRigidityBackground: 50,
    flow: 5,
    flowOpacity: 49,
    bootstrap: 2000,
    sparsity: 1000,
  },
  rigidityStep: 1,
  globalRigidityStep: 100,
  globalRigidityUntil: 5000,
  bootstrapUntil: 10_000,
  resolution: 2000,
  behaviour: 'reference',
} as const satisfies NeuralSettings
