import type { PublishedKey } from './optionTable.js'
import { publishedKeys } from './publishedConfig.js'

/** Keys that both published config files have. */
const shared = [
  'comp_text',
  'screen_text',
  'src_text',
  'bootstrap_text',
  'n_epochs',
  'log_images_freq',
  'crops_min_cover',
  'flip_p',
  'bootstrap_scheduler',
  'bootstrap_epoch',
  'n_aug',
  'clip_affine_transform_fill',
  'gamma',
  'min_lr',
  'lr',
  'bootstrapping_min_cover',
  'text_criterion',
  'use_negative_bootstrap',
  'relevancy_num_layers',
  'optimizer',
  'skip_n33d',
  'skip_n33u',
  'skip_n11',
  'num_scales',
  'use_wandb',
  'wandb_project',
  'wandb_entity',
  'clip_model_name',
  'example_config',
] as const

const negative = 'the negative bootstrap, which alone reads it, is not part of the method'

/** configs/video_config.yaml and configs/video_example_configs/*.yaml of the published code, key by key. */
export const publishedVideoKeys: Readonly<Record<string, PublishedKey>> = {
  ...Object.fromEntries(shared.map((key) => [key, publishedKeys[key]!])),
  finetune_foreground: { option: 'layer', value: 'foreground' },
  finetune_background: { option: 'layer', value: 'background' },
  checkpoint_path: { option: 'atlas' },
  maximum_number_of_frames: { option: 'frames' },

  resy: { option: 'size' },
  resx: { ignored: 'the width follows from the clip and the short side' },
  center_frame_distance: { option: 'frameDistance' },
  entire_atlas_every: { option: 'wholeAtlasEvery' },
  grid_atlas_resolution: { option: 'atlasSize' },
  masks_border_expansion: { option: 'boxBorder' },
  mask_alpha_threshold: { option: 'opacityThreshold' },

  input_entire_atlas: {
    only: true,
    because: 'the whole atlas joins every entire_atlas_every steps (whole-atlas-every: 0 turns that off)',
  },
  multiply_foreground_alpha: { only: true, because: 'the foreground is seen through its opacity' },
  align_corners: { only: false, because: 'a pixel of the atlas covers a square' },

  results_folder: { ignored: 'the run folder is --out, by default runs/<clip>-<n>' },
  save_model_starting_epoch: { ignored: 'checkpoints are written throughout' },
  return_atlas_alpha: { ignored: 'pictures of the atlas are masked by what the clip uses' },
  lambda_clip: { ignored: 'the published code does not read it' },
  bootstrap_negative_text: { ignored: negative },
  bootstrap_negative_map_threshold: { ignored: negative },
}
