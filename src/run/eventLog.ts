import { closeSync, constants, fstatSync, ftruncateSync, writeSync } from 'node:fs'
import { z } from 'zod'
import { Text2LiveError } from '../errors.js'
import { eventLine, type RunEvent, type StepEvent } from './events.js'
import { isMissing, writeError } from './fileErrors.js'
import { openRegular, readRunFileSync } from './runFile.js'
import { stageNames } from './video/videoEvents.js'

/** events.ndjson, open for appending; a link in its place is not followed. Each event is handed to the system before `append` returns, so that kill -9 loses none. */
export class EventLog {
  readonly #file: number
  readonly #path: string

  constructor(path: string) {
    this.#path = path
    try {
      this.#file = openRegular(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT)
    } catch (cause) {
      throw writeError(cause, path)
    }
  }

  /** @throws DISK_FULL after taking back the part of the line that was written */
  append(event: object): void {
    const before = fstatSync(this.#file).size
    const line = Buffer.from(eventLine(event))
    try {
      for (let written = 0; written < line.length;) written += writeSync(this.#file, line, written)
    } catch (cause) {
      ftruncateSync(this.#file, before)
      throw writeError(cause, this.#path)
    }
  }

  close(): void {
    closeSync(this.#file)
  }
}

/**
 * The events of a log, up to the first line that is no whole event; none where there is no log.
 * @throws RUN_INVALID for an event whose numbers or names none of ours has
 */
export function readEvents(path: string): RunEvent[] {
  return readLog(path) as RunEvent[]
}

/** The same for events of any kind. @throws RUN_INVALID */
export function readLog(path: string): object[] {
  return wholeLines(path).map(({ event }, i) => {
    if (readEvent.safeParse(event).success) return event
    throw new Text2LiveError('RUN_INVALID', `Line ${i + 1} of "${path}" is no event of this program: it tells of a step or a stage without the numbers and names that these have. `
      + 'Delete the file: the run goes on from its checkpoint, and only its chart of losses begins anew.')
  })
}

const layer = z.enum(['foreground', 'background'])
const finite = z.record(z.string().max(200), z.number())
/** What is read back of an event; of other kinds only that they are there. */
const readEvent = z.union([
  z.looseObject({ type: z.literal('step'), step: z.int().nonnegative(), losses: finite, layer: layer.optional() }),
  z.looseObject({ type: z.literal('stage-done'), stage: z.enum(stageNames), layer: layer.optional(), seconds: z.number(), peakMemory: z.number() }),
  z.looseObject({ type: z.string().refine((type) => type !== 'step' && type !== 'stage-done') }),
])

/** The step events of a log: what the loss curves are drawn from. */
export function readSteps(path: string): StepEvent[] {
  return readEvents(path).filter((event): event is StepEvent => event.type === 'step')
}

/** Cuts the log back to what was true at `step`: later steps, all that followed them, and a half-written last line go. */
export function truncateEvents(path: string, step: number): void {
  cutEvents(path, (event) => 'step' in event && Number(event.step) > step)
}

/** Cuts the log before the first event that `beyond` holds for, and before a half-written last line. */
export function cutEvents(path: string, beyond: (event: object) => boolean): void {
  let keep = 0
  for (const { event, end } of wholeLines(path)) {
    if (beyond(event)) break
    keep = end
  }
  let file: number
  try {
    file = openRegular(path, constants.O_RDWR)
  } catch (error) {
    if (isMissing(error)) return
    throw writeError(error, path)
  }
  try {
    ftruncateSync(file, keep)
  } finally {
    closeSync(file)
  }
}

function wholeLines(path: string): { readonly event: object; readonly end: number }[] {
  const bytes = readRunFileSync(path)
  if (bytes === null) return []
  const lines: { event: object; end: number }[] = []
  for (let start = 0; ;) {
    const end = bytes.indexOf(10, start)
    const event = end < 0 ? null : parseEvent(bytes.toString('utf8', start, end))
    if (event === null) return lines
    lines.push({ event, end: end + 1 })
    start = end + 1
  }
}

function parseEvent(line: string): object | null {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string' ? value : null
  } catch {
    return null
  }
}
