import type { ModelProgress } from '../models/modelProgress.js'
import { eventLine, type RunEvent, type StepEvent } from '../session/events.js'
import type { TrainerNotice } from '../session/trainerContract.js'
import { lineReporter, type LiveLine, type Output, type Reporter } from './lineReporter.js'

/** Only NDJSON, one event a line. */
export function jsonReporter(stdout: Output): Reporter<object> {
  return { report: (event) => void stdout.write(eventLine(event)), end: () => undefined }
}

/** One line that is written over while steps go by on a terminal; plain lines elsewhere. */
export function textReporter(stdout: Output): Reporter<RunEvent> {
  return lineReporter(stdout, { live: liveLine, describe: notesOnce(describeEvent) })
}

/** What `describe` says, but notes and warnings that were told: each variation of a run has the same. */
export function notesOnce<Event extends { readonly type: string }>(
  describe: (event: Event) => string | null,
): (event: Event) => string | null {
  const told = new Set<string>()
  return (event) => {
    const line = describe(event)
    if (line === null || (event.type !== 'note' && event.type !== 'warning')) return line
    if (told.has(line)) return null
    told.add(line)
    return line
  }
}

function liveLine(event: RunEvent): LiveLine | null {
  if (event.type === 'step')
    return { line: stepLine(event), done: event.step, total: event.steps, of: 'steps', lines: 50 }
  return event.type === 'model-download' ? downloadProgress(event) : null
}

export const downloadProgress = (event: ModelProgress): LiveLine => ({
  line: downloadLine(event),
  done: event.bytes,
  total: event.total,
  of: event.model,
  lines: 10,
})

/** "step 12/150  loss 1.234 (composition 0.56, ...)  lr 0.0022  1m 10s left  0.61 s/step  812 MB  cpu" */
export function stepLine(event: StepEvent): string {
  const { total, ...parts } = event.losses
  const named = Object.entries(parts)
    .map(([name, value]) => `${name} ${value.toPrecision(3)}`)
    .join(', ')
  return [
    `step ${event.step}/${event.steps}`,
    total === undefined ? named : `loss ${total.toPrecision(4)}${named === '' ? '' : ` (${named})`}`,
    `${duration(event.secondsLeft)} left`,
    `${event.seconds.toPrecision(2)} s/step`,
    ...(event.memory === undefined ? [] : [`${Math.round(event.memory / 1e6)} MB`]),
    event.device,
  ].join('  ')
}

/** "openai/clip-vit-base-patch32  120 of 605 MB  1m 10s left  model.safetensors" */
function downloadLine({ model, file, bytes, total, secondsLeft }: ModelProgress): string {
  const megabytes = (count: number): string => (count / 1e6).toFixed(total < 10e6 ? 1 : 0)
  const left = bytes >= total ? [] : [secondsLeft === null ? '' : `${duration(secondsLeft)} left`, file]
  return [model, `${megabytes(bytes)} of ${megabytes(total)} MB`, ...left].filter((part) => part !== '').join('  ')
}

/** What a person is told of the event; null for what would only be noise. */
function describeEvent(event: RunEvent): string | null {
  switch (event.type) {
    case 'run-start':
      return [
        `photo ${event.photo.width}x${event.photo.height}, trained at ${event.training.width}x${event.training.height}, ` +
          `${event.settings.steps} steps, preset ${event.settings.preset}, seed ${event.settings.seed}`,
        ...(event.folder === undefined ? [] : [`run folder: ${event.folder}`]),
      ].join('\n')
    case 'variation':
      return `variation ${event.index + 1} of ${event.count}, seed ${event.seed}`
    case 'resumed':
      return `resumed after step ${event.step} of ${event.steps}`
    case 'paused':
      return `held after step ${event.step}`
    case 'going-on':
      return `going on after step ${event.step}`
    case 'steps':
      return `the run now ends at step ${event.steps}`
    case 'mask':
      return `${event.masked ? 'another mask' : 'no mask'} bounds the edit after step ${event.step}`
    case 'preview':
      return event.path === undefined ? null : `preview: ${event.path}`
    case 'output':
      return event.path === undefined ? null : `wrote ${event.path}`
    case 'done':
      return event.already === true
        ? `${event.folder ?? 'The run'} had finished already: ${event.step} of ${event.steps} steps. Nothing to do.`
        : `done: ${event.step} steps in ${duration(event.seconds)}`
    case 'interrupted':
      return `stopped after step ${event.step} of ${event.steps}; the outputs show that state.${
        event.folder === undefined ? '' : `\nTo go on: text2live image --resume ${shellWord(event.folder)}`
      }`
    case 'step':
      return stepLine(event)
    case 'stage-start':
    case 'stage-done':
    case 'checkpoint':
    case 'error':
      return null
    default:
      return describeNotice(event)
  }
}

/** What a person is told of what happens besides steps. */
export function describeNotice(event: TrainerNotice): string | null {
  switch (event.type) {
    case 'note':
      return `note: ${event.message}`
    case 'warning':
      return `warning: ${event.message}`
    case 'model-download':
      return downloadLine(event)
    case 'model-loading':
      return `loading the guidance model (${event.guidance})`
    case 'phase':
      return event.phase === 'locating' ? 'looking for the region in the photo' : null
    case 'compile':
      return null
  }
}

/** "45s", "3m 20s", "1h 05m". */
export function duration(seconds: number): string {
  const whole = Math.round(seconds)
  const two = (value: number): string => String(value).padStart(2, '0')
  if (whole < 60) return `${whole}s`
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${two(whole % 60)}s`
  return `${Math.floor(whole / 3600)}h ${two(Math.floor(whole / 60) % 60)}m`
}

/** "4.2 MB", "605 MB". */
export const megabytes = (bytes: number): string =>
  `${bytes < 10e6 ? (bytes / 1e6).toFixed(1) : Math.round(bytes / 1e6)} MB`

/** The text as one word of a shell. */
export const shellWord = (text: string): string =>
  /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
