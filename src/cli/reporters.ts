import type { ModelProgress } from '../models/node/modelProgress.js'
import { eventLine, type RunEvent, type StepEvent } from '../run/events.js'

/** Where a reporter writes. */
export interface Output {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  write(text: string): unknown
}

/** Tells a person or a program how a run goes. */
interface Reporter {
  report(event: RunEvent): void
  /** Leaves the cursor on a line of its own. */
  end(): void
}

/** Only NDJSON, one event a line. */
export function jsonReporter(stdout: Output): Reporter {
  return { report: (event) => void stdout.write(eventLine(event)), end: () => undefined }
}

/** One line that is written over while steps go by on a terminal; plain lines elsewhere. */
export function textReporter(stdout: Output): Reporter {
  return stdout.isTTY === true ? terminalReporter(stdout) : plainReporter(stdout)
}

function plainReporter(stdout: Output): Reporter {
  let lastShown = 0
  let lastTenth = ''
  return {
    report(event) {
      if (event.type === 'step') {
        // About fifty lines a run, so that a log stays readable.
        const every = Math.max(1, Math.round(event.steps / 50))
        if (event.step !== 1 && event.step !== event.steps && event.step - lastShown < every) return
        lastShown = event.step
        stdout.write(`${stepLine(event)}\n`)
        return
      }
      if (event.type === 'model-download') {
        // Every tenth of the way.
        const tenth = `${event.model} ${Math.floor((10 * event.bytes) / Math.max(1, event.total))}`
        if (tenth === lastTenth) return
        lastTenth = tenth
      }
      const line = describeEvent(event)
      if (line !== null) stdout.write(`${line}\n`)
    },
    end: () => undefined,
  }
}

const clearLine = '\r\u001b[K'

function terminalReporter(stdout: Output): Reporter {
  let open = false
  const end = (): void => {
    if (open) stdout.write('\n')
    open = false
  }
  return {
    report(event) {
      const width = stdout.columns ?? 80
      if (event.type === 'step' || event.type === 'model-download') {
        const [done, all] = event.type === 'step' ? [event.step, event.steps] : [event.bytes, event.total]
        const line = event.type === 'step' ? stepLine(event) : downloadLine(event)
        stdout.write(`${clearLine}${`${bar(done, all, 20)} ${line}`.slice(0, width - 1)}`)
        open = done < all
        if (!open) stdout.write('\n')
        return
      }
      const line = describeEvent(event)
      // A checkpoint or preview says where its picture is, above the line that goes on.
      if (line !== null) stdout.write(`${open ? clearLine : ''}${line}\n`)
      if (line !== null) open = false
    },
    end,
  }
}

const bar = (part: number, all: number, width: number): string => {
  const done = Math.round(width * part / Math.max(1, all))
  return `[${'#'.repeat(done)}${'.'.repeat(width - done)}]`
}

/** "step 12/150  loss 1.234 (composition 0.56, ...)  lr 0.0022  1m 10s left  0.61 s/step  812 MB  cpu" */
export function stepLine(event: StepEvent): string {
  const { total, ...parts } = event.losses
  const named = Object.entries(parts).map(([name, value]) => `${name} ${value.toPrecision(3)}`).join(', ')
  return [
    `step ${event.step}/${event.steps}`,
    total === undefined ? named : `loss ${total.toPrecision(4)}${named === '' ? '' : ` (${named})`}`,
    `${duration(event.secondsLeft)} left`,
    `${event.seconds.toPrecision(2)} s/step`,
    `${Math.round(event.memory / 1e6)} MB`,
    event.device,
  ].join('  ')
}

/** "openai/clip-vit-base-patch32  120 of 605 MB  1m 10s left  model.safetensors" */
function downloadLine({ model, file, bytes, total, secondsLeft }: ModelProgress): string {
  const megabytes = (count: number): string => (count / 1e6).toFixed(total < 10e6 ? 1 : 0)
  const left = bytes >= total ? [] : [secondsLeft === null ? '' : `${duration(secondsLeft)} left`, file]
  return [model, `${megabytes(bytes)} of ${megabytes(total)} MB`, ...left].filter(part => part !== '').join('  ')
}

/** What a person is told of the event; null for what would only be noise. */
function describeEvent(event: RunEvent): string | null {
  switch (event.type) {
    case 'run-start':
      return [
        `photo ${event.photo.width}x${event.photo.height}, trained at ${event.training.width}x${event.training.height}, `
          + `${event.settings.steps} steps, preset ${event.settings.preset}, seed ${event.settings.seed}`,
        ...(event.folder === undefined ? [] : [`run folder: ${event.folder}`]),
      ].join('\n')
    case 'note':
      return `note: ${event.message}`
    case 'warning':
      return `warning: ${event.message}`
    case 'model-download':
      return downloadLine(event)
    case 'model-loading':
      return `loading the guidance model (${event.guidance})`
    case 'variation':
      return `variation ${event.index + 1} of ${event.count}, seed ${event.seed}`
    case 'resumed':
      return `resumed after step ${event.step} of ${event.steps}`
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
        event.folder === undefined ? '' : `\nTo go on: text2live image --resume ${shellWord(event.folder)}`}`
    case 'step':
      return stepLine(event)
    case 'compile':
    case 'checkpoint':
    case 'error':
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

/** The text as one word of a shell. */
export const shellWord = (text: string): string => (/^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll('\'', '\'\\\'\'')}'`)
