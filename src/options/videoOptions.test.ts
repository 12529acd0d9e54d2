import { expect, test } from 'vitest'
import { readTableConfig } from './configFile.js'
import { optionGroups } from './optionRow.js'
import { settingNamesOf } from './optionTable.js'
import { resolveVideoSettings } from './resolveVideoSettings.js'
import { type GivenVideoOptions, videoOptions } from './videoOptions.js'
import { videoPresets } from './videoPresets.js'
import { videoTable } from './videoTable.js'
import { writeTableConfig } from './writeConfig.js'

/** Every key of the published video_config.yaml with its published value (facts; comments left out). */
const publishedVideoConfig = `
seed: -1
device: cuda
use_wandb: False
wandb_project: project_name
wandb_entity: project_entity
results_folder: results
resx: 768
resy: 432
example_config: "car-turn_winter.yaml"
save_model_starting_epoch: 900
multiply_foreground_alpha: True
flip_p: 0.5
n_aug: 6
clip_affine_transform_fill: 0
clip_model_name: "ViT-B/32"
text_criterion: spherical
bootstrap_text: ""
bootstrap_scheduler: none
bootstrap_epoch: -1
use_negative_bootstrap: False
lambda_bootstrap_min: 0
bootstrap_negative_text: []
bootstrap_negative_map_threshold: 0.6
bootstrapping_min_cover: 1
relevancy_num_layers: 10
lambda_screen: 1
lambda_sparsity: 0.1
lambda_alpha_l0: 0.005
lambda_alpha_l1: 0.01
lambda_structure: 3
lambda_bootstrap: 10
lambda_clip: 1
lambda_composition: 1
n_epochs: 3000
gamma: 0.999
min_lr: 0.00001
lr: 0.0025
optimizer: madgrad
skip_n33d: 128
skip_n33u: 128
skip_n11: 4
num_scales: 7
log_images_freq: 500
center_frame_distance: 2
input_entire_atlas: True
entire_atlas_every: 75
return_atlas_alpha: False
grid_atlas_resolution: 2000
align_corners: False
crops_min_cover: 0.95
masks_border_expansion: 30
mask_alpha_threshold: 0.95
`

const rusty = `
finetune_background: False
finetune_foreground: True
checkpoint_path: data/pretrained_nla_models/car-turn/checkpoint
maximum_number_of_frames: 70
screen_text: ["rusty jeep"]
comp_text: ["rusty jeep"]
src_text: ["jeep"]
bootstrap_epoch: 3000
bootstrap_text: "car"
`

const winter = `
finetune_background: True
finetune_foreground: False
checkpoint_path: data/pretrained_nla_models/lucia/checkpoint
maximum_number_of_frames: 70
screen_text: ["winter scene", "snow everywhere"]
comp_text: ["winter in park", "snowy park"]
src_text: ["park","city park"]
n_epochs: 1500
`

const read = (text: string, name: string): GivenVideoOptions =>
  readTableConfig<GivenVideoOptions>(videoTable, text, name).options

test('the published config is the preset reference', () => {
  const { options, notes } = readTableConfig<GivenVideoOptions>(videoTable, publishedVideoConfig, 'video_config.yaml')
  const settings = resolveVideoSettings([{ preset: 'fast' }, options], () => 3)
  const reference = resolveVideoSettings([{ preset: 'reference' }], () => 3)
  const named: readonly (keyof GivenVideoOptions)[] = [
    'steps',
    'size',
    'views',
    'viewFill',
    'flipProbability',
    'cropsMinCover',
    'lambdaScreen',
    'lambdaSparsity',
    'lambdaAlphaL0',
    'lambdaAlphaL1',
    'lambdaStructure',
    'lambdaBootstrap',
    'lambdaBootstrapMin',
    'lambdaComposition',
    'bootstrapSchedule',
    'learningRate',
    'learningRateDecay',
    'minLearningRate',
    'generatorWidth',
    'generatorLevels',
    'previewEvery',
    'frameDistance',
    'wholeAtlasEvery',
    'atlasSize',
    'boxBorder',
    'opacityThreshold',
    'seed',
  ]
  for (const name of named)
    expect(settings[name as keyof typeof settings], name).toEqual(reference[name as keyof typeof reference])
  expect(notes[0]).toContain('lambda_clip (the published code does not read it)')
})

test('the examples of the published code are laid over it', () => {
  const car = resolveVideoSettings(
    [{ preset: 'reference' }, read(publishedVideoConfig, 'video_config.yaml'), read(rusty, 'rusty.yaml')],
    () => 0,
  )
  expect(car).toMatchObject({
    layer: 'foreground',
    atlas: 'data/pretrained_nla_models/car-turn/checkpoint',
    frames: 70,
    prompt: ['rusty jeep'],
    source: ['jeep'],
    region: ['car'],
    bootstrapSteps: 3000,
  })
  const lucia = resolveVideoSettings(
    [{ preset: 'reference' }, read(publishedVideoConfig, 'video_config.yaml'), read(winter, 'winter.yaml')],
    () => 0,
  )
  expect(lucia).toMatchObject({
    layer: 'background',
    steps: 1500,
    screen: ['winter scene', 'snow everywhere'],
    region: [],
  })
})

test('every preset resolves and is read back from its config file', () => {
  for (const preset of Object.keys(videoPresets) as (keyof typeof videoPresets)[]) {
    const settings = resolveVideoSettings(
      [{ preset, clip: 'swan.mp4', prompt: 'golden swan', region: ['swan'] }],
      () => 7,
    )
    expect(settings.seed).toBe(7)
    expect(resolveVideoSettings([read(writeTableConfig(videoTable, settings), 'config.yaml')], () => 0)).toEqual(
      settings,
    )
    expect(Object.keys(settings)).toEqual(settingNamesOf(videoTable))
  }
})

test('rows stand under a known heading, and what cannot be is refused', () => {
  for (const row of Object.values(videoOptions)) expect(Object.keys(optionGroups)).toContain(row.group)
  const refused = (options: GivenVideoOptions) => () => resolveVideoSettings([options], () => 0)
  expect(refused({ point: 'left' })).toThrow('--point takes x,y')
  expect(refused({ trainSize: 130 })).toThrow('--train-size 136')
  expect(refused({ scaleMin: 1.5 })).toThrow('--scale-max')
  expect(() => read('align_corners: True', 'my.yaml')).toThrow('can only be false')
})

test('integer products are asked for, and not of the presets that compute as published', () => {
  const settings = (options: GivenVideoOptions) => resolveVideoSettings([{ ...options, seed: 1 }], () => 1)
  expect(settings({}).precision).toBe('float32')
  expect(settings({ precision: 'int8' }).precision).toBe('int8')
  expect(() => settings({ preset: 'reference', precision: 'int8' })).toThrow(/the preset reference is to compute/)
})
