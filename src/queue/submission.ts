import { createHash } from 'node:crypto'
import type { BatchJob } from '../batch/batchJob.js'
import { jobSettings } from '../batch/jobSettings.js'
import { Text2LiveError } from '../errors.js'
import { portableGuidance } from '../run/portableGuidance.js'
import { isFit } from '../session/video/atlasStage.js'
import { describeInput, type DescribedInput } from './jobInputs.js'
import { ownVersion } from './openQueue.js'
import { canonicalJson, fileOptions, type JobInput, type JobPayload, memoryClass, protocolVersion } from './protocol.js'
import type { Submission } from './queueClient.js'
import type { FileDigest } from './store/objectStore.js'

/** What holds for all jobs of a list. */
export interface SubmissionTerms {
  readonly priority: number
  /** Milliseconds. */
  readonly delay: number
  /** GiB that a job asks of its worker. */
  readonly memory: number
}

/** The options of a kind that name its input and what else it reads. */
const read = { photo: ['photo', 'mask'], clip: ['clip', 'object', 'mask'] } as const

/**
 * A job of a list as it goes into the queue, and the inputs that must be in the store then.
 * @param store which one, see `OpenedStore`
 * @param digestOf tells the digest of a file
 * @throws OPTION_INVALID for what cannot be done on another machine; INPUT_NOT_FOUND, and what `jobSettings` throws
 */
export async function submissionOf(
  job: BatchJob,
  store: string,
  { priority, delay, memory }: SubmissionTerms,
  digestOf: (path: string) => Promise<FileDigest>,
): Promise<{ readonly submission: Submission; readonly inputs: readonly DescribedInput[] }> {
  const { settings, drawsSeed } = await jobSettings(job)
  assertAnywhere(job)
  if ('atlas' in settings && !isFit(settings.atlas))
    throw elsewhere(job, `the fitted atlas "${settings.atlas}"`, 'the atlas "fast" or "neural"')
  const described: Record<string, DescribedInput> = {}
  for (const option of read[job.kind]) {
    const path = option === job.kind ? job.input : (settings as Readonly<Record<string, unknown>>)[option]
    if (typeof path === 'string') described[option] = await describeInput(path, digestOf)
  }
  const inputs: Record<string, JobInput> = Object.fromEntries(
    Object.entries(described).map(([option, { input }]) => [option, input]),
  )
  const guidance = settings.guidance.map(portableGuidance)
  // What a file of options says is told in full: that file stays here.
  const told = (job.options['config'] ?? null) === null ? job.options : settings
  const payload: JobPayload = {
    protocol: protocolVersion,
    version: ownVersion,
    store,
    kind: job.kind,
    out: job.out,
    options: { ...withoutFiles(told), guidance },
    inputs,
    needs: {
      device: settings.device === 'auto' ? 'any' : settings.device,
      guidance: [...new Set(guidance)].sort(),
      memory: memoryClass(memory),
    },
  }
  const seeded = drawsSeed ? { ...payload, options: { ...payload.options, seed: seedOf(payload) } } : payload
  return { submission: { payload: seeded, priority, delay }, inputs: Object.values(described) }
}

function withoutFiles(options: object): JobPayload['options'] {
  const files: readonly string[] = fileOptions
  return Object.fromEntries(Object.entries(options).filter(([name, value]) => !files.includes(name) && value !== null))
}

/** A seed that nobody chose is drawn from the job itself: submitted again, it is the same job. */
function seedOf(payload: JobPayload): number {
  const { seed: _, ...options } = payload.options
  const hash = createHash('sha256')
    .update(canonicalJson({ ...payload, options }))
    .digest()
  return hash.readUInt32BE(0)
}

/** @throws OPTION_INVALID for what only this machine has */
function assertAnywhere(job: BatchJob): void {
  const over = job.options['over'] ?? []
  if (!Array.isArray(over) || over.length > 0) throw elsewhere(job, 'runs that it is painted over (over)', 'no over')
}

const elsewhere = (job: BatchJob, what: string, instead: string): Text2LiveError =>
  new Text2LiveError(
    'OPTION_INVALID',
    `Line ${job.line} of the list ("${job.out}") names ${what}, which other machines do not have. Use ${instead} with --queue, or do this job without a queue.`,
  )
