import { Text2LiveError } from '../../errors.js'
import { loadCheckpoint } from '../checkpoint.js'
import { checkedEvents } from '../eventLog.js'
import { outputFiles, type RunEvent } from '../events.js'
import { readOrigins } from '../layersBelow.js'
import { previewFile, runFiles } from '../runFiles.js'
import { readRunSettings } from '../savedRun.js'
import { photoCheckpoint } from '../trainRun.js'
import { isClipRun } from '../video/savedClip.js'
import type { RunFiles } from './queueMachine.js'
import { readStoredClip } from './readStoredClip.js'
import type { StoredPhotoRun, StoredRun } from './storedRun.js'

/** Above this, pixels, a preview is the better thumbnail than the composite, which has the photo's size. */
const largestThumbnail = 2_000_000

/**
 * Reads a run without holding it.
 * @throws RUN_INVALID, CONFIG_* where its settings cannot be read; anything else that is damaged is its `error`
 */
export async function readStoredRun(run: RunFiles): Promise<StoredRun> {
  return (await isClipRun(run)) ? await readStoredClip(run) : await readStoredPhoto(run)
}

async function readStoredPhoto(run: RunFiles): Promise<StoredPhotoRun> {
  const kind = 'photo'
  const { settings } = await readRunSettings(run)
  try {
    const events = checkedEvents(await run.read(runFiles.events), run.file(runFiles.events)) as RunEvent[]
    const step = await keptStep(run, events)
    const over = settings.over.length === 0 ? [] : (await readOrigins(run)).map((origin) => origin.run)
    const last = events.at(-1)
    return {
      kind,
      settings,
      step,
      finished:
        step >= settings.steps && events.findLast(({ type }) => type === 'done' || type === 'step')?.type === 'done',
      over,
      thumbnail: thumbnailOf(events),
      error: last?.type === 'error' ? { code: last.code, message: last.message } : null,
    }
  } catch (error) {
    if (!(error instanceof Text2LiveError)) throw error
    const { code, message } = error
    return { kind, settings, step: 0, finished: false, over: [], thumbnail: null, error: { code, message } }
  }
}

/** The log tells it without the checkpoint's megabytes; a log that was lost leaves these. */
async function keptStep(run: RunFiles, events: readonly RunEvent[]): Promise<number> {
  const told = events.findLast(({ type }) => type === 'checkpoint' || type === 'done' || type === 'interrupted') as
    Extract<RunEvent, { step: number }> | undefined
  if (told !== undefined) return told.step
  return (await run.has(runFiles.checkpoint)) ? ((await loadCheckpoint(run, photoCheckpoint))?.step ?? 0) : 0
}

function thumbnailOf(events: readonly RunEvent[]): string | null {
  const preview = events.findLast((event) => event.type === 'preview')
  const composite = events.findLastIndex((event) => event.type === 'output' && event.name === 'composite')
  if (preview === undefined) return composite < 0 ? null : outputFiles.composite
  const photo = events.findLast((event) => event.type === 'run-start')?.photo
  const isSmall = photo !== undefined && photo.width * photo.height <= largestThumbnail
  const isLatest = composite > events.findLastIndex(({ type }) => type === 'step')
  return isSmall && isLatest ? outputFiles.composite : previewFile(preview.step)
}
