import type { RunStore } from '../store.js'
import { checkpoints, videoFiles } from './videoFiles.js'

/**
 * What only a run under way needs: the flow, which is large, and the state of the atlas fit. Edits stay, so that more
 * steps can be trained and pictures made again.
 */
export async function removeTransientCheckpoints(store: RunStore): Promise<void> {
  for (const name of await store.list(videoFiles.checkpoints)) {
    const path = `${videoFiles.checkpoints}/${name}`
    if (path === checkpoints.atlas.file || /^flow-\d+\.safetensors$/.test(name)) await store.remove(path)
  }
}
