import { expect, test } from 'vitest'
import { readConfig } from './configFile.js'
import { settingNames } from './imageOptions.js'
import { resolveSettings } from './resolveSettings.js'
import { writeConfig } from './writeConfig.js'

function failure(text: string): string {
  try {
    readConfig(text, 'my.yaml')
  } catch (error) {
    return `${(error as { code: string }).code}: ${(error as Error).message}`
  }
  return 'no error'
}

/** Every key of the published image_config.yaml with its published value (facts; comments left out). */
const publishedImageConfig = `
seed: -1
use_wandb: False
wandb_project: project_name
wandb_entity: project_entity
device: cuda
log_images_freq: 50
results_folder: "results"
resize_input: 512
d_divisible_crops: 1
source_image_every: 75
crops_min_cover: 0.85
flip_p: 0.5
jitter_p: 0.1
scale_min: 0.8
scale_max: 1.2
bootstrap_scheduler: linear
text_criterion: spherical
bootstrap_epoch: -1
lambda_bootstrap: 10
lambda_bootstrap_min: 0
bootstrapping_min_cover: 1
lambda_structure: 2
lambda_screen: 1
lambda_sparsity: 6
lambda_alpha_l0: 0.01
lambda_alpha_l1: 0.01
lambda_composition: 1
use_negative_bootstrap: False
n_aug: 16
clip_model_name: "ViT-B/32"
relevancy_num_layers: 10
clip_affine_transform_fill: 1
n_epochs: 1000
scheduler_policy: exponential
gamma: 0.99
min_lr: 0.00001
lr: 0.0025
optimizer: madgrad
skip_n33d: 128
skip_n33u: 128
skip_n11: 4
num_scales: 7
`

const publishedHorse = `
image_path: "./data/images/horse.jpg"
screen_text: "golden horse"
comp_text: ["golden horse", "a horse of gold"]
src_text: "horse"
bootstrap_text: "horse"
bootstrap_epoch: 1000
`

test('reads the published image_config.yaml: the numbers of the reference preset', () => {
  const { options, notes, published } = readConfig(publishedImageConfig, 'image_config.yaml')
  expect(published).toBe(true)
  expect(notes).toHaveLength(1)
  const reference = resolveSettings([{ preset: 'reference' }], () => 5)
  const mapped = resolveSettings([{ preset: 'fast' }, options], () => 5)
  for (const name of settingNames.filter((name) => options[name] !== undefined))
    expect(mapped[name], name).toEqual(reference[name])
  expect(Object.keys(options)).toHaveLength(26)
  expect(notes[0]).toMatch(
    /^image_config\.yaml is a configuration of the published code\. It sets --seed -1, --preview-every 50, --size 512, .*--generator-levels 7\. /,
  )
  expect(notes[0]).toMatch(
    /Ignored: use_wandb, wandb_project, wandb_entity \(events are written to events\.ndjson\); device \(.*\); results_folder \(.*\); clip_model_name \(.*\)\.$/,
  )
})

/** The published template, as it comes: a person is to fill in what is empty. */
const publishedTemplate =
  'image_path: "" # path\nscreen_text: ""\ncomp_text: ["", " "]\nsrc_text: ["cat", ""]\nbootstrap_text: "cat"\nbootstrap_epoch: 100\n'

test('what is empty in a published file is not given', () => {
  const { options, notes } = readConfig(publishedTemplate, 'template.yaml')
  expect(options).toEqual({ source: ['cat'], region: ['cat'], bootstrapSteps: 100 })
  expect(notes).toEqual([
    'template.yaml is a configuration of the published code. It sets --source "cat", --region "cat", --bootstrap-steps 100. ' +
      'Ignored: image_path, screen_text, comp_text (empty, so not given).',
  ])
  const layers = [readConfig(publishedTemplate, 'template.yaml').options, { photo: 'cat.jpg', prompt: 'a golden cat' }]
  expect(resolveSettings(layers, () => 5)).toMatchObject({
    photo: 'cat.jpg',
    prompt: ['a golden cat'],
    screen: ['a golden cat'],
    source: ['cat'],
  })
  expect(failure('prompt: ""')).toMatch(/^PROMPT_EMPTY: /)
})

