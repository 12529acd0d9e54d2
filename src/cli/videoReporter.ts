import type { StageName, VideoEvent } from '../session/videoEvents.js'
import { lineReporter, type LiveLine, type Output, type Reporter } from './lineReporter.js'
import { describeNotice, downloadProgress, duration, notesOnce, shellWord, stepLine } from './reporters.js'

/** What a stage does, and what its progress counts. */
const stages: Readonly<Record<StageName, { readonly title: string; readonly unit: string }>> = {
  clip: { title: 'reading the clip', unit: 'frame' },
  flow: { title: 'optical flow', unit: 'pair' },
  masks: { title: 'finding the object', unit: 'part' },
  atlas: { title: 'fitting the layered atlas', unit: 'part' },
  training: { title: 'training the edit', unit: 'step' },
  rendering: { title: 'rendering', unit: 'frame' },
  metrics: { title: 'measuring', unit: 'frame' },
}

/** Tells how a run over a clip goes: one line that is written over on a terminal, plain lines elsewhere. */
export function videoReporter(stdout: Output): Reporter<VideoEvent> {
  return lineReporter(stdout, { live: liveLine, describe: notesOnce(describeEvent) })
}

function liveLine(event: VideoEvent): LiveLine | null {
  if (event.type === 'model-download') return downloadProgress(event)
  if (event.type === 'step')
    return {
      line: `${event.layer} ${stepLine(event)}`,
      done: event.step,
      total: event.steps,
      of: `steps ${event.layer}`,
      lines: 50,
    }
  if (event.type !== 'progress') return null
  const { stage, done, total, secondsLeft, detail } = event
  const { title, unit } = stages[stage]
  const details = Object.entries(detail ?? {})
    .map(([name, value]) => `${name} ${value.toPrecision(3)}`)
    .join(', ')
  const line = [
    `${title}: ${unit} ${done}/${total}`,
    ...(details === '' ? [] : [details]),
    ...(secondsLeft === null ? [] : [`${duration(secondsLeft)} left`]),
  ].join('  ')
  return { line, done, total, of: stage, lines: 10 }
}

/** What a person is told of the event; null for what would only be noise. */
function describeEvent(event: VideoEvent): string | null {
  switch (event.type) {
    case 'run-start': {
      const { settings, folder, clip, frame } = event
      return (
        `clip ${clip.width}x${clip.height}, ${clip.frames} frames, ${clip.seconds.toFixed(1)} s; atlas of ${frame.width}x${frame.height} (${settings.atlas}), ` +
        `${settings.steps} steps, preset ${settings.preset}, seed ${settings.seed}\nrun folder: ${folder}`
      )
    }
    case 'stage-start':
      return `${stages[event.stage].title}${event.layer === undefined ? '' : ` of the ${event.layer}`}`
    case 'stage-done':
      return event.stopped === true || event.seconds < 1
        ? null
        : `${stages[event.stage].title}: ${duration(event.seconds)}${event.peakMemory === undefined ? '' : `, at most ${Math.round(event.peakMemory / 1e6)} MB`}`
    case 'resumed':
      return `resumed after ${stages[event.stage].unit} ${event.done} of ${event.total}`
    case 'paused':
      return `held${event.step === undefined ? '' : ` after step ${event.step}`} (${stages[event.stage].title})`
    case 'going-on':
      return `going on${event.step === undefined ? '' : ` after step ${event.step}`} (${stages[event.stage].title})`
    case 'steps':
      return `each layer now ends at step ${event.steps}`
    case 'preview':
      return `preview: ${event.path}`
    case 'output':
      return `wrote ${event.path}`
    case 'done':
      return event.already === true
        ? `${event.folder} had finished already. Nothing to do.`
        : `done in ${duration(event.seconds)}: ${event.folder}`
    case 'interrupted':
      return `stopped (${stages[event.stage].title}); what was reached is kept.\nTo go on: text2live video --resume ${shellWord(event.folder)}`
    case 'phase':
      return event.phase === 'locating' ? 'looking for the region in the background' : null
    case 'progress':
    case 'step':
    case 'checkpoint':
    case 'error':
      return null
    default:
      return describeNotice(event)
  }
}
