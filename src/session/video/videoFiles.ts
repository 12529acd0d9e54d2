import type { LayerName } from '../../atlas/layeredAtlas.js'
import { videoTable } from '../../options/videoTable.js'
import type { CheckpointPlace } from '../checkpoint.js'
import { runFiles } from '../runFiles.js'

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
  /** The clips with layers that somebody painted, by the names of the outputs. */
  painted: 'painted',
  /** Where the edits below came from; their copies are in a folder for each, `belowFolder`. */
  below: runFiles.below,
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

/** Name of an output of a clip's run. */
export type VideoOutputName = keyof typeof videoOutputFiles

/** A stage's checkpoint, in the folder of checkpoints. */
const place = (name: string, stage: string, counted: boolean): CheckpointPlace => ({
  file: `${videoFiles.checkpoints}/${name}.safetensors`,
  stage,
  counted,
  table: videoTable,
})

/** Where the stages of a clip's run go on from. `first` is the first pair of frames of a chunk of flow. */
export const checkpoints = {
  masks: place('masks', 'masks', false),
  flow: (first: number) => place(`flow-${String(first).padStart(5, '0')}`, 'flow', false),
  atlas: place('atlas', 'atlas', true),
  training: (layer: LayerName) => place(`training-${layer}`, `training of the ${layer}`, true),
  edit: (layer: LayerName) => place(`edit-${layer}`, `edit of the ${layer}`, true),
} as const

/** The picture of a layer's training after a step. */
export const clipPreviewFile = (layer: LayerName, step: number): string =>
  `${videoFiles.previews}/${layer}-step-${String(step).padStart(6, '0')}.png`

/** A layer that somebody painted on the atlas, as it was given. */
export const paintedFile = (layer: LayerName): string => `painted-${layer}.png`

/** What a run calls its copy of the edits of a run below; `i` counts from 0. */
export const belowFolder = (i: number): string => `below-${i + 1}`

/** Folders of a clip's run that hold files alone, besides those of the edits below. */
export const clipFolders: readonly string[] = [
  'clip',
  'object',
  videoFiles.masks,
  videoFiles.previews,
  videoFiles.checkpoints,
  videoFiles.painted,
  ...[videoOutputFiles.editedFrames, videoOutputFiles.editLayerFrames].flatMap((folder) => [
    folder,
    `${videoFiles.painted}/${folder}`,
  ]),
]

/** Files of a clip's run that lie right in its folder, besides the clip and its mask; its settings first. */
export const videoFileNames: readonly string[] = [
  videoFiles.config,
  videoFiles.events,
  videoFiles.atlas,
  videoFiles.below,
  paintedFile('foreground'),
  paintedFile('background'),
  ...Object.values(videoOutputFiles).filter((name) => name.includes('.')),
]

/** Is it the name of a file that a clip's run has? Whatever else lies in its folder is not handed out or taken in. */
export function isClipFileName(name: string): boolean {
  const cut = name.lastIndexOf('/')
  const file = name.slice(cut + 1)
  // A name without an ending is a folder's.
  if (!/^[\w-][\w.-]*\.\w+$/.test(file)) return false
  if (cut < 0) return videoFileNames.includes(file) || /^(clip|mask)\.\w+$/.test(file)
  const folder = name.slice(0, cut)
  return clipFolders.includes(folder) || (/^below-\d{1,4}$/.test(folder) && /^(fore|back)ground\.png$/.test(file))
}
