import type { PublishedKey } from './optionTable.js'

/** configs/image_config.yaml and configs/image_example_configs/*.yaml of the published code, key by key. */
export const publishedKeys: Readonly<Record<string, PublishedKey>> = {
  image_path: { option: 'photo' },
  comp_text: { option: 'prompt' },
  screen_text: { option: 'screen' },
  src_text: { option: 'source' },
  bootstrap_text: { option: 'region', off: '' },

  n_epochs: { option: 'steps' },
  resize_input: { option: 'size' },
  log_images_freq: { option: 'previewEvery' },
  source_image_every: { option: 'wholeImageEvery' },
  crops_min_cover: { option: 'cropsMinCover' },
  flip_p: { option: 'flipProbability' },
  jitter_p: { option: 'jitterProbability' },

  bootstrap_scheduler: { option: 'bootstrapSchedule' },
  bootstrap_epoch: { option: 'bootstrapSteps', off: -1 },
  n_aug: { option: 'views' },
  clip_affine_transform_fill: { option: 'viewFill' },
  gamma: { option: 'learningRateDecay' },
  min_lr: { option: 'minLearningRate' },
  lr: { option: 'learningRate' },

  bootstrapping_min_cover: { only: 1, because: 'the bootstrap loss reads the whole picture' },
  text_criterion: { only: 'spherical', because: 'the composition loss is the spherical distance' },
  use_negative_bootstrap: { only: false, because: 'the negative bootstrap is not part of the method' },
  relevancy_num_layers: { only: 10, because: 'relevancy reads the last block alone' },
  optimizer: { only: 'madgrad', because: 'MADGRAD is the optimizer of the method' },
  scheduler_policy: { only: 'exponential', because: 'the learning rate decays exponentially' },
  d_divisible_crops: { only: 1, because: 'crops keep their size; use sizes: buckets and bucket for a grid' },
  skip_n33d: { option: 'generatorWidth' },
  skip_n33u: { follows: 'skip_n33d', or: 128, because: 'encoder and decoder of the generator have one width' },
  skip_n11: { only: 4, because: 'the skips of the generator have 4 channels, as published' },
  num_scales: { option: 'generatorLevels' },

  use_wandb: { ignored: 'events are written to events.ndjson' },
  wandb_project: { ignored: 'events are written to events.ndjson' },
  wandb_entity: { ignored: 'events are written to events.ndjson' },
  results_folder: { ignored: 'the run folder is --out, by default runs/<photo>-<n>' },
  clip_model_name: { ignored: 'the guidance is --guidance, by default the embedded starter model' },
  example_config: { ignored: 'pass each file with its own --config' },
}

/** Keys that are spelled the same in both; in a published file `device` names a machine we cannot know. */
export const publishedDeviceNote = 'the device is --device, by default the fastest that works here'
