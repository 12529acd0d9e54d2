import type { LayerName } from '../../atlas/layeredAtlas.js'
import { Text2LiveError } from '../../errors.js'
import { readOrigins } from '../layersBelow.js'
import { lastPart, type LookBeside, type LookedAt, presentOf, unnamedNote } from '../takeLayers.js'
import type { ClipMachine } from './clipMachine.js'
import { atlasDigest, type ClipBelow, editsDigest, editsIn } from './clipsBelow.js'
import { isClipRun, readVideoSettings } from './savedClip.js'
import { videoFiles, videoOutputFiles } from './videoFiles.js'

type Digest = Pick<ClipMachine, 'digest'>

/** What a run over a clip stands on. */
export interface ClipsBelow {
  /** The lowest first. */
  readonly layers: readonly ClipBelow[]
  /** What a person may not expect of how they are taken. */
  readonly notes: readonly string[]
}

const outputOf = (layer: LayerName): string => videoOutputFiles[`${layer}Edit`]

/**
 * Takes the present edits of runs over the same clip.
 * @param names of the runs, the lowest first
 * @throws RUN_NOT_FOUND, RUN_INVALID for a run without an edit, CONFIG_*
 */
export async function takeClips(
  names: readonly string[],
  look: (name: string) => Promise<LookedAt>,
  machine: Digest,
): Promise<ClipsBelow> {
  const layers: ClipBelow[] = []
  const notes: string[] = []
  for (const name of names) {
    const run = await look(name)
    if (!(await isClipRun(run)))
      throw new Text2LiveError(
        'RUN_INVALID',
        `Expected "${run.path}" to be the run of a clip, to stand on it; it edits a photo.`,
      )
    const { prompt, foregroundPrompt, backgroundPrompt } = await readVideoSettings(run)
    const [edits, atlas] = [await editsIn(run, outputOf), await run.read(videoFiles.atlas)]
    if (Object.keys(edits).length === 0 || atlas === null)
      throw new Text2LiveError(
        'RUN_INVALID',
        `Expected "${run.path}" to hold an atlas and ${outputOf('foreground')} or ${outputOf('background')}, to stand on it; it has no edit yet. Finish it, or of a run that was cut off: text2live render ${run.path}`,
      )
    const note = unnamedNote(run.path, await readOrigins(run, 'atlas'), names)
    if (note !== null) notes.push(note)
    layers.push({
      place: run.path,
      run: lastPart(name),
      title: [...prompt, ...foregroundPrompt, ...backgroundPrompt][0] ?? lastPart(name),
      atlas: atlasDigest(atlas, run.file(videoFiles.atlas), machine),
      edits,
    })
  }
  return { layers, notes }
}

/**
 * The same layers as the runs beside have them now; the own copies where no such run is there any more.
 * @param note is told what was taken
 */
export const presentClips = (
  kept: readonly ClipBelow[],
  beside: LookBeside,
  machine: Digest,
  note: (message: string) => void,
): Promise<readonly ClipBelow[]> =>
  presentOf(
    kept,
    (layer, run) => presentEdits(layer, run, machine),
    (layer) => editsDigest([layer], machine),
    beside,
    note,
  )

async function presentEdits(layer: ClipBelow, run: LookedAt, machine: Digest): Promise<ClipBelow | null> {
  const own = await run.read(videoFiles.atlas)
  if (own === null || atlasDigest(own, run.file(videoFiles.atlas), machine) !== layer.atlas) return null
  const edits = await editsIn(run, outputOf)
  return Object.keys(edits).length === 0 ? null : { ...layer, edits }
}
