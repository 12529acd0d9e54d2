import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { Text2LiveError } from '../../errors.js'
import { readSafetensors, writeSafetensors, type SafetensorsTensor } from '../../formats/safetensors.js'
import { toFloat32 } from '../../formats/toFloat32.js'
import { atomicWrite } from '../../media/node/atomicWrite.js'
import type { VideoSettings } from '../../options/videoOptions.js'
import { videoTable } from '../../options/videoTable.js'
import { writing } from '../fileErrors.js'
import { assertFiniteNumbers, readSavedSettings } from '../../session/readSavedSettings.js'
import { readRunFile } from '../runFile.js'
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
  })
  .loose()

/**
 * Writes a checkpoint aside and renames it, so that it is always whole.
 * @returns the number of bytes
 * @throws DISK_FULL, OUTPUT_NOT_WRITABLE
 */
export async function writeStageCheckpoint(
  path: string,
  stage: string,
  fingerprint: VideoFingerprint,
  { tensors, texts }: StageCheckpoint,
): Promise<number> {
  const settings = JSON.stringify(fingerprint.settings)
  const bytes = writeSafetensors(tensors, { ...texts, kind, version, stage, settings, pictures: fingerprint.pictures })
  await writing(path, () => mkdir(dirname(path), { recursive: true }))
  await writing(path, () => atomicWrite(path, bytes))
  return bytes.byteLength
}

/**
 * The checkpoint at `path`, or null where there is none.
 * @throws SAFETENSORS_INVALID, CHECKPOINT_INVALID; RUN_INVALID for a link or no regular file; CHECKPOINT_MISMATCH where
 *   another configuration or another clip made it, naming what differs
 */
export async function readStageCheckpoint(
  path: string,
  stage: string,
  fingerprint: VideoFingerprint,
): Promise<StageCheckpoint | null> {
  const bytes = await readRunFile(path)
  if (bytes === null) return null
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
  return { tensors, texts: metadata }
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
