import { createHash } from 'node:crypto'
import { z } from 'zod'
import { type ErrorCode, isErrorCode, Text2LiveError } from '../errors.js'
import { stageNames } from '../session/videoEvents.js'

/** Of the payload and the keys in Redis and in the store. */
export const protocolVersion = 1

const sha256 = z.string().regex(/^[0-9a-f]{64}$/)

/** A file or folder that a job reads, in the store by the hash of its bytes. */
const input = z.strictObject({
  /** What it is called where the run is made: a name without a folder. */
  name: z
    .string()
    .regex(/^[^/\\\0]{1,255}$/)
    .refine((name) => name !== '.' && name !== '..'),
  /** Of a folder: of the list of its files. */
  sha256,
  bytes: z.int().nonnegative(),
  folder: z.boolean(),
})

const optionName = z.string().regex(/^[A-Za-z]{1,100}$/)

/** Options that name files: those of a job come as its inputs, or not at all. */
export const fileOptions = ['photo', 'mask', 'clip', 'object', 'over', 'config', 'out', 'resume'] as const

/** What a worker must have to take a job. */
const needs = z.strictObject({
  device: z.enum(['any', 'cpu', 'webgpu', 'cuda']),
  /** Names of models, as `portableGuidance` gives them, sorted. */
  guidance: z.array(z.string().min(1).max(1000)).max(100),
  /** GiB; jobs that ask for about as much wait in one line, so it is a power of two. */
  memory: z.number().positive().max(65_536),
})

/**
 * A job as it waits in Redis: names and hashes, never a picture. Whoever reads it from there checks it: others may
 * write to that Redis.
 */
export const payloadSchema = z.strictObject({
  protocol: z.literal(protocolVersion),
  /** Of the text2live that made it; another one may train otherwise. */
  version: z.string().min(1).max(100),
  /** Which store has its files. */
  store: z.string().min(1).max(100),
  kind: z.enum(['photo', 'clip']),
  /** The folder that the submitter makes of the result, as people know the job by. */
  out: z.string().min(1).max(1000),
  /** By the names of the option table. Whoever writes to that Redis names no files of a worker's machine by them. */
  options: z
    .record(optionName, z.unknown())
    .refine((options) => fileOptions.every((name) => !Object.hasOwn(options, name)), 'an option that names a file'),
  /** By the name of the option that names it. */
  inputs: z.record(optionName, input),
  needs,
})

export type JobPayload = z.infer<typeof payloadSchema>
export type JobInput = z.infer<typeof input>
export type JobNeeds = z.infer<typeof needs>

/** What a worker runs its jobs on. */
export type WorkDevice = Exclude<JobNeeds['device'], 'any'>

const progressSchema = z.object({
  step: z.number(),
  steps: z.number(),
  /** Of a clip. */
  stage: z.enum(stageNames).exactOptional(),
  loss: z.number().exactOptional(),
  secondsLeft: z.number().exactOptional(),
  /** Who works on it: the name of a machine. */
  worker: z.string(),
})

/** How far a job is; told at most once a second. */
export type JobProgress = Readonly<z.infer<typeof progressSchema>>

/** Null for what no worker told. */
export const readProgress = (told: unknown): JobProgress | null => progressSchema.safeParse(told).data ?? null

/** What a finished job leaves in Redis; its files are in the store. */
export interface JobOutcome {
  /** The fencing number of the taking that finished it. */
  readonly fence: number
  readonly seconds: number
}

/** How a job failed, as text that Redis keeps. */
export interface JobFailure {
  readonly code: ErrorCode
  readonly message: string
}

/**
 * The name of a job, made of all that it is, so that the same job submitted twice is one job.
 * @returns 32 hexadecimal digits
 */
export function jobId(payload: JobPayload): string {
  return createHash('sha256').update(canonicalJson(payload)).digest('hex').slice(0, 32)
}

/** JSON whose keys are sorted: equal values have equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  )
}

/**
 * Those that need the same wait in one line, a queue of BullMQ: a worker asks only the lines whose jobs it can do.
 * @returns the name of the line
 */
export const laneOf = (asked: JobNeeds): string =>
  createHash('sha256').update(canonicalJson(asked)).digest('hex').slice(0, 12)

/** GiB, rounded up to a power of two. */
export const memoryClass = (gibibytes: number): number => 2 ** Math.ceil(Math.log2(Math.max(gibibytes, 1)))

export const failureText = ({ code, message }: JobFailure): string => JSON.stringify({ code, message })

/** What Redis says of a failure, ours or BullMQ's own. */
export function readFailure(text: string): JobFailure {
  try {
    const { code, message } = JSON.parse(text) as Partial<JobFailure>
    if (isErrorCode(code) && typeof message === 'string') return { code, message }
  } catch {
    // BullMQ's own words are no JSON.
  }
  if (text.includes('stalled')) return stalledTooOften
  return { code: 'INTERNAL', message: text }
}

/** Takings that may end with the death of the worker. */
export const mostStalls = 20

const stalledTooOften: JobFailure = {
  code: 'JOB_STALLED',
  message:
    `More than ${mostStalls} workers died while they worked on this job, so nobody takes it any more. ` +
    'See what ended them (memory, as a rule: then a smaller --size), and put it back with: text2live batch retry.',
}

/** @throws QUEUE_JOB_INVALID for what no text2live of this protocol wrote */
export function readPayload(data: unknown, name: string): JobPayload {
  const parsed = payloadSchema.safeParse(data)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new Text2LiveError(
    'QUEUE_JOB_INVALID',
    `Job ${name} is no job of this protocol (version ${protocolVersion}): ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}. Another program wrote it, or another version of text2live.`,
  )
}
