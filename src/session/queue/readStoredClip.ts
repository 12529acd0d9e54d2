import { Text2LiveError } from '../../errors.js'
import { checkedEvents } from '../eventLog.js'
import { readOrigins } from '../layersBelow.js'
import { editedLayers } from '../video/runVideo.js'
import { readVideoSettings } from '../video/savedClip.js'
import { clipPreviewFile, videoFiles } from '../video/videoFiles.js'
import type { VideoEvent } from '../videoEvents.js'
import type { RunFiles } from './queueMachine.js'
import type { StoredClipRun } from './storedRun.js'

/**
 * How a clip's run stands, read without holding it.
 * @throws RUN_INVALID, CONFIG_* where its settings cannot be read; anything else that is damaged is its `error`
 */
export async function readStoredClip(run: RunFiles): Promise<StoredClipRun> {
  const settings = await readVideoSettings(run)
  const none = { kind: 'clip', settings, step: 0, finished: false, over: [], thumbnail: null, stage: null } as const
  try {
    const events = checkedEvents(await run.read(videoFiles.events), run.file(videoFiles.events)) as VideoEvent[]
    const preview = events.findLast((event) => event.type === 'preview')
    const last = events.at(-1)
    return {
      ...none,
      step: keptStep(events),
      finished: isFinished(events, settings),
      over: settings.over.length === 0 ? [] : (await readOrigins(run, 'atlas')).map((origin) => origin.run),
      thumbnail: preview === undefined ? null : clipPreviewFile(preview.layer, preview.step),
      stage: events.findLast((event) => event.type === 'stage-start')?.stage ?? null,
      error: last?.type === 'error' ? { code: last.code, message: last.message } : null,
    }
  } catch (error) {
    if (!(error instanceof Text2LiveError)) throw error
    return { ...none, error: { code: error.code, message: error.message } }
  }
}

/** Steps beyond a layer's last checkpoint are made again. */
function keptStep(events: readonly VideoEvent[]): number {
  const last = events.findLast((event) => event.type === 'checkpoint' && event.stage === 'training')
  return last !== undefined && 'step' in last ? (last.step ?? 0) : 0
}

/** What is told after the end, as notes are, does not open a run again. */
function isFinished(events: readonly VideoEvent[], settings: StoredClipRun['settings']): boolean {
  const work = ['stage-start', 'step', 'interrupted', 'error', 'done']
  if (events.findLast(({ type }) => work.includes(type))?.type !== 'done') return false
  const isEdit = settings.prompt.length + settings.foregroundPrompt.length + settings.backgroundPrompt.length > 0
  return (
    !isEdit ||
    editedLayers(settings).every((layer) =>
      events.some((event) => event.type === 'step' && event.layer === layer && event.step >= settings.steps),
    )
  )
}
