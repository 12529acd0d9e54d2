import { Text2LiveError } from '../errors.js'
import { runFiles } from './runFiles.js'
import type { RunStore } from './store.js'

/** Greatest size of a config.yaml, bytes. */
export const maxConfigBytes = 1 << 20

/** The text of a run's config.yaml. @throws RUN_INVALID */
export async function readRunConfig(store: Pick<RunStore, 'file' | 'read'>): Promise<string> {
  const path = store.file(runFiles.config)
  const bytes = await store.read(runFiles.config)
  if (bytes === null)
    throw new Text2LiveError(
      'RUN_INVALID',
      `There should be a configuration of a run at "${path}", but there is nothing. Give the folder that a run was written to.`,
    )
  if (bytes.length > maxConfigBytes)
    throw new Text2LiveError(
      'RUN_INVALID',
      `"${path}" should have at most ${maxConfigBytes} bytes as a file of a run, but it has ${bytes.length}. Take another copy of the run.`,
    )
  return new TextDecoder().decode(bytes)
}