test('a smaller published generator is taken: the width of both halves, and the levels', () => {
  expect(readConfig('skip_n33d: 64\nskip_n33u: 64\nnum_scales: 6\n', 'a.yaml').options).toEqual({
    generatorWidth: 64,
    generatorLevels: 6,
  })
  expect(readConfig('skip_n33u: 32\nskip_n33d: 32\n', 'a.yaml').options).toEqual({ generatorWidth: 32 })
  expect(readConfig('skip_n33u: 128\n', 'a.yaml').options).toEqual({})
  expect(failure('skip_n33d: 64\nskip_n33u: 128\n')).toBe(
    'CONFIG_INVALID: skip_n33u (my.yaml:2) must be what skip_n33d is, since encoder and decoder of the generator have ' +
      'one width; got 128, and skip_n33d is 64. Set both to one value.',
  )
  expect(failure('num_scales: 8\n')).toBe(
    'OPTION_INVALID: num_scales (my.yaml:1) takes a whole number from 2 to 7 (levels); got 8.',
  )
})

test('a key of the other command is named as such', () => {
  expect(failure('resx: 768')).toBe(
    'CONFIG_UNKNOWN_KEY: my.yaml:1: "resx" is an option for clips only. Give the file to text2live video, or remove the line.',
  )
})

test('reads a published example: photo and texts come from it', () => {
  const base = readConfig(publishedImageConfig, 'image_config.yaml').options
  const { options } = readConfig(publishedHorse, 'golden_horse.yaml')
  expect(options).toEqual({
    photo: './data/images/horse.jpg',
    prompt: ['golden horse', 'a horse of gold'],
    screen: ['golden horse'],
    source: ['horse'],
    region: ['horse'],
    bootstrapSteps: 1000,
  })
  expect(resolveSettings([base, options], () => 5)).toMatchObject({
    steps: 1000,
    bootstrapSteps: 1000,
    region: ['horse'],
  })
})

test('bootstrap_epoch -1 turns the bootstrap off in a file that names a region, and says nothing otherwise', () => {
  expect(readConfig('bootstrap_text: horse\nbootstrap_epoch: -1', 'a.yaml').options.bootstrapSteps).toBe(0)
  expect(readConfig('bootstrap_epoch: -1', 'a.yaml').options).toEqual({})
})

test('takes our own keys in camelCase, kebab-case and with underscores', () => {
  const { options, published } = readConfig(
    'learningRate: 0.001\nlambda-sparsity: 3\nlambda_alpha_l1: 0.02\ndevice: cpu\nregion: [sky, cloud]\nmask:\n',
    'a.yaml',
  )
  expect(options).toEqual({
    learningRate: 0.001,
    lambdaSparsity: 3,
    lambdaAlphaL1: 0.02,
    device: 'cpu',
    region: ['sky', 'cloud'],
  })
  expect(published).toBe(false)
  expect(readConfig('', 'empty.yaml').options).toEqual({})
})

test('writes settings that it reads back', () => {
  const settings = resolveSettings([{ prompt: ['gold: "yes" # no', 'ÿ\n'], photo: 'photo.jpg', seed: 4 }], () => 0)
  const { options } = readConfig(writeConfig(settings), 'config.yaml')
  expect(
    resolveSettings([options], () => {
      throw new Error('seed lost')
    }),
  ).toEqual(settings)
})

test('follows anchors', () => {
  expect(readConfig('prompt: &p [gold]\nscreen: *p\n', 'a.yaml').options).toEqual({
    prompt: ['gold'],
    screen: ['gold'],
  })
})

