import { Text2LiveError } from '../../errors.js'
import { readState } from '../checkpoint.js'
import { checkedEvents } from '../eventLog.js'
import { outputFiles } from '../events.js'
import { runFiles } from '../runFiles.js'
import { pictureIn, readRun } from '../savedRun.js'
import type { RunStore } from '../store.js'
import { fingerprintOf, photoCheckpoint } from '../trainRun.js'
import type { ClipMachine } from '../video/clipMachine.js'
import { keptClips } from '../video/clipsBelow.js'
import { clipFingerprint } from '../video/clipSession.js'
import { editedLayers } from '../video/runVideo.js'
import { assertClip, filesIn, isClipRun, readVideoSettings } from '../video/savedClip.js'
import { checkpoints, isClipFileName } from '../video/videoFiles.js'
import { readVideoInput, standingOn } from '../video/videoInput.js'

/** What looking into a run needs of the machine. */
type CheckTools = Pick<ClipMachine, 'codec' | 'clips' | 'digest'>

/** The files of a run that are looked at as they lie in memory. */
type GivenRun = Pick<RunStore, 'path' | 'file' | 'read' | 'list'>

/**
 * The files of a run folder that may come from anybody, as a run begins with them: those alone that a run has, each
 * read and checked as it will be when the run goes on. The atlas of a clip, which needs an engine, is checked when it
 * is used.
 * @param files by their names in the folder
 * @param name what messages call the run
 * @throws RUN_INVALID, CONFIG_*, INPUT_*, CLIP_*, MASK_INVALID, SAFETENSORS_INVALID, CHECKPOINT_INVALID,
 *   CHECKPOINT_MISMATCH
 */
export async function checkBroughtRun(
  files: ReadonlyMap<string, Uint8Array>,
  name: string,
  tools: CheckTools,
): Promise<Record<string, Uint8Array>> {
  const store: GivenRun = {
    path: name,
    file: (file) => `${name}/${file}`,
    read: (file) => Promise.resolve(files.get(file) ?? null),
    list: (folder) =>
      Promise.resolve(
        [...files.keys()].flatMap((file) => (file.startsWith(`${folder}/`) ? [file.slice(folder.length + 1)] : [])),
      ),
  }
  const isOwn = (await isClipRun(store)) ? await checkClip(store, tools) : await checkPhoto(store, tools)
  return Object.fromEntries([...files].filter(([file]) => isOwn(file)))
}

/** @returns whether a file is one of the run's */
async function checkPhoto(store: GivenRun, { codec }: CheckTools): Promise<(file: string) => boolean> {
  const { settings, seeds, input } = await readRun({ store, machine: { codec }, find: pictureIn(store) })
  if (seeds !== 1)
    throw new Text2LiveError(
      'RUN_INVALID',
      `Expected a run of one seed, and "${store.path}" has ${seeds} variations. Bring the folder of one of them (seed-...).`,
    )
  const pictures = [settings.photo, settings.mask, ...settings.over].filter((file) => file !== null)
  for (const file of pictures) {
    if (/^[\w-][\w.-]*$/.test(file) && file !== runFiles.config) continue
    throw new Text2LiveError(
      'RUN_INVALID',
      `Expected the pictures of "${store.path}" beside its ${runFiles.config}, and it names "${file}". Copy the picture into the folder and name it there.`,
    )
  }
  await readState(store, photoCheckpoint, await fingerprintOf(settings, input))
  checkedEvents(await store.read(runFiles.events), store.file(runFiles.events))
  const known = new Set<string>([
    runFiles.config,
    runFiles.checkpoint,
    runFiles.events,
    runFiles.below,
    ...pictures,
    ...Object.values(outputFiles),
  ])
  return (file) => known.has(file) || /^previews\/step-\d{6,9}\.png$/.test(file)
}

/** @returns whether a file is one of the run's */
async function checkClip(store: GivenRun, machine: CheckTools): Promise<(file: string) => boolean> {
  const settings = await readVideoSettings(store)
  assertClip(store, settings)
  for (const file of [settings.clip, settings.object, settings.mask]) {
    if (file === null || file === 'object' || isClipFileName(file)) continue
    throw new Text2LiveError(
      'RUN_INVALID',
      `Expected the clip and the masks of "${store.path}" by the names that a run gives them, and it names "${file}". Take another copy of the run.`,
    )
  }
  const input = standingOn(
    await readVideoInput(settings, filesIn(store), machine, new AbortController().signal),
    await keptClips(store, settings.over),
    machine,
  )
  const fingerprint = clipFingerprint(settings, input)
  for (const layer of editedLayers(settings)) await readState(store, checkpoints.training(layer), fingerprint)
  checkedEvents(await store.read(runFiles.events), store.file(runFiles.events))
  return isClipFileName
}
