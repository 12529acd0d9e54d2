import { z } from 'zod'
import type { ErrorCode } from '../../errors.js'

const error = z.object({
  code: z.custom<ErrorCode>((code) => typeof code === 'string').nullable(),
  message: z.string(),
})

/** What a queue keeps of a run besides the run's own files. */
const note = z.object({
  title: z.string().optional(),
  /** Milliseconds since 1970. */
  created: z.number(),
  /** Submitted here by a person, who named its guidance models; a run that was brought may come from anybody. */
  submitted: z.boolean().optional(),
  /** Steps asked for and not yet in its config.yaml. */
  steps: z.int().positive().optional(),
  /** What it waits for, where that is not training. */
  task: z.enum(['render', 'paint']).optional(),
  /** Somebody holds it. */
  held: z.boolean().optional(),
  /** How its last job failed. */
  error: error.optional(),
})

const notes = z.object({
  version: z.literal(1),
  /** Those that wait or are at work, the next one first. */
  order: z.array(z.string()),
  runs: z.record(z.string(), note),
})

export type RunNote = z.infer<typeof note>
export type QueueNotes = z.infer<typeof notes>

/**
 * Reads the queue's own file. Where it is missing or damaged the queue is empty: the runs tell the rest themselves, and
 * each that was on its way shows as stopped.
 */
export function readQueueNotes(text: string | null): QueueNotes {
  try {
    const parsed = notes.safeParse(JSON.parse(text ?? 'null'))
    if (parsed.success) return parsed.data
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
  }
  return { version: 1, order: [], runs: {} }
}
