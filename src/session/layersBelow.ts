import { z } from 'zod'
import { Text2LiveError } from '../errors.js'
import type { PixelImage } from '../media/quantise.js'
import { runFiles } from './runFiles.js'
import type { RunStore } from './store.js'

/** The edit of a run that another is painted over, as that one keeps it. */
export interface LayerBelow {
  /** What messages call its picture. */
  readonly file: string
  /** PNG of the photo's size: RGBA, straight alpha. */
  readonly png: Uint8Array
  /** What layered files call it: the prompt it was made with. */
  readonly title: string
  /** The name of the run it came from, beside this one. */
  readonly run: string
  /** SHA-256 of that run's photo: another run that has taken its name is told from it. */
  readonly photo: string
}

export interface DecodedLayer extends LayerBelow {
  readonly image: PixelImage
}

/** What a run's copy of a layer below is called; `i` counts from 0. */
export const belowFile = (i: number): string => `below-${i + 1}.png`

/** Where a layer below came from; `Of` names what its run is recognised by, as SHA-256. */
type Origin<Of extends 'photo' | 'atlas'> = { readonly run: string; readonly title: string } & Readonly<
  Record<Of, string>
>

const originsSchema = <Of extends 'photo' | 'atlas'>(of: Of) =>
  z
    .array(
      z.object({
        run: z.string().max(1000),
        title: z.string().max(10_000),
        [of]: z.string().regex(/^[0-9a-f]{64}$/),
      }),
    )
    .max(1000) as unknown as z.ZodType<Origin<Of>[]>

/**
 * Where the layers below came from, one for each.
 * @param of what a run is recognised by: of a photo that (default), of a clip its atlas
 * @throws RUN_INVALID
 */
export async function readOrigins<Of extends 'photo' | 'atlas' = 'photo'>(
  run: Pick<RunStore, 'file' | 'read'>,
  of = 'photo' as Of,
): Promise<readonly Origin<Of>[]> {
  const bytes = await run.read(runFiles.below)
  if (bytes === null) return []
  const parsed = originsSchema(of).safeParse(parse(new TextDecoder().decode(bytes)))
  if (parsed.success) return parsed.data
  throw new Text2LiveError(
    'RUN_INVALID',
    `Expected ${run.file(runFiles.below)} to say where the layers below come from: a list of run, title and ${of}. Take another copy of the run.`,
  )
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return null
  }
}

/** The files that keep what a run stands on; none where it stands on nothing. */
export function belowFiles(layers: readonly LayerBelow[]): Record<string, Uint8Array | string> {
  if (layers.length === 0) return {}
  return {
    ...Object.fromEntries(layers.map(({ png }, i) => [belowFile(i), png])),
    ...originsFile(layers.map(({ run, title, photo }) => ({ run, title, photo }))),
  }
}

/** The file that says where layers below came from; none where there are no layers. */
export const originsFile = (origins: readonly (Origin<'photo'> | Origin<'atlas'>)[]): Record<string, string> =>
  origins.length === 0 ? {} : { [runFiles.below]: `${JSON.stringify(origins, null, 2)}\n` }

/**
 * A run's own copies of what it stands on.
 * @param files as its settings name them
 * @throws RUN_INVALID
 */
export async function keptLayers(
  run: Pick<RunStore, 'file' | 'read'>,
  files: readonly string[],
): Promise<LayerBelow[]> {
  if (files.length === 0) return []
  const origins = await readOrigins(run, 'photo')
  const layers: LayerBelow[] = []
  for (const [i, file] of files.entries()) {
    const png = file === belowFile(i) ? await run.read(file) : null
    if (png === null)
      throw new Text2LiveError(
        'RUN_INVALID',
        `${run.file(runFiles.config)} names "${file}" as a layer that the run stands on, and there should be a ${belowFile(i)} in the run. Take another copy of the run, or start a new one.`,
      )
    layers.push({ file: run.file(file), png, ...(origins[i] ?? { run: '', title: file, photo: '' }) })
  }
  return layers
}
