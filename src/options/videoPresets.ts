import type { VideoPresetSettings, VideoSettings } from './videoOptions.js'

/** The published code: configs/video_config.yaml and what its source fixes, defects included (docs/deviations.md). */
const reference = {
  steps: 3000,
  size: 432,
  trainSize: 0,
  start: 'random',
  generatorWidth: 128,
  generatorLevels: 7,
  previewEvery: 500,

  atlas: 'neural',
  atlasSize: 2000,
  atlasIterations: 400_000,
  atlasSampling: 'reference',
  boxBorder: 30,
  opacityThreshold: 0.95,

  learningRate: 2.5e-3,
  learningRateDecay: 0.999,
  minLearningRate: 1e-5,
  weightDecay: 0.01,
  momentum: 0.9,
  wholeAtlasEvery: 75,
  wholeAtlasShrink: 3,

  lambdaComposition: 1,
  lambdaScreen: 1,
  lambdaColour: 0,
  lambdaStructure: 3,
  lambdaSparsity: 0.1,
  lambdaAlphaL0: 0.005,
  lambdaAlphaL1: 0.01,
  sparsityMap: 0,
  regionBound: 0,
  surroundings: 'shown',
  textSampling: 'subset',

  lambdaBootstrap: 10,
  lambdaBootstrapMin: 0,
  bootstrapSchedule: 'none',
  bootstrapItems: 'last',
  relevancy: 'model',

  frameDistance: 2,
  ground: 'black',
  cropsMinCover: 0.95,
  flipProbability: 0.5,
  jitterProbability: 0.1,
  scaleMin: 1,
  scaleMax: 1,
  sizes: 'exact',

  views: 6,
  viewFill: 0,
  viewSharing: 'none',
  viewSampling: 'sequential',
  antialias: false,
  positionEmbedding: 'reference',
} as const satisfies VideoPresetSettings

/** The supplement where it differs from the code: its sections 2 and 3, see docs/deviations.md. */
const paper = {
  ...reference,
  atlasSampling: 'fixed',
  textSampling: 'one',
  // lambda_r = 5e-4 on (gamma L1 + L0) with gamma = 2.
  lambdaSparsity: 5e-4,
  lambdaAlphaL0: 1,
  lambdaAlphaL1: 2,
  bootstrapItems: 'all',
  jitterProbability: 1,
  scaleMin: 0.8,
  scaleMax: 1.2,
  // The foreground atlas is cropped to the foreground's own pixels.
  boxBorder: 0,
  positionEmbedding: 'fixed',
} as const satisfies VideoPresetSettings

/** The best picture per minute on a CPU: small frames, shared views, few sizes. */
const fast = {
  ...reference,
  // A learned start needs few steps, and bears larger ones.
  steps: 40,
  learningRate: 5e-3,
  trainSize: 192,
  start: 'learned',
  generatorWidth: 64,
  previewEvery: 10,
  atlas: 'fast',
  atlasIterations: 10_000,
  atlasSampling: 'fixed',
  learningRateDecay: 0.99,
  views: 6,
  viewSharing: 'all',
  viewSampling: 'composed',
  antialias: true,
  positionEmbedding: 'fixed',
  sizes: 'buckets',
  bucket: 64,
  ground: 'frame',
  bootstrapItems: 'all',
  bootstrapSchedule: 'linear',
  relevancy: 'object',
  sparsityMap: 4,
  regionBound: 1,
  surroundings: 'hidden',
  lambdaBootstrapMin: 1.5,
  lambdaColour: 15,
} as const satisfies VideoPresetSettings

/** A first impression in a minute. */
const preview = {
  ...fast,
  steps: 20,
  previewEvery: 5,
  views: 4,
} as const satisfies VideoPresetSettings

/** What each preset of `editVideo` sets; all else has the defaults of the table. */
export const videoPresets = { fast, preview, reference, paper } as const satisfies Readonly<
  Record<VideoSettings['preset'], VideoPresetSettings>
>
