import { kebabCase, type GivenOf, type OptionRow, type PresetOf, type SettingsOf } from './optionRow.js'

/**
 * The one table of options. The types, the validation, the flags, `--help`, the keys of a config file and docs/options.md
 * are all derived from it: a new option is a new row. Numbers of the method default to those of the published code
 * (configs/image_config.yaml); presets.ts says what each preset changes.
 */
export const imageOptions = {
  photo: {
    type: 'path', group: 'photo', positional: 0, preset: false, default: null, example: 'teapot.jpg',
    help: 'the photo to edit: JPEG, PNG, WebP, AVIF or TIFF',
  },
  prompt: {
    type: 'texts', group: 'texts', positional: 1, preset: false, default: [], example: '"golden teapot"',
    help: 'what the edited photo shows; repeat for several wordings of the same edit',
  },
  screen: {
    type: 'texts', group: 'texts', preset: false, default: [], sameAs: 'prompt', example: '"gold"',
    help: 'what the edit layer alone shows, on a green screen',
  },
  source: {
    type: 'texts', group: 'texts', preset: false, default: ['image'], example: '"teapot"',
    help: 'what the photo shows now',
  },
  region: {
    type: 'texts', group: 'texts', preset: false, default: [], example: '"teapot"',
    help: 'where the edit goes; turns the bootstrap loss on. With --relevancy object the default is what --source names, else what prompt and photo agree on; "none" turns it off',
  },
  truncate: {
    type: 'switch', group: 'texts', preset: false, default: false, example: '',
    help: 'cut a text that is longer than the text model can read, instead of refusing it',
  },
  mask: {
    type: 'path', group: 'photo', preset: false, default: null, example: 'mask.png',
    help: 'a picture of the photo\'s size; the edit stays where it is white',
  },

  preset: {
    type: 'choice', group: 'run', preset: false, default: 'fast', example: 'reference',
    choices: {
      fast: 'the best picture per minute',
      preview: 'a first impression in seconds',
      reference: 'the published code, its habits included',
      paper: 'the numbers of the paper where the published code differs',
    },
    help: 'a table of settings; flags and the config file override it',
  },
  steps: {
    type: 'integer', group: 'run', preset: true, min: 1, max: 1_000_000, unit: 'steps', default: 1000, free: true, example: '200',
    help: 'training steps',
  },
  size: {
    type: 'integer', group: 'run', preset: true, min: 192, max: 4096, unit: 'px', default: 512, example: '256',
    also: { value: 0, meaning: 'the photo as it is' },
    help: 'short side of the photo while training; pictures are written at the photo\'s own size',
  },
  seed: {
    type: 'integer', group: 'run', preset: false, min: 0, max: 4_294_967_295, default: -1, example: '7',
    also: { value: -1, meaning: 'draw one' },
    help: 'seed of every random draw; the same seed gives the same picture on one machine',
  },
  seeds: {
    type: 'integer', group: 'run', preset: false, min: 1, max: 64, default: 1, command: true, example: '4',
    help: 'number of variations, seed, seed + 1, ...; makes a contact sheet',
  },
  device: {
    type: 'choice', group: 'run', preset: false, default: 'auto', free: true, example: 'cpu',
    choices: {
      auto: 'the fastest that works here, announced',
      cpu: 'works everywhere',
      webgpu: 'a graphics card through WebGPU',
      cuda: 'an NVIDIA card, after its extra install',
    },
    help: 'where training runs; a device that does not work is an error',
  },
  threads: {
    type: 'integer', group: 'run', preset: false, min: 1, max: 256, default: 0, free: true, example: '2',
    also: { value: 0, meaning: 'one per core' },
    help: 'CPU threads; another number of threads changes the last digits',
  },
  guidance: {
    type: 'paths', group: 'run', preset: false, default: ['starter'], example: 'openai/clip-vit-base-patch32',
    help: 'image-text model: "starter" (embedded), a known name or owner/name of the hub (fetched once), a folder with a CLIP in the Hugging Face layout, '
      + 'or a .pt file of OpenAI\'s; repeat to average the losses of several',
  },
  config: {
    type: 'paths', group: 'run', preset: false, default: [], command: true, example: 'golden_horse.yaml',
    help: 'a YAML file of options, ours or the published code\'s; repeat to lay one over the other',
  },

  out: {
    type: 'path', group: 'output', short: 'o', preset: false, default: null, command: true, written: true, example: 'runs/gold',
    help: 'run folder to make (default: runs/<photo>-<n>)',
  },
  force: {
    type: 'switch', group: 'output', preset: false, default: false, command: true, example: '',
    help: 'replace the run folder if it exists',
  },
  json: {
    type: 'switch', group: 'output', preset: false, default: false, command: true, example: '',
    help: 'print events as NDJSON on stdout and nothing else',
  },
  previewEvery: {
    type: 'integer', group: 'output', preset: true, min: 1, max: 1_000_000, unit: 'steps', default: 50, free: true, example: '10',
    also: { value: 0, meaning: 'none' },
    help: 'steps between two previews',
  },

  learningRate: {
    type: 'number', group: 'schedule', preset: true, min: 0, exclusiveMin: true, max: 1, default: 2.5e-3, example: '0.001',
    help: 'learning rate of the first step',
  },
  learningRateDecay: {
    type: 'number', group: 'schedule', preset: true, min: 0, exclusiveMin: true, max: 1, default: 0.99, example: '0.995',
    help: 'factor on the learning rate after each step (gamma)',
  },
  minLearningRate: {
    type: 'number', group: 'schedule', preset: true, min: 0, max: 1, default: 1e-5, example: '1e-4',
    help: 'the learning rate never falls below this',
  },
  weightDecay: {
    type: 'number', group: 'schedule', preset: true, min: 0, max: 1, default: 0.01, example: '0',
    help: 'weight decay of MADGRAD',
  },
  momentum: {
    type: 'number', group: 'schedule', preset: true, min: 0, max: 0.9999, default: 0.9, example: '0.8',
    help: 'momentum of MADGRAD',
  },
  start: {
    type: 'choice', group: 'schedule', preset: true, default: 'random', example: 'random',
    choices: { learned: 'first weights learned over many photos and prompts, for 64 channels and 7 levels', random: 'drawn from the seed, as published' },
    help: 'first weights of the generator',
  },
  generatorWidth: {
    type: 'integer', group: 'schedule', preset: true, min: 8, max: 512, unit: 'channels', default: 128, example: '64',
    help: 'channels of every layer of the generator',
  },
  generatorLevels: {
    type: 'integer', group: 'schedule', preset: true, min: 2, max: 7, unit: 'levels', default: 7, example: '6',
    help: 'times the generator halves the picture: fewer see less of it at once',
  },
  wholeImageEvery: {
    type: 'integer', group: 'schedule', preset: true, min: 1, max: 1_000_000, unit: 'steps', default: 75, example: '50',
    also: { value: 0, meaning: 'never' },
    help: 'steps between two where the whole photo joins the internal example',
  },

  lambdaComposition: {
    type: 'number', group: 'losses', preset: true, min: 0, max: 1000, default: 1, example: '2',
    help: 'weight of the composition loss: the composite matches the prompt',
  },
  lambdaDirectional: {
    type: 'number', group: 'losses', preset: true, min: 0, max: 1000, default: null, sameAs: 'lambdaComposition', example: '2',
    help: 'weight of the directional loss: the change matches the change from source to prompt',
  },
  lambdaScreen: {
    type: 'number', group: 'losses', preset: true, min: 0, max: 1000, default: 1, example: '0.5',
    help: 'weight of the screen loss: the edit layer on a green screen matches the screen text',
  },
  lambdaStructure: {
    type: 'number', group: 'losses', preset: true, min: 0, max: 1000, default: 2, example: '3',
    help: 'weight of the structure loss: the self-similarity of the photo is kept',
  },
  lambdaSparsity: {
    type: 'number', group: 'losses', preset: true, min: 0, max: 1000, default: 6, example: '8',
    help: 'weight of the sparsity loss: alpha is small and mostly zero',
  },
  lambdaAlphaL0: {
    type: 'number', group: 'losses', preset: true, min: 0, max: 1000, default: 0.01, example: '0.02',
    help: 'weight of the pseudo-L0 part inside the sparsity loss',
  },
  lambdaAlphaL1: {
    type: 'number', group: 'losses', preset: true, min: 0, max: 1000, default: 0.01, example: '0.02',
    help: 'weight of the L1 part inside the sparsity loss',
  },
  sparsityMap: {
    type: 'number', group: 'losses', preset: true, min: 0, max: 1000, default: 0, example: '1',
    help: 'extra sparsity where the relevancy of the region is low; 0 treats all places alike; needs --relevancy object or edges, refused with model',
  },
  regionBound: {
    type: 'number', group: 'losses', preset: true, min: 0, max: 1, default: 0, example: '0.5',
    help: 'how far the relevancy of the region bounds alpha, as a mask would: 0 not at all, 1 fully; needs --relevancy object or edges, refused with model',
  },
  textSampling: {
    type: 'choice', group: 'losses', preset: true, default: 'subset', example: 'one',
    choices: { subset: 'a random subset of all wordings per loss', one: 'one random template per step' },
    help: 'how many wordings of the texts a step compares with',
  },

  lambdaBootstrap: {
    type: 'number', group: 'bootstrap', preset: true, min: 0, max: 1000, default: 10, example: '5',
    help: 'weight of the bootstrap loss: alpha starts as the relevancy of the region',
  },
  lambdaBootstrapMin: {
    type: 'number', group: 'bootstrap', preset: true, min: 0, max: 1000, default: 0, example: '1',
    help: 'the bootstrap weight never falls below this while the bootstrap lasts',
  },
  bootstrapSteps: {
    type: 'integer', group: 'bootstrap', preset: true, min: 0, max: 1_000_000, unit: 'steps', default: null, sameAs: 'steps', example: '100',
    help: 'steps the bootstrap loss lasts',
  },
  bootstrapSchedule: {
    type: 'choice', group: 'bootstrap', preset: true, default: 'linear', example: 'none',
    choices: { linear: 'falls to zero over its steps', exponential: 'times 0.99 each step', none: 'constant' },
    help: 'how the bootstrap weight falls',
  },
  bootstrapItems: {
    type: 'choice', group: 'bootstrap', preset: true, default: 'last', example: 'all',
    choices: { last: 'the last item of the step, divided by all of them', all: 'the mean over the items' },
    help: 'which items of a step the bootstrap loss reads',
  },
  relevancy: {
    type: 'choice', group: 'bootstrap', preset: true, default: 'model', example: 'object',
    choices: {
      model: 'as coarse as the guidance gives it', edges: 'sharpened along the edges of the photo',
      object: 'the outline of what stands out, where the words mean that; else as edges',
    },
    help: 'the relevancy map that alpha follows',
  },

  cropsMinCover: {
    type: 'number', group: 'examples', preset: true, min: 0.1, max: 1, default: 0.85, example: '0.9',
    help: 'smallest crop of the photo, as a share of each side',
  },
  flipProbability: {
    type: 'number', group: 'examples', preset: true, min: 0, max: 1, default: 0.5, example: '0',
    help: 'probability of a mirror image',
  },
  jitterProbability: {
    type: 'number', group: 'examples', preset: true, min: 0, max: 1, default: 0.1, example: '0',
    help: 'probability of a change of brightness, contrast, saturation and hue',
  },
  scaleMin: {
    type: 'number', group: 'examples', preset: true, min: 0.1, max: 4, default: 0.8, example: '0.9',
    help: 'smallest random scale',
  },
  scaleMax: {
    type: 'number', group: 'examples', preset: true, min: 0.1, max: 4, default: 1.2, example: '1.1',
    help: 'largest random scale',
  },
  sizes: {
    type: 'choice', group: 'examples', preset: true, default: 'exact', example: 'buckets',
    choices: { exact: 'any size; each new one compiles a graph', buckets: 'sides are multiples of --bucket, so few graphs serve' },
    help: 'sizes a crop may have; the picture is never distorted',
  },
  bucket: {
    type: 'integer', group: 'examples', preset: true, min: 1, max: 512, unit: 'px', default: 32, example: '16',
    help: 'grid of crop sizes when --sizes is buckets',
  },

  views: {
    type: 'integer', group: 'views', preset: true, min: 1, max: 256, default: 16, example: '8',
    help: 'augmented views of each picture that the guidance sees per step',
  },
  viewFill: {
    type: 'number', group: 'views', preset: true, min: 0, max: 1, default: 1, example: '0',
    help: 'grey value outside the picture in a rotated or tilted view; 1 is white',
  },
  viewSharing: {
    type: 'choice', group: 'views', preset: true, default: 'none', example: 'all',
    choices: {
      none: 'every loss draws its own views',
      losses: 'composition and directional loss read the same views of the composite',
      all: 'and the photo is seen through the same draws as the composite',
    },
    help: 'which encodings share their views',
  },
  viewSampling: {
    type: 'choice', group: 'views', preset: true, default: 'sequential', example: 'composed',
    choices: { sequential: 'resample for each warp in turn', composed: 'compose the warps and sample once' },
    help: 'how crop, resize, affine and perspective are applied',
  },
  antialias: {
    type: 'switch', group: 'views', preset: true, default: false, example: '',
    help: 'smooth before shrinking a picture to the size the guidance sees',
  },
  positionEmbedding: {
    type: 'choice', group: 'views', preset: true, default: 'reference', example: 'fixed',
    choices: { reference: 'as the published code, rows and columns exchanged on wide or tall views', fixed: 'rows are rows' },
    help: 'how the position embedding of a ViT is stretched to views that are not square',
  },
} as const satisfies Readonly<Record<string, OptionRow>>

export type ImageOptions = typeof imageOptions
export type OptionName = keyof ImageOptions

/** Options as the library and the command take them: any subset; `null` or absent means "not set"; one text may stand for a list. */
export type GivenOptions = GivenOf<ImageOptions>

/** Every setting of a run, resolved: what config.yaml and a checkpoint hold and what the trainer reads. */
export type ImageSettings = SettingsOf<ImageOptions>
type SettingName = keyof ImageSettings

/** The settings a preset may choose. */
export type PresetSettings = PresetOf<ImageOptions>

export const optionNames = Object.keys(imageOptions) as OptionName[]

/** The row of an option, as the union type (the literal types of the table are for deriving types). */
export const optionRow = (name: OptionName): OptionRow => imageOptions[name]

/** Options that are settings of a run (all but those that only steer the command). */
export const settingNames = optionNames.filter((name) => optionRow(name).command !== true) as SettingName[]

/** The long flag of an option, as typed: `--learning-rate`. */
export const optionFlag = (name: OptionName): string => `--${kebabCase(name)}`
