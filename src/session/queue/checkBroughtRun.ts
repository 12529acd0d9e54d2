import { Text2LiveError } from '../../errors.js'
import type { ImageCodec } from '../../media/imageCodec.js'
import { assertSameRun, readCheckpoint } from '../checkpoint.js'
import { checkedEvents } from '../eventLog.js'
import { outputFiles } from '../events.js'
import { runFiles } from '../runFiles.js'
import { pictureIn, readRun } from '../savedRun.js'
import type { RunStore } from '../store.js'
import { fingerprintOf } from '../trainRun.js'

/**
 * The files of a run folder that may come from anybody, as a run begins with them: those alone that a run has, each
 * read and checked as it will be when the run goes on.
 * @param files by their names in the folder
 * @param name what messages call the run
 * @throws RUN_INVALID, CONFIG_*, INPUT_*, MASK_INVALID, SAFETENSORS_INVALID, CHECKPOINT_INVALID, CHECKPOINT_MISMATCH
 */
export async function checkBroughtRun(
  files: ReadonlyMap<string, Uint8Array>,
  name: string,
  codec: ImageCodec,
): Promise<Record<string, Uint8Array>> {
  const store: Pick<RunStore, 'file' | 'read'> = {
    file: (file) => `${name}/${file}`,
    read: (file) => Promise.resolve(files.get(file) ?? null),
  }
  const { settings, seeds, input } = await readRun({ store, machine: { codec }, find: pictureIn(store) })
  if (seeds !== 1)
    throw new Text2LiveError(
      'RUN_INVALID',
      `Expected a run of one seed, and "${name}" has ${seeds} variations. Bring the folder of one of them (seed-...).`,
    )
  const pictures = [settings.photo, settings.mask, ...settings.over].filter((file) => file !== null)
  for (const file of pictures) {
    if (/^[\w-][\w.-]*$/.test(file) && file !== runFiles.config) continue
    throw new Text2LiveError(
      'RUN_INVALID',
      `Expected the pictures of "${name}" beside its ${runFiles.config}, and it names "${file}". Copy the picture into the folder and name it there.`,
    )
  }
  const checkpoint = await readCheckpoint(store)
  if (checkpoint !== null)
    assertSameRun(store.file(runFiles.checkpoint), checkpoint.fingerprint, await fingerprintOf(settings, input))
  checkedEvents(files.get(runFiles.events) ?? null, store.file(runFiles.events))
  const known = new Set<string>([
    runFiles.config,
    runFiles.checkpoint,
    runFiles.events,
    runFiles.below,
    ...pictures,
    ...Object.values(outputFiles),
  ])
  return Object.fromEntries(
    [...files].filter(([file]) => known.has(file) || /^previews\/step-\d{6,9}\.png$/.test(file)),
  )
}
