import { z } from 'zod'
import { Text2LiveError } from '../errors.js'
import { photoStages, type RunEvent, type StepEvent } from './events.js'
import { stageNames } from './videoEvents.js'

/** A whole line of a log. */
interface LoggedEvent {
  readonly event: object
  /** Where the line ends, bytes from the log's beginning. */
  readonly end: number
}

/** The events of a log's bytes, up to the first line that is no whole event; none where there is no log. */
function wholeEvents(bytes: Uint8Array | null): LoggedEvent[] {
  if (bytes === null) return []
  const decoder = new TextDecoder()
  const lines: LoggedEvent[] = []
  for (let start = 0; ;) {
    const end = bytes.indexOf(10, start)
    const event = end < 0 ? null : parseEvent(decoder.decode(bytes.subarray(start, end)))
    if (event === null) return lines
    lines.push({ event, end: end + 1 })
    start = end + 1
  }
}

function parseEvent(line: string): object | null {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
      ? value
      : null
  } catch {
    return null
  }
}

/**
 * How many bytes of a log are kept when it is cut before the first event that `beyond` holds for, and before a
 * half-written last line.
 */
export function keptBytes(bytes: Uint8Array | null, beyond: (event: object) => boolean): number {
  let keep = 0
  for (const { event, end } of wholeEvents(bytes)) {
    if (beyond(event)) break
    keep = end
  }
  return keep
}

/** Holds for what a log tells beyond `step`. */
export const afterStep =
  (step: number) =>
  (event: object): boolean =>
    'step' in event && Number(event.step) > step

/**
 * Events of any kind, checked.
 * @param path what the log is called in messages
 * @throws RUN_INVALID for an event whose numbers or names none of ours has
 */
export function checkedEvents(bytes: Uint8Array | null, path: string): object[] {
  return wholeEvents(bytes).map(({ event }, i) => {
    if (readEvent.safeParse(event).success) return event
    throw new Text2LiveError(
      'RUN_INVALID',
      `Line ${i + 1} of "${path}" is no event of this program: it tells of a step or a stage without the numbers and names that these have. ` +
        'Delete the file: the run goes on from its checkpoint, and only its chart of losses begins anew.',
    )
  })
}

const layer = z.enum(['foreground', 'background'])
const finite = z.record(z.string().max(200), z.number())
/** What is read back of an event; of other kinds only that they are there. */
const readEvent = z.union([
  z.looseObject({ type: z.literal('step'), step: z.int().nonnegative(), losses: finite, layer: layer.optional() }),
  z.looseObject({
    type: z.literal('stage-done'),
    stage: z.enum([...photoStages, ...stageNames]),
    layer: layer.optional(),
    seconds: z.number(),
    peakMemory: z.number().optional(),
  }),
  z.looseObject({ type: z.string().refine((type) => type !== 'step' && type !== 'stage-done') }),
])

/** The step events of a log: what the loss curves are drawn from. @throws RUN_INVALID */
export function stepEvents(bytes: Uint8Array | null, path: string): StepEvent[] {
  return (checkedEvents(bytes, path) as RunEvent[]).filter((event): event is StepEvent => event.type === 'step')
}
