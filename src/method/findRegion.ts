import { breathe, stoppable } from '../engine/stoppable.js'
import { locateRegion, nameInPrompt, regionNote, type LocatedRegion, type RegionSearch } from './locateRegion.js'
import type { RegionTexts } from '../options/region.js'

/** What a region is looked for with that has yet to be named. */
export interface WantedRegion<Embedded extends RegionSearch['embedded'][number]> extends Omit<
  RegionSearch,
  'texts' | 'embedded'
> {
  /** The region's texts, or `agreed`: the name in the prompts that the photo shows. */
  readonly asked: RegionTexts
  readonly prompt: readonly string[]
  readonly truncate: boolean
  /**
   * Embeds a region with each model, and what else of the texts the caller needs.
   * @param name what prompt and photo agree on; null where nothing was to be agreed on, or nothing was found
   */
  readonly embed: (region: readonly string[], name: string | null) => Promise<Embedded[]>
  readonly onNote?: ((message: string) => void) | undefined
  /** Is told when texts are read and when the photo is looked at. */
  readonly onPhase?: ((phase: 'texts' | 'locating') => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** Where the edit goes, and the embeddings that say so, of each model. */
export interface FoundRegion<Embedded> {
  readonly region: LocatedRegion
  readonly embedded: Embedded[]
}

/**
 * Finds the region that was asked for. Where prompt and photo agree on a name, that is taken, if it means what stands
 * out; with the relevancy `model` a region has no map, as it is made in each step of what the step sees.
 * @param mapOfModel make the coarse map of the relevancy `model` of the whole photo none the less, to show it
 * @throws INTERRUPTED when `signal` aborts; and as `embed` and `locateRegion`
 */
export async function findRegion<Embedded extends RegionSearch['embedded'][number]>(
  { asked, prompt, truncate, embed, onNote, onPhase, signal, ...search }: WantedRegion<Embedded>,
  mapOfModel = false,
): Promise<FoundRegion<Embedded>> {
  const { photo, guidance, relevancy } = search
  const runtime = stoppable(search.runtime, signal)
  await breathe(signal)
  onPhase?.('texts')
  const name = asked === 'agreed' ? await nameInPrompt(prompt, photo, guidance, truncate, runtime, signal) : null
  const texts = asked === 'agreed' ? (name === null ? [] : [name]) : asked
  const embedded = await embed(texts, name)
  if (relevancy === 'model' && !mapOfModel) return { embedded, region: { texts, map: null, by: null } }
  if (texts.length > 0) onPhase?.('locating')
  const located = await locateRegion({ ...search, texts, embedded, runtime })
  // A name that does not mean what stands out is a word of the edit ("snow"), not of the photo.
  const dropped = asked === 'agreed' && located.by !== 'outline'
  const note = regionNote(dropped ? { texts: [], by: null } : located, asked)
  if (note !== null) onNote?.(note)
  if (!dropped || name === null) return { embedded, region: located }
  return { embedded: await embed([], null), region: { texts: [], map: null, by: null } }
}
