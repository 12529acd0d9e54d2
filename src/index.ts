// The library for Node: everything that `import ... from 'text2live'` gives.
export { Text2LiveError, type ErrorCode } from './errors.js'
export type { FloatImage } from './media/image.js'
export { imageOptions, type GivenOptions, type ImageSettings, type OptionName } from './options/imageOptions.js'
export { presets, type PresetName } from './options/presets.js'
export { editImage, type EditOptions, type EditRun } from './run/editImage.js'
export { outputFiles, type OutputName, type RunEvent, type StepEvent } from './run/events.js'
export type { EditResult } from './run/trainRun.js'
