import { imageOptions } from './imageOptions.js'
import type { GivenOf, OptionRow, PresetOf, SettingsOf } from './optionRow.js'

const {
  prompt,
  screen,
  source,
  region,
  truncate,
  mask,
  over,
  preset,
  steps,
  size,
  seed,
  device,
  threads,
  precision,
  guidance,
  config,
  out,
  force,
  json,
  previewEvery,
} = imageOptions
const {
  learningRate,
  learningRateDecay,
  minLearningRate,
  weightDecay,
  momentum,
  start,
  generatorWidth,
  generatorLevels,
} = imageOptions
const {
  lambdaComposition,
  lambdaDirectional,
  lambdaScreen,
  lambdaStructure,
  lambdaSparsity,
  lambdaAlphaL0,
  lambdaAlphaL1,
  sparsityMap,
  regionBound,
  textSampling,
} = imageOptions
const { lambdaBootstrap, lambdaBootstrapMin, bootstrapSteps, bootstrapSchedule, bootstrapItems, relevancy } =
  imageOptions
const { cropsMinCover, flipProbability, jitterProbability, scaleMin, scaleMax, sizes, bucket } = imageOptions
const { views, viewFill, viewSharing, viewSampling, antialias, positionEmbedding } = imageOptions

/**
 * The one table of options for clips, as `imageOptions` for photos; rows of the same meaning are the same rows. Numbers
 * of the method default to those of the published code (configs/video_config.yaml); videoPresets.ts says what each
 * preset changes.
 */
