import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writing } from '../fileErrors.js'
import type { RunFolder } from '../runFolder.js'
import { checkpointFiles, videoFiles } from './videoFiles.js'

/**
 * What only a run under way needs: the flow, which is large, and the state of the atlas fit. Edits stay, so that more
 * steps can be trained and pictures made again.
 */
export async function removeTransientCheckpoints(folder: RunFolder): Promise<void> {
  const path = folder.file(videoFiles.checkpoints)
  const names = await readdir(path).catch(() => [])
  for (const name of names) {
    if (name === checkpointFiles.atlas || /^flow-\d+\.safetensors$/.test(name))
      await writing(path, () => rm(join(path, name), { force: true }))
  }
}
