import { z } from 'zod'
import { Text2LiveError } from '../../errors.js'
import { readSafetensors, writeSafetensors, type SafetensorsTensor } from '../../formats/safetensors.js'
import { toFloat32 } from '../../formats/toFloat32.js'
import type { VideoSettings } from '../../options/videoOptions.js'
import { videoTable } from '../../options/videoTable.js'
import { assertFiniteNumbers, readSavedSettings, readSavedStep } from '../readSavedSettings.js'
import type { RunStore } from '../store.js'
import { differingSettings } from './differingSettings.js'

/** What a run's checkpoints belong to: its settings and the pictures it works on, by their SHA-256. */
export interface VideoFingerprint {
  readonly settings: VideoSettings
  /** Of the frames, the masks of the object and the mask of the edit. */
  readonly pictures: string
}

/** Tensors and texts of one stage. */
export interface StageCheckpoint {
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>
  readonly texts: Readonly<Record<string, string>>
}

const kind = 'text2live video checkpoint'
const version = '1'
const metadataSchema = z
  .object({
    kind: z.literal(kind),
    version: z.literal(version),
    stage: z.string(),
    settings: z.string(),
    pictures: z.string(),
    step: z.string().optional(),
  })
  .loose()

/** A tensor of one type and shape; a side that is null may have any length. */
export const tensorSchema = (
  dtype: SafetensorsTensor['dtype'],
  shape: readonly (number | null)[],
): z.ZodType<SafetensorsTensor> =>
  z.custom<SafetensorsTensor | undefined>(
    (tensor) =>
      (tensor as SafetensorsTensor | undefined)?.dtype === dtype &&
      (tensor as SafetensorsTensor).shape.length === shape.length &&
      shape.every((side, i) => side === null || side === (tensor as SafetensorsTensor).shape[i]),
    `expected ${dtype} of ${shape.map((side) => side ?? 'any').join('x')}`,
  ) as z.ZodType<SafetensorsTensor>

/** Stages that count no steps. */
const uncounted = new Set(['flow', 'masks'])

/** A checkpoint as it is read. */
export interface SavedStage<Named> {
  /** Steps or sweeps done; 0 of a stage that counts none. */
  readonly step: number
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>
  /** The tensors that the stage's schema names. */
  readonly named: Named
}

/**
 * Writes a checkpoint, whole or not at all.
 * @param name of its file
 * @returns the number of bytes
 * @throws DISK_FULL, OUTPUT_NOT_WRITABLE
 */
export async function writeStageCheckpoint(
  store: Pick<RunStore, 'write'>,
  name: string,
  stage: string,
  fingerprint: VideoFingerprint,
  { tensors, texts }: StageCheckpoint,
): Promise<number> {
  const settings = JSON.stringify(fingerprint.settings)
  const bytes = writeSafetensors(tensors, { ...texts, kind, version, stage, settings, pictures: fingerprint.pictures })
  await store.write(name, bytes)
  return bytes.byteLength
}

/**
 * The checkpoint of that name, or null where there is none.
 * @param schema of the tensors by name
 * @throws SAFETENSORS_INVALID, CHECKPOINT_INVALID; RUN_INVALID for a link or no regular file; CHECKPOINT_MISMATCH where
 *   another configuration or another clip made it, naming what differs
 */
export async function readStageCheckpoint<Named = unknown>(
  store: Pick<RunStore, 'file' | 'read'>,
  name: string,
  stage: string,
  fingerprint: VideoFingerprint,
  schema: z.ZodType<Named> = z.unknown() as z.ZodType<Named>,
): Promise<SavedStage<Named> | null> {
  const bytes = await store.read(name)
  if (bytes === null) return null
  const path = store.file(name)
  const { metadata, tensors } = readSafetensors(bytes, path)
  const parsed = metadataSchema.safeParse(metadata)
  if (!parsed.success || parsed.data.stage !== stage) {
    throw new Text2LiveError(
      'CHECKPOINT_INVALID',
      `${path} is not a checkpoint of the ${stage} that this program reads. Delete it to begin that stage again.`,
    )
  }
  assertSame(path, parsed.data, fingerprint)
  for (const [name, tensor] of tensors)
    if (/^B?F\d/.test(tensor.dtype)) assertFiniteNumbers(name, toFloat32(tensor, name), path)
  const named = schema.safeParse(Object.fromEntries(tensors))
  if (named.success)
    return {
      tensors,
      named: named.data,
      step: uncounted.has(stage) ? 0 : readSavedStep(parsed.data.step, path),
    }
  const [issue] = named.error.issues
  throw new Text2LiveError(
    'CHECKPOINT_INVALID',
    `${path} does not hold what the ${stage} of this clip leaves ("${issue?.path.join('.')}": ${issue?.message}). Delete it to begin that stage again.`,
  )
}

function assertSame(
  path: string,
  saved: { readonly settings: string; readonly pictures: string },
  now: VideoFingerprint,
): void {
  const differing = differingSettings(
    readSavedSettings(videoTable, saved.settings, path) as unknown as VideoSettings,
    now.settings,
  )
  if (saved.pictures !== now.pictures) differing.push('the clip or its masks (other pictures)')
  if (differing.length === 0) return
  throw new Text2LiveError(
    'CHECKPOINT_MISMATCH',
    `${path} was made by another configuration. These differ: ${differing.join(', ')}. ` +
      'Set them back to continue, or start a new run with the new values.',
  )
}
