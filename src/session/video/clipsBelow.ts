import type { LayerName } from '../../atlas/layeredAtlas.js'
import { Text2LiveError } from '../../errors.js'
import { readSafetensors } from '../../formats/safetensors.js'
import { originsFile, readOrigins } from '../layersBelow.js'
import { runFiles } from '../runFiles.js'
import type { RunStore } from '../store.js'
import type { ClipMachine } from './clipMachine.js'
import { belowFolder } from './videoFiles.js'

const layerNames = ['foreground', 'background'] as const satisfies readonly LayerName[]

type Digest = Pick<ClipMachine, 'digest'>

/** The edits of a run over a clip that another is painted over, as that one keeps them. */
export interface ClipBelow {
  /** What messages call it: its run, or the copy of it. */
  readonly place: string
  /** The name of the run it came from, beside this one. */
  readonly run: string
  /** What layered files call it: the prompt it was made with. */
  readonly title: string
  /** What the atlas of that run is recognised by, which is the atlas of this one too. */
  readonly atlas: string
  /** PNG of each layer that it edits, of the size of its atlas image: RGBA, straight alpha. */
  readonly edits: Readonly<Partial<Record<LayerName, Uint8Array>>>
}

const copyOf = (folder: string, layer: LayerName): string => `${folder}/${layer}.png`

/**
 * What an atlas is recognised by, with the frames it was fitted to: whatever wrote the file, and in what order.
 * @param path what the file is called in messages
 * @param clip SHA-256 of the frames; default: those that the file names
 * @throws SAFETENSORS_INVALID
 */
export function atlasDigest(bytes: Uint8Array, path: string, { digest }: Digest, clip?: string): string {
  const { metadata, tensors } = readSafetensors(bytes, path)
  const pieces: (Uint8Array | string)[] = [`${metadata['method']} ${clip ?? metadata['clip']}`]
  for (const [name, { dtype, shape, bytes: values }] of [...tensors].sort(([a], [b]) => (a < b ? -1 : 1)))
    pieces.push(`${name} ${dtype} ${shape.join('x')}`, values)
  return digest(pieces)
}

/** The pictures of the layers that are there. */
export async function editsIn(
  run: Pick<RunStore, 'read'>,
  nameOf: (layer: LayerName) => string,
): Promise<ClipBelow['edits']> {
  const edits: { -readonly [Layer in LayerName]?: Uint8Array } = {}
  for (const layer of layerNames) {
    const png = await run.read(nameOf(layer))
    if (png !== null) edits[layer] = png
  }
  return edits
}

/** The files that keep what a run stands on; none where it stands on nothing. */
export function clipBelowFiles(layers: readonly ClipBelow[]): Record<string, Uint8Array | string> {
  const copies = layers.flatMap(({ edits }, i) =>
    layerNames.flatMap((layer) => {
      const png = edits[layer]
      return png === undefined ? [] : [[copyOf(belowFolder(i), layer), png] as const]
    }),
  )
  return {
    ...Object.fromEntries(copies),
    ...originsFile(layers.map(({ run, title, atlas }) => ({ run, title, atlas }))),
  }
}

/**
 * A run's own copies of what it stands on.
 * @param folders as its settings name them
 * @throws RUN_INVALID
 */
export async function keptClips(
  run: Pick<RunStore, 'file' | 'read'>,
  folders: readonly string[],
): Promise<readonly ClipBelow[]> {
  if (folders.length === 0) return []
  const origins = await readOrigins(run, 'atlas')
  const layers: ClipBelow[] = []
  for (const [i, folder] of folders.entries()) {
    const edits = folder === belowFolder(i) ? await editsIn(run, (layer) => copyOf(folder, layer)) : {}
    if (Object.keys(edits).length === 0)
      throw new Text2LiveError(
        'RUN_INVALID',
        `${run.file(runFiles.config)} names "${folder}" as a layer that the run stands on, and there should be pictures in ${belowFolder(i)} of the run. Take another copy of the run, or start a new one.`,
      )
    layers.push({ place: run.file(folder), edits, ...(origins[i] ?? { run: '', title: folder, atlas: '' }) })
  }
  return layers
}

/** What the pictures of layers are recognised by. */
export const editsDigest = (layers: readonly Pick<ClipBelow, 'edits'>[], { digest }: Digest): string =>
  digest(
    layers.flatMap(({ edits }, i) =>
      layerNames.flatMap((layer) => {
        const png = edits[layer]
        return png === undefined ? [] : [`${i} ${layer} ${png.length}`, png]
      }),
    ),
  )

/**
 * @param atlas what the atlas of the run is recognised by
 * @throws ATLAS_MISMATCH for runs below that stand on another atlas, or another clip
 */
export function assertSameAtlas(atlas: string, layers: readonly ClipBelow[]): void {
  const other = layers.find((layer) => layer.atlas !== atlas)
  if (other === undefined) return
  throw new Text2LiveError(
    'ATLAS_MISMATCH',
    `Expected this clip, and the atlas of this run, to be those of "${other.place}", which it is to be painted over; one of them is another. ` +
      'Give the clip that the run below edits, with its --frames and --size, and leave --atlas out.',
  )
}
