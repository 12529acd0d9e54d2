import type { PresetSettings, ImageSettings } from './imageOptions.js'

/** The published code: configs/image_config.yaml and what its source fixes, defects included (docs/deviations.md). */
const reference = {
  steps: 1000,
  size: 512,
  start: 'random',
  generatorWidth: 128,
  generatorLevels: 7,
  previewEvery: 50,

  learningRate: 2.5e-3,
  learningRateDecay: 0.99,
  minLearningRate: 1e-5,
  weightDecay: 0.01,
  momentum: 0.9,
  wholeImageEvery: 75,

  lambdaComposition: 1,
  lambdaScreen: 1,
  lambdaColour: 0,
  lambdaStructure: 2,
  lambdaSparsity: 6,
  lambdaAlphaL0: 0.01,
  lambdaAlphaL1: 0.01,
  sparsityMap: 0,
  regionBound: 0,
  grain: 0,
  surroundings: 'shown',
  textSampling: 'subset',

  lambdaBootstrap: 10,
  lambdaBootstrapMin: 0,
  bootstrapSchedule: 'linear',
  bootstrapItems: 'last',
  relevancy: 'model',

  cropsMinCover: 0.85,
  flipProbability: 0.5,
  jitterProbability: 0.1,
  scaleMin: 0.8,
  scaleMax: 1.2,
  sizes: 'exact',

  views: 16,
  viewFill: 1,
  viewSharing: 'none',
  viewSampling: 'sequential',
  antialias: false,
  positionEmbedding: 'reference',
} as const satisfies PresetSettings

/** The supplement where it differs from the code: its sections 2 and 3, see docs/deviations.md. */
const paper = {
  ...reference,
  textSampling: 'one',
  // lambda_r = 0.05 on (gamma L1 + L0) with gamma = 2: 0.1 L1 + 0.05 L0.
  lambdaSparsity: 0.05,
  lambdaAlphaL0: 1,
  lambdaAlphaL1: 2,
  bootstrapItems: 'all',
  jitterProbability: 1,
  positionEmbedding: 'fixed',
} as const satisfies PresetSettings

/** The best picture per minute on a CPU: fewer and shared views, few sizes, the edit held to the object. */
const fast = {
  ...reference,
  // A learned start shows the edit at once: few steps shade it and fit it to the photo, more wear its colours away.
  steps: 20,
  learningRate: 5e-3,
  size: 256,
  start: 'learned',
  generatorWidth: 64,
  previewEvery: 5,
  views: 6,
  viewSharing: 'all',
  viewSampling: 'composed',
  antialias: true,
  positionEmbedding: 'fixed',
  scaleMin: 0.9,
  scaleMax: 1.1,
  sizes: 'buckets',
  bucket: 64,
  bootstrapItems: 'all',
  relevancy: 'object',
  sparsityMap: 4,
  lambdaColour: 100,
  regionBound: 1,
  grain: 0.75,
  surroundings: 'hidden',
  lambdaBootstrapMin: 1.5,
} as const satisfies PresetSettings

/** A first impression in seconds. */
const preview = {
  ...fast,
  steps: 10,
  size: 192,
  previewEvery: 1,
  views: 4,
  // Every crop then has one size, that of the whole photo: one graph to compile.
  scaleMin: 1,
  scaleMax: 1.1,
} as const satisfies PresetSettings

/** What each preset of `editImage` sets; all else has the defaults of the table. */
export const presets = { fast, preview, reference, paper } as const satisfies Readonly<
  Record<ImageSettings['preset'], PresetSettings>
>

/** Name of a preset. */
export type PresetName = keyof typeof presets