test.each([
  [
    'prompt: "a\nsteps: 3\n',
    'CONFIG_INVALID: my.yaml is not valid YAML, at line 3, column 1:\n  \n  ^\nMissing closing "quote. Correct that line.',
  ],
  [
    'steps: 3\n\tviews: 2\n',
    'CONFIG_INVALID: my.yaml is not valid YAML, at line 2, column 1:\n  \tviews: 2\n  ^\n' +
      'Tabs are not allowed as indentation. Correct that line.',
  ],
  [
    '- steps\n',
    'CONFIG_INVALID: my.yaml must be a list of "option: value" lines, for example "prompt: golden teapot"; got something else, at line 1, column 1:\n  - steps\n  ^',
  ],
  [
    'steps: 3\nlerning_rate: 1\n',
    'CONFIG_UNKNOWN_KEY: my.yaml:2: there is no option "lerning_rate". The nearest is "learningRate". ' +
      'Correct the name or remove the line; docs/options.md lists all.',
  ],
  [
    'n_augs: 3',
    'CONFIG_UNKNOWN_KEY: my.yaml:1: there is no option "n_augs". The nearest is "n_aug". Correct the name or remove the line; docs/options.md lists all.',
  ],
  ['steps: many', 'OPTION_INVALID: steps (my.yaml:1) takes a whole number from 1 to 1000000 (steps); got "many".'],
  ['n_aug: 0', 'OPTION_INVALID: n_aug (my.yaml:1) takes a whole number from 1 to 256; got 0.'],
  [
    'prompt: ""',
    'PROMPT_EMPTY: prompt (my.yaml:1) takes words, for example "golden teapot"; got an empty text. Give a text or leave prompt (my.yaml:1) out.',
  ],
  [
    'optimizer: adam',
    'CONFIG_INVALID: optimizer (my.yaml:1) can only be madgrad here, since MADGRAD is the optimizer of the method; got "adam". ' +
      'Remove the line or set it to madgrad.',
  ],
  [
    'configVersion: 2',
    'CONFIG_INVALID: my.yaml:1: this program reads configVersion 1; got 2. Use the version of text2live that wrote the file.',
  ],
])('refuses %j', (text, message) => {
  expect(failure(text)).toBe(message)
})

test('a run of a version without an option has what it was made with, a file of a person the preset', () => {
  const made = (text: string) => resolveSettings([readConfig(text, 'a.yaml').options], () => 1).lambdaColour
  const said = 'preset: fast\nprompt: a\n'
  expect(made(`configVersion: 1\n${said}`)).toBe(0)
  expect(made(`configVersion: 1\n${said}lambdaColour: 3\n`)).toBe(3)
  expect(made(said)).toBeGreaterThan(0)
})

test.each([
  ['hundreds of thousands of keys', Array.from({ length: 300_000 }, (_, i) => `k${i}:\n`).join('')],
  ['the same key again and again', 'steps:\n'.repeat(100_000)],
  ['brackets', '['.repeat(100_000)],
  ['closing brackets', ']'.repeat(100_000)],
  ['commas', `prompt: [${','.repeat(100_000)}`],
  ['dashes', '- '.repeat(9_000)],
  ['maps in maps', '{a: '.repeat(4_000)],
  ['questions', '? '.repeat(9_000)],
  [
    'references',
    `prompt: &a [x]\n${Array.from(
      { length: 9 },
      (_, i) =>
        `b${i}: &b${i} [${Array(9)
          .fill(i === 0 ? '*a' : `*b${i - 1}`)
          .join(',')}]\n`,
    ).join('')}`,
  ],
  ['documents', '---\n'.repeat(30_000)],
  ['more than a megabyte', `prompt: "${'x'.repeat(2 ** 20)}"`],
])(
  'a file of %s is refused in a moment',
  (_, text) => {
    expect(failure(text)).toMatch(/^CONFIG_INVALID: my\.yaml /)
  },
  20_000,
)

test('values that hold themselves, and keys that are no words, are refused', () => {
  expect(failure('steps: &a [*a]')).toMatch(/^(CONFIG|OPTION)_INVALID: /)
  expect(failure('? [a, b]\n: 1')).toBe(
    'CONFIG_INVALID: my.yaml has a key that is no word, number or text. Write "option: value" lines, for example "prompt: golden teapot".',
  )
})

test('control characters in a file are shown as escapes', () => {
  expect(failure('prompt: "a\n\u001b[2J\u001b]0;owned\u0007')).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/)
  expect(failure('"\\e[2J\\x9b31m": 1')).toContain('there is no option "\\x1b[2J\\x9b31m"')
})

test('config.yaml holds them as escapes, and gives them back', () => {
  const prompt = ['a\u001b[2J', '\u009b31m', '\u202egpj', 'plain 茶壶']
  const text = writeConfig(resolveSettings([{ photo: 'x', prompt, source: ['s'] }], () => 7))
  expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/)
  expect(text).toContain('- plain 茶壶')
  expect(readConfig(text, 'my.yaml').options.prompt).toEqual(prompt)
})
