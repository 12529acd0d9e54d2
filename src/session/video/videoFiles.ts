import type { LayerName } from '../../atlas/layeredAtlas.js'

/**
 * Names of what a run folder of a clip holds, besides its outputs; the folder also holds a copy of the clip, and of
 * masks.
 */
export const videoFiles = {
  config: 'config.yaml',
  events: 'events.ndjson',
  previews: 'previews',
  /** Masks of the object, one PNG per frame, as the atlas was fitted to them. */
  masks: 'masks',
  /** The fitted atlas; `--atlas <folder>` takes it from here. */
  atlas: 'atlas.safetensors',
  checkpoints: 'checkpoints',
} as const

/** The files a finished run leaves, by the name they have in results. */
export const videoOutputFiles = {
  edited: 'edited.mp4',
  /** As PNGs, where no MP4 can be written. */
  editedFrames: 'edited',
  editLayer: 'edit-layer.webm',
  editLayerFrames: 'edit-layer',
  editLayerProres: 'edit-layer.mov',
  sideBySide: 'side-by-side.mp4',
  foregroundAtlas: 'foreground-atlas.png',
  foregroundEdit: 'foreground-edit.png',
  foregroundPsd: 'foreground-atlas.psd',
  backgroundAtlas: 'background-atlas.png',
  backgroundEdit: 'background-edit.png',
  backgroundPsd: 'background-atlas.psd',
  losses: 'losses.svg',
  metrics: 'metrics.json',
} as const

export type VideoOutputName = keyof typeof videoOutputFiles

/** Files in the folder of checkpoints. `first` is the first pair of frames of a chunk of flow. */
export const checkpointFiles = {
  masks: 'checkpoints/masks.safetensors',
  flow: (first: number) => `checkpoints/flow-${String(first).padStart(5, '0')}.safetensors`,
  atlas: 'checkpoints/atlas.safetensors',
  training: (layer: LayerName) => `checkpoints/training-${layer}.safetensors`,
  edit: (layer: LayerName) => `checkpoints/edit-${layer}.safetensors`,
} as const
