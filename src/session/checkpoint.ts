import { z } from 'zod'
import { Text2LiveError } from '../errors.js'
import { float32Tensor, readSafetensors, writeSafetensors, type SafetensorsTensor } from '../formats/safetensors.js'
import { toFloat32 } from '../formats/toFloat32.js'
import type { OptionTable } from '../options/optionTable.js'
import { differingSettings } from './differingSettings.js'
import { assertFiniteNumbers, parsedJson, readSavedSettings, readSavedStep } from './readSavedSettings.js'
import type { RunStore } from './store.js'
import type { TrainerState } from './trainerContract.js'

/** The pictures that a run works on, by their SHA-256; what it has none of is left out or empty. */
export interface Pictures {
  readonly photo?: string | undefined
  /** That the edit is bound by. In a checkpoint, while it is changed, that before and that after, a space between. */
  readonly mask?: string | undefined
  /** Of each layer below, the lowest first, with "+" between. */
  readonly below?: string | undefined
  /** Of the frames of a clip, the masks of its object and the mask of the edit, together. */
  readonly clip?: string | undefined
}

/** What the checkpoints of a run belong to. */
export interface Fingerprint<Settings extends object = object> {
  readonly settings: Settings
  readonly pictures: Pictures
}

/** A file of a run, which a stage of it goes on from. */
export interface CheckpointPlace {
  /** The file's name in the store. */
  readonly file: string
  /** What it is a checkpoint of, as messages call it: "training of the foreground". */
  readonly stage: string
  /** Does the stage count steps or sweeps? */
  readonly counted: boolean
  /** The options of such a run. */
  readonly table: OptionTable
}

/** A checkpoint as it is read. */
export interface Saved<Named = unknown> {
  /** Steps or sweeps done; 0 of a stage that counts none. */
  readonly step: number
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>
  /** The tensors that the stage's schema names. */
  readonly named: Named
  readonly fingerprint: Fingerprint<Readonly<Record<string, unknown>>>
}

type StoreToRead = Pick<RunStore, 'file' | 'read'>

const kind = 'text2live checkpoint'
const version = '2'

const digests = z.strictObject({
  photo: z.string().optional(),
  mask: z.string().optional(),
  below: z.string().optional(),
  clip: z.string().optional(),
})
const common = { settings: z.string(), step: z.string().optional() }

/** What a file says of itself: as it is written now, and as it was written until 0.2. */
const headerSchema = z.union([
  z.object({
    ...common,
    kind: z.literal(kind),
    version: z.literal(version),
    stage: z.string(),
    pictures: z.string().transform(parsedJson).pipe(digests),
  }),
  z
    .object({
      ...common,
      kind: z.literal('text2live image checkpoint'),
      version: z.literal('1'),
      photo: z.string(),
      mask: z.string(),
      /** With spaces between. */
      below: z.string().default(''),
    })
    .transform(({ settings, step, photo, mask, below }) => ({
      settings,
      step,
      stage: 'training',
      pictures: { photo, mask, below: below.replaceAll(' ', '+') },
    })),
  z
    .object({
      ...common,
      kind: z.literal('text2live video checkpoint'),
      version: z.literal('1'),
      stage: z.string(),
      pictures: z.string(),
    })
    .transform(({ settings, step, stage, pictures }) => ({ settings, step, stage, pictures: { clip: pictures } })),
])

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

/**
 * Writes a checkpoint, whole or not at all.
 * @param step steps or sweeps done, of a stage that counts them
 * @returns the number of bytes
 * @throws DISK_FULL, OUTPUT_NOT_WRITABLE
 */
export async function writeCheckpoint(
  store: Pick<RunStore, 'write'>,
  { file, stage }: CheckpointPlace,
  { settings, pictures }: Fingerprint,
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  step?: number,
): Promise<number> {
  const bytes = writeSafetensors(tensors, {
    kind,
    version,
    stage,
    ...(step === undefined ? {} : { step: String(step) }),
    settings: JSON.stringify(settings),
    pictures: JSON.stringify(pictures),
  })
  await store.write(file, bytes)
  return bytes.byteLength
}

/**
 * The checkpoint of any run, whatever it was made with; null where there is none.
 * @param schema of the tensors by name
 * @throws SAFETENSORS_INVALID, CHECKPOINT_INVALID; RUN_INVALID for a link or no regular file
 */
