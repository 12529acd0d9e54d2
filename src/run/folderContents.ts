import type { ImageSettings } from '../options/imageOptions.js'
import { writeConfig } from '../options/writeConfig.js'
import type { ImageInput } from './imageInput.js'
import { runFiles } from './runFolder.js'

/** The files a run folder begins with: the photo and mask as they were given, and the settings. */
export function folderContents(settings: ImageSettings, input: ImageInput, seeds: number): Record<string, Uint8Array | string> {
  return {
    ...(settings.photo === null ? {} : { [settings.photo]: input.photo.bytes }),
    ...(input.mask === null || settings.mask === null ? {} : { [settings.mask]: input.mask.bytes }),
    [runFiles.config]: writeConfig(settings, seeds),
  }
}