export const videoOptions = {
  clip: {
    type: 'path',
    group: 'clip',
    positional: 0,
    preset: false,
    default: null,
    example: 'swan.mp4',
    help: 'the clip to edit: MP4, MOV, WebM, MKV, AVI, GIF, or a folder of images in the order of their names',
  },
  prompt: {
    ...prompt,
    help: 'what the edited clip shows; repeat for several wordings of the same edit',
    example: '"golden swan"',
  },
  screen,
  source: { ...source, help: 'what the clip shows now', example: '"swan"' },
  region: {
    ...region,
    example: '"swan"',
    help:
      'what the foreground object is called: finds it, where --object or --point does not, and turns the bootstrap loss of the foreground on. With --relevancy object the default is what ' +
      '--source names, else a name that prompt and clip agree on, unless the background alone is edited; "none" turns it off',
  },
  truncate,
  layer: {
    type: 'choice',
    group: 'texts',
    preset: false,
    default: 'foreground',
    example: 'background',
    choices: { foreground: 'the object', background: 'all behind it', both: 'one edit for each' },
    help: 'which layer is edited',
  },
  foregroundPrompt: {
    type: 'texts',
    group: 'texts',
    preset: false,
    default: [],
    example: '"golden swan"',
    help: 'what the edited foreground shows, instead of --prompt (--layer foreground or both)',
  },
  backgroundPrompt: {
    type: 'texts',
    group: 'texts',
    preset: false,
    default: [],
    example: '"frozen lake"',
    help: 'what the edited background shows, instead of --prompt (--layer background or both)',
  },
  foregroundScreen: {
    type: 'texts',
    group: 'texts',
    preset: false,
    default: [],
    example: '"gold"',
    help: "what the foreground's edit layer alone shows; else its prompt, or --screen",
  },
  backgroundScreen: {
    type: 'texts',
    group: 'texts',
    preset: false,
    default: [],
    example: '"ice"',
    help: "what the background's edit layer alone shows; else its prompt, or --screen",
  },
  foregroundSource: {
    type: 'texts',
    group: 'texts',
    preset: false,
    default: [],
    example: '"swan"',
    help: 'what the foreground shows now, instead of --source (--layer foreground or both)',
  },
  backgroundSource: {
    type: 'texts',
    group: 'texts',
    preset: false,
    default: [],
    example: '"lake"',
    help: 'what the background shows now, instead of --source (--layer background or both)',
  },
  backgroundRegion: {
    type: 'texts',
    group: 'texts',
    preset: false,
    default: [],
    example: '"water"',
    help: 'where in the background its edit goes; turns the bootstrap loss of the background on',
  },

  object: {
    type: 'path',
    group: 'clip',
    preset: false,
    default: null,
    example: 'masks/',
    help: 'the foreground object: a mask of one frame, or a folder of masks named as the frames',
  },
  point: {
    type: 'text',
    group: 'clip',
    preset: false,
    default: null,
    example: '400,220,0',
    help: 'a pixel on the foreground object: x,y in the first frame, or x,y,frame',
  },
  mask: { ...mask, group: 'clip', help: "a picture of the first frame's size; the edit stays on what is white there" },
  over: {
    ...over,
    group: 'clip',
    example: 'runs/swan-1',
    help: 'a run over the same clip whose edit this one is painted over; repeat for several, the lowest first. The atlas is theirs',
  },
  frames: {
    type: 'integer',
    group: 'clip',
    preset: false,
    min: 5,
    max: 100_000,
    unit: 'frames',
    default: 0,
    example: '50',
    also: { value: 0, meaning: 'all' },
    help: 'frames to use, from the first on; a fitted atlas needs the number it was fitted with',
  },

  preset: {
    ...preset,
    choices: {
      ...preset.choices,
      fast: 'the best clip per minute',
      preview: 'a first impression: the same atlas, fewer steps and views',
    },
  },
  steps: { ...steps, default: 3000, help: 'training steps, of each layer that is edited' },
  size: {
    ...size,
    default: 432,
    example: '432',
    also: { value: 0, meaning: 'the clip as it is' },
    help: 'short side of the frames of the layered atlas; clips are written at the size of the input',
  },
  trainSize: {
    type: 'integer',
    group: 'run',
    preset: true,
    min: 129,
    max: 4096,
    unit: 'px',
    default: 0,
    example: '256',
    also: { value: 0, meaning: 'as --size' },
    help: 'short side of the frames while the edit layer is trained; the layer is then enlarged along the edges of the atlas',
  },
  seed,
  device: {
    ...device,
    help: 'where networks run, to find the object, fit the atlas and train; a device that does not work is an error',
  },
  threads,
  precision,
  guidance,
  config,

  out: { ...out, help: 'run folder to make (default: runs/<clip>-<n>)' },
  force,
  json,
  previewEvery: { ...previewEvery, default: 500 },

  atlas: {
    type: 'text',
    group: 'atlas',
    preset: true,
    default: 'fast',
    example: 'neural',
    help: 'fast: textures and smooth motion, minutes; neural: the networks of layered neural atlases, hours; or the path of a fitted atlas or of a published checkpoint',
  },
  atlasSize: {
    type: 'integer',
    group: 'atlas',
    preset: true,
    min: 64,
    max: 8192,
    unit: 'px',
    default: 2000,
    example: '1000',
    help: 'side of the square image that a neural atlas is rendered to, before it is cropped to what the clip uses',
  },
  atlasIterations: {
    type: 'integer',
    group: 'atlas',
    preset: true,
    min: 1,
    max: 10_000_000,
    unit: 'steps',
    default: 400_000,
    free: true,
    example: '20000',
    help: 'steps of the fit of a neural atlas, after those that fit its mappings to the frames, 100 per frame',
  },
  atlasSampling: {
    type: 'choice',
    group: 'atlas',
    preset: true,
    default: 'reference',
    example: 'fixed',
    choices: {
      reference:
        'as the published code: half a pixel aside in a neural atlas, blending into black at the border of a crop',
      fixed: 'pixel on pixel, crops one pixel wider, the border repeated',
    },
    help: 'how frames read the atlas image',
  },
  boxBorder: {
    type: 'integer',
    group: 'atlas',
    preset: true,
    min: 0,
    max: 1000,
    unit: 'px',
    default: 30,
    example: '10',
    help: 'border around the foreground of each frame: its crops and the foreground atlas reach so far',
  },
  opacityThreshold: {
    type: 'number',
    group: 'atlas',
    preset: true,
    min: 0.01,
    max: 1,
    default: 0.95,
    example: '0.5',
    help: 'from this opacity on a pixel is foreground',
  },

  learningRate,
  learningRateDecay: { ...learningRateDecay, default: 0.999 },
  minLearningRate,
  weightDecay,
  momentum,
  start,
  generatorWidth,
  generatorLevels,
  wholeAtlasEvery: {
    type: 'integer',
    group: 'schedule',
    preset: true,
    min: 1,
    max: 1_000_000,
    unit: 'steps',
    default: 75,
    example: '50',
    also: { value: 0, meaning: 'never' },
    help: 'steps between two where the whole atlas joins the frames',
  },
  wholeAtlasShrink: {
    type: 'integer',
    group: 'schedule',
    preset: true,
    min: 1,
    max: 16,
    default: 3,
    example: '2',
    help: 'the whole background atlas joins with its sides divided by this, or by less where it would be too small for the generator',
  },

  lambdaComposition,
  lambdaDirectional,
  lambdaScreen,
  lambdaStructure: {
    ...lambdaStructure,
    default: 3,
    help: 'weight of the structure loss: the self-similarity of the frames is kept',
  },
  lambdaSparsity: { ...lambdaSparsity, default: 0.1 },
  lambdaAlphaL0: { ...lambdaAlphaL0, default: 0.005 },
  lambdaAlphaL1,
  sparsityMap,
  regionBound,
  textSampling,

  lambdaBootstrap,
  lambdaBootstrapMin,
  bootstrapSteps,
  bootstrapSchedule: { ...bootstrapSchedule, default: 'none' },
  bootstrapItems,
  relevancy: {
    ...relevancy,
    choices: {
      model: 'as coarse as the guidance gives it',
      edges: 'of the foreground its opacity, of the background sharpened along the edges of the atlas',
      object:
        'of the foreground its opacity, of the background the outline of what stands out, where the words mean that; else as edges',
    },
  },

  frameDistance: {
    type: 'integer',
    group: 'examples',
    preset: true,
    min: 1,
    max: 100,
    unit: 'frames',
    default: 2,
    example: '4',
    help: 'distance of the three frames of a step',
  },
  ground: {
    type: 'choice',
    group: 'examples',
    preset: true,
    default: 'black',
    example: 'frame',
    choices: { black: 'alone, on black', frame: 'where it is, in its frame' },
    help: 'how the losses see the edited foreground',
  },
  cropsMinCover: {
    ...cropsMinCover,
    default: 0.95,
    help: "smallest crop of a frame (background) or of the foreground's box, as a share of each side",
  },
  flipProbability,
  jitterProbability,
  scaleMin: { ...scaleMin, default: 1, help: 'smallest random scale of the atlas crop' },
  scaleMax: { ...scaleMax, default: 1, help: 'largest random scale of the atlas crop' },
  sizes,
  bucket,

  views: { ...views, default: 6 },
  viewFill: { ...viewFill, default: 0 },
  viewSharing,
  viewSampling,
  antialias,
  positionEmbedding,
} as const satisfies Readonly<Record<string, OptionRow>>

type VideoOptions = typeof videoOptions

/** Options as the library and the command take them. */
export type GivenVideoOptions = GivenOf<VideoOptions>

/** Every setting of a run, resolved: what config.yaml and a checkpoint hold and what the trainer reads. */
export type VideoSettings = SettingsOf<VideoOptions>

/** The settings a preset may choose. */
export type VideoPresetSettings = PresetOf<VideoOptions>