export async function loadCheckpoint<Named = unknown>(
  store: StoreToRead,
  { file, stage, counted, table }: CheckpointPlace,
  schema: z.ZodType<Named> = z.unknown() as z.ZodType<Named>,
): Promise<Saved<Named> | null> {
  const bytes = await store.read(file)
  if (bytes === null) return null
  const path = store.file(file)
  const { metadata, tensors } = readSafetensors(bytes, path)
  const header = headerSchema.safeParse(metadata)
  if (!header.success || header.data.stage !== stage) {
    throw new Text2LiveError(
      'CHECKPOINT_INVALID',
      `${path} is not a checkpoint of the ${stage} that this program reads. Delete it to begin that again.`,
    )
  }
  const { settings, step, pictures } = header.data
  const fingerprint = { settings: readSavedSettings(table, settings, path), pictures }
  for (const [name, tensor] of tensors)
    if (/^B?F\d/.test(tensor.dtype)) assertFiniteNumbers(name, toFloat32(tensor, name), path)
  const named = schema.safeParse(Object.fromEntries(tensors))
  if (named.success) return { step: counted ? readSavedStep(step, path) : 0, tensors, named: named.data, fingerprint }
  const [issue] = named.error.issues
  throw new Text2LiveError(
    'CHECKPOINT_INVALID',
    `${path} does not hold what the ${stage} of this run leaves ("${issue?.path.join('.')}": ${issue?.message}). Delete it to begin that again.`,
  )
}

/**
 * The checkpoint of this run; null where there is none.
 * @throws as `loadCheckpoint`; CHECKPOINT_MISMATCH where another configuration made it, or other pictures, naming what
 *   differs
 */
export async function readCheckpoint<Named = unknown>(
  store: StoreToRead,
  place: CheckpointPlace,
  now: Fingerprint,
  schema?: z.ZodType<Named>,
): Promise<Saved<Named> | null> {
  const saved = await loadCheckpoint(store, place, schema)
  if (saved !== null) assertSameRun(store.file(place.file), place.table, saved.fingerprint, now)
  return saved
}

/**
 * Writes the state of a training, whole or not at all.
 * @throws LOSS_NOT_FINITE when the state holds NaN or infinity: the checkpoint before it is kept; DISK_FULL,
 *   OUTPUT_NOT_WRITABLE
 */
export async function writeState(
  store: Pick<RunStore, 'write'>,
  place: CheckpointPlace,
  fingerprint: Fingerprint,
  { step, tensors }: TrainerState,
): Promise<number> {
  for (const [name, { data }] of Object.entries(tensors)) {
    if (data.every(Number.isFinite)) continue
    throw new Text2LiveError(
      'LOSS_NOT_FINITE',
      `After step ${step} the values of ${name} are no longer finite numbers. The last good checkpoint is kept. ` +
        'Try a lower --learning-rate or another --seed.',
    )
  }
  const packed = new Map(Object.entries(tensors).map(([name, { shape, data }]) => [name, float32Tensor(shape, data)]))
  return await writeCheckpoint(store, place, fingerprint, packed, step)
}

/** The state of a training, as `readCheckpoint` throws. */
export async function readState(
  store: StoreToRead,
  place: CheckpointPlace,
  now: Fingerprint,
): Promise<TrainerState | null> {
  const saved = await readCheckpoint(store, place, now)
  if (saved === null) return null
  const tensors = [...saved.tensors].map(
    ([name, tensor]) => [name, { shape: tensor.shape, data: toFloat32(tensor, name) }] as const,
  )
  return { step: saved.step, tensors: Object.fromEntries(tensors) }
}

/** What a checkpoint says that belongs to a run under either of two masks. */
export const eitherMask = <Settings extends object>(
  before: Fingerprint<Settings>,
  after: Fingerprint<Settings>,
): Fingerprint<Settings> => ({
  ...before,
  pictures: { ...before.pictures, mask: `${before.pictures.mask ?? ''} ${after.pictures.mask ?? ''}` },
})

const pictureNames: Readonly<Record<keyof Pictures, string>> = {
  photo: 'the photo (another picture)',
  mask: 'the mask (another picture)',
  below: 'what is below (other layers)',
  clip: 'the clip or its masks (other pictures)',
}

/**
 * A checkpoint continues only the run that it was made by.
 * @throws CHECKPOINT_MISMATCH naming each setting and picture that differs
 */
export function assertSameRun(path: string, table: OptionTable, saved: Fingerprint, now: Fingerprint): void {
  const pictures = (Object.keys(pictureNames) as (keyof Pictures)[]).filter(
    (name) => !(saved.pictures[name] ?? '').split(' ').includes(now.pictures[name] ?? ''),
  )
  const differing = [
    ...differingSettings(table, saved.settings, now.settings),
    ...pictures.map((name) => pictureNames[name]),
  ]
  if (differing.length === 0) return
  throw new Text2LiveError(
    'CHECKPOINT_MISMATCH',
    `${path} was made by another configuration. These differ: ${differing.join(', ')}. ` +
      'Set them back to continue, or start a new run with the new values.',
  )
}
