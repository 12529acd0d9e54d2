import { Text2LiveError } from '../errors.js'
import { digest } from './digest.js'
import { outputFiles } from './events.js'
import { type LayerBelow, readOrigins } from './layersBelow.js'
import { readRunSettings } from './savedRun.js'
import type { RunStore } from './store.js'

/** What is there, null where there is no such run. */
export const orNone = (found: Promise<LookedAt>): Promise<LookedAt | null> =>
  found.catch((error: unknown) => {
    if (error instanceof Text2LiveError && error.code === 'RUN_NOT_FOUND') return null
    throw error
  })

/** @throws OPTION_INVALID where the options of a job name the runs that it stands on by path */
export function assertOverByName({ over }: { readonly over?: string | readonly string[] | null | undefined }): void {
  if ((over ?? []).length > 0)
    throw new Text2LiveError(
      'OPTION_INVALID',
      'Expected the runs that a job stands on by their names, in "over" of the job; its options name some by path.',
    )
}

/** A run that is looked at. */
export type LookedAt = Pick<RunStore, 'path' | 'file' | 'read'>

/** What a run stands on. */
export interface Below {
  readonly layers: readonly LayerBelow[]
  /** The photo of the lowest run, for who names no other; null where it stands on nothing. */
  readonly photo: { readonly name: string; readonly bytes: Uint8Array } | null
  /** What a person may not expect of how they are taken. */
  readonly notes: readonly string[]
}

/**
 * Takes the present edits of runs as layers.
 * @param names of the runs, the lowest first
 * @throws RUN_NOT_FOUND, RUN_INVALID for a run without an edit, CONFIG_*
 */
export async function takeLayers(names: readonly string[], look: (name: string) => Promise<LookedAt>): Promise<Below> {
  const layers: LayerBelow[] = []
  const notes: string[] = []
  let photo: Below['photo'] = null
  for (const name of names) {
    const run = await look(name)
    const { settings } = await readRunSettings(run)
    const own = settings.photo === null ? null : await run.read(settings.photo)
    const png = await run.read(outputFiles.edit)
    if (png === null || own === null)
      throw new Text2LiveError(
        'RUN_INVALID',
        `Expected "${run.path}" to hold ${outputFiles.edit}, to stand on it, and its photo; ${png === null ? 'it has no edit yet' : 'the photo is gone'}. Of several seeds take one, as in ${run.path}/seed-1; of a run that was cut off: text2live render ${run.path}`,
      )
    photo ??= { name: run.file(settings.photo!), bytes: own }
    const note = unnamedNote(run.path, await readOrigins(run, 'photo'), names)
    if (note !== null) notes.push(note)
    layers.push({
      file: run.file(outputFiles.edit),
      png,
      title: settings.prompt[0] ?? lastPart(name),
      run: lastPart(name),
      photo: await digest(own),
    })
  }
  return { layers, photo, notes }
}

/** What to tell of a run to stand on that stands itself on runs which are not named; null where there is nothing. */
export function unnamedNote(
  path: string,
  origins: readonly { readonly run: string }[],
  names: readonly string[],
): string | null {
  const stoodOn = origins.map(({ run }) => run).filter((run) => !names.some((name) => lastPart(name) === run))
  return stoodOn.length === 0
    ? null
    : `over: "${path}" itself stands on ${stoodOn.join(', ')}, and only what is named is below this run; name them before it to have them there too`
}

/** The last part of a path that may end with a slash. */
export const lastPart = (path: string): string => path.split(/[\\/]/).findLast((part) => part !== '') ?? path

/** Looks at a run beside this one; null where there is none. */
export type LookBeside = (run: string) => Promise<LookedAt | null>

/**
 * The same layers as the runs beside have them now; the own copy where no such run is there any more.
 * @param note is told what was taken
 */
export const presentLayers = (
  kept: readonly LayerBelow[],
  beside: LookBeside,
  note: (message: string) => void,
): Promise<readonly LayerBelow[]> => presentOf(kept, presentEdit, ({ png }) => digest(png), beside, note)

/**
 * The layers of a photo or a clip as the runs beside have them now.
 * @param present the layer as that run has it; null for another run, that has taken the name of the one it came from
 * @param digestOf what the pictures of a layer are recognised by
 */
export async function presentOf<Layer extends Pick<LayerBelow, 'run' | 'title'>>(
  kept: readonly Layer[],
  present: (layer: Layer, run: LookedAt) => Promise<Layer | null>,
  digestOf: (layer: Layer) => Promise<string> | string,
  beside: LookBeside,
  note: (message: string) => void,
): Promise<readonly Layer[]> {
  const layers: Layer[] = []
  for (const layer of kept) {
    const { run, title } = layer
    const found = leadsElsewhere(run) ? null : await beside(run)
    const now = found === null ? null : await present(layer, found)
    if (now === null)
      note(`below: the run's own copy of "${title}", since the run it came from ("${run}") is not beside it`)
    else if ((await digestOf(now)) !== (await digestOf(layer)))
      note(`below: "${title}" as ${run} has it now, which is not what this run was trained over`)
    layers.push(now ?? layer)
  }
  return layers
}

const leadsElsewhere = (run: string): boolean => run === '' || run === '.' || run === '..' || /[\\/\0]/.test(run)

async function presentEdit(layer: LayerBelow, run: LookedAt): Promise<LayerBelow | null> {
  const { settings } = await readRunSettings(run)
  const own = settings.photo === null ? null : await run.read(settings.photo)
  if (own === null || (await digest(own)) !== layer.photo) return null
  const png = await run.read(outputFiles.edit)
  return png && { ...layer, png }
}
