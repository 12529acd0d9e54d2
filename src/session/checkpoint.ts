import { z } from 'zod'
import { Text2LiveError } from '../errors.js'
import { readSafetensors, writeSafetensors, float32Tensor } from '../formats/safetensors.js'
import { toFloat32 } from '../formats/toFloat32.js'
import { optionRow, settingNames, type ImageSettings } from '../options/imageOptions.js'
import { imageTable } from '../options/imageTable.js'
import { assertFiniteNumbers, readSavedSettings, readSavedStep } from './readSavedSettings.js'
import { runFiles } from './runFiles.js'
import type { RunStore } from './store.js'
import type { TrainerState } from './trainerContract.js'

/** What a checkpoint belongs to: the settings it was trained with and the pictures, by their SHA-256. */
export interface Fingerprint {
  readonly settings: ImageSettings
  readonly photo: string
  /** Empty without a mask; in a checkpoint, while the mask is changed, that before and that after, a space between. */
  readonly mask: string
  /** Of each layer below, the lowest first. */
  readonly below: readonly string[]
}

interface Checkpoint {
  readonly state: TrainerState
  readonly fingerprint: Fingerprint
}

const kind = 'text2live image checkpoint'
const version = '1'

const metadataSchema = z.object({
  kind: z.literal(kind),
  version: z.literal(version),
  step: z.string(),
  settings: z.string(),
  photo: z.string(),
  mask: z.string(),
  /** SHA-256 of the layers below, with spaces between them; absent where there are none. */
  below: z.string().optional(),
})

/**
 * Writes the state aside and renames it, so that a checkpoint is always whole.
 * @returns the number of bytes written
 * @throws LOSS_NOT_FINITE when the state holds NaN or infinity: the checkpoint before it is kept
 */
export async function writeCheckpoint(
  store: Pick<RunStore, 'write'>,
  { state, fingerprint }: Checkpoint,
): Promise<number> {
  assertFinite(state)
  const tensors = new Map(
    Object.entries(state.tensors).map(([name, { shape, data }]) => [name, float32Tensor(shape, data)]),
  )
  const { settings, photo, mask, below } = fingerprint
  const bytes = writeSafetensors(tensors, {
    kind,
    version,
    step: String(state.step),
    settings: JSON.stringify(settings),
    photo,
    mask,
    ...(below.length === 0 ? {} : { below: below.join(' ') }),
  })
  await store.write(runFiles.checkpoint, bytes)
  return bytes.byteLength
}

/**
 * The checkpoint of a run, or null where there is none.
 * @throws SAFETENSORS_INVALID, CHECKPOINT_INVALID; RUN_INVALID for a link or no regular file
 */
export async function readCheckpoint(store: Pick<RunStore, 'file' | 'read'>): Promise<Checkpoint | null> {
  const bytes = await store.read(runFiles.checkpoint)
  return bytes === null ? null : decodeCheckpoint(bytes, store.file(runFiles.checkpoint))
}

/** @param path what the file is called in messages. @throws SAFETENSORS_INVALID, CHECKPOINT_INVALID */
function decodeCheckpoint(bytes: Uint8Array, path: string): Checkpoint {
  const { metadata, tensors } = readSafetensors(bytes, path)
  const parsed = metadataSchema.safeParse(metadata)
  if (!parsed.success) {
    throw new Text2LiveError(
      'CHECKPOINT_INVALID',
      `${path} is not a checkpoint that this program reads (expected "${kind}", version ${version}). Delete it to start the run again.`,
    )
  }
  const { step, settings, photo, mask, below } = parsed.data
  const state: TrainerState = {
    step: readSavedStep(step, path),
    tensors: Object.fromEntries(
      [...tensors].map(([name, tensor]) => [name, { shape: tensor.shape, data: toFloat32(tensor, name) }]),
    ),
  }
  for (const [name, { data }] of Object.entries(state.tensors)) assertFiniteNumbers(name, data, path)
  return {
    state,
    fingerprint: {
      settings: readSavedSettings(imageTable, settings, path) as unknown as ImageSettings,
      photo,
      mask,
      below: below?.split(' ') ?? [],
    },
  }
}

/** What a checkpoint says that belongs to a run under either of two masks. */
export const eitherMask = (before: Fingerprint, after: Fingerprint): Fingerprint => ({
  ...before,
  mask: `${before.mask} ${after.mask}`,
})

/**
 * A checkpoint continues only the run that it was made by.
 * @throws CHECKPOINT_MISMATCH naming each key that differs
 */
export function assertSameRun(path: string, saved: Fingerprint, now: Fingerprint): void {
  const fixed = settingNames.filter((name) => optionRow(name).free !== true && name !== 'photo' && name !== 'mask')
  const differing = fixed
    // An option that did not exist when the run was made had its default.
    .filter(
      (name) =>
        JSON.stringify(saved.settings[name] ?? optionRow(name).default) !==
        JSON.stringify(now.settings[name] ?? optionRow(name).default),
    )
    .map(
      (name) =>
        `${name} (checkpoint ${JSON.stringify(saved.settings[name] ?? null)}, now ${JSON.stringify(now.settings[name])})`,
    )
  const pictures = (['photo', 'mask'] as const)
    .filter((name) => !(name === 'mask' ? saved.mask.split(' ') : [saved[name]]).includes(now[name]))
    .map((name) => `the ${name} (another picture)`)
  if (saved.below.join() !== now.below.join()) pictures.push('what is below (other layers)')
  if (differing.length + pictures.length === 0) return
  throw new Text2LiveError(
    'CHECKPOINT_MISMATCH',
    `${path} was made by another configuration. These differ: ${[...differing, ...pictures].join(', ')}. ` +
      'Set them back to continue, or start a new run with the new values.',
  )
}

/** @throws LOSS_NOT_FINITE for a state that must not replace the last good one */
export function assertFinite({ step, tensors }: TrainerState): void {
  for (const [name, { data }] of Object.entries(tensors)) {
    if (data.every(Number.isFinite)) continue
    throw new Text2LiveError(
      'LOSS_NOT_FINITE',
      `After step ${step} the values of ${name} are no longer finite numbers. The last good checkpoint is kept. ` +
        'Try a lower --learning-rate or another --seed.',
    )
  }
}
