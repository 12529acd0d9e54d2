import type { RandomStream } from '../engine/random.js'
import type { GuidanceModel } from '../models/guidance.js'
import { checkTextsAreRead } from '../models/unreadParts.js'
import { fillTemplates, screenTemplates, textTemplates } from './textTemplates.js'

/** The texts of an edit, each a list of wordings. */
export interface Texts {
  /** What the edited photo shows. */
  readonly prompt: readonly string[]
  /** What the edit layer alone shows. */
  readonly screen: readonly string[]
  /** What the photo shows now. */
  readonly source: readonly string[]
  /** Where the edit goes; empty turns the bootstrap loss off. */
  readonly region: readonly string[]
}

/** Embeddings of several texts, row-major. */
export interface Rows {
  readonly shape: readonly [number, number]
  readonly data: Float32Array
}

/** Rows of texts that are known by name. */
export interface NamedRows extends Rows {
  readonly names: readonly string[]
}

/** The mean of the rows, [D]. */
export function meanRow({ shape: [rows, width], data }: Rows): Float32Array {
  const mean = new Float32Array(width)
  data.forEach((x, i) => {
    mean[i % width]! += x / rows
  })
  return mean
}

/** Text embeddings of a run, computed once and not normalised, row-major. */
export interface TextTargets {
  /** [prompts * 14, D]. */
  readonly composition: Rows
  /** [prompts * 2, D]. */
  readonly screen: Rows
  /** [K, D], target minus source, over the first K = min(targets, sources) pairs. */
  readonly direction: Rows
  /** [regions, D], or null. */
  readonly region: Rows | null
}

/** The targets, and what the region's texts may compete with. */
export interface EmbeddedTexts extends TextTargets {
  /** [rivals, D]; null where none were given, or the model does not compare texts. */
  readonly rivals: NamedRows | null
}

export type TargetName = keyof TextTargets
export const targetNames: readonly TargetName[] = ['composition', 'screen', 'direction', 'region']

/** The graph input that holds these embeddings of a model. */
export function targetInputName(model: Pick<GuidanceModel, 'name'>, target: TargetName): string {
  return `text.${model.name}.${target}`
}

/**
 * Embeds every text in every template. Of a model that reads no texts there are as many rows, of no numbers.
 * @param onNote is told of texts that the model can read in part only
 * @param rivals names of other things than the region, see `objectMap`
 * @throws PROMPT_TOO_LONG unless `truncate`, PROMPT_NOT_UNDERSTOOD; INTERRUPTED when `signal` aborts
 */
export async function embedTexts(
  guidance: GuidanceModel,
  texts: Texts,
  truncate: boolean,
  onNote?: (message: string) => void,
  rivals: readonly string[] = [],
  signal?: AbortSignal,
): Promise<EmbeddedTexts> {
  if (guidance.answers.texts)
    checkTextsAreRead(guidance, [...texts.prompt, ...texts.screen, ...texts.source, ...texts.region], onNote)
  const d = guidance.embeddingWidth
  const lists = [
    fillTemplates(texts.prompt, textTemplates),
    fillTemplates(texts.screen, screenTemplates),
    fillTemplates(texts.source, textTemplates),
    relevancyTexts(guidance, texts.region),
    guidance.comparesTexts ? relevancyTexts(guidance, rivals) : [],
  ]
  // One call, so that the text tower is compiled and loaded once.
  const all = guidance.answers.texts
    ? await guidance.encodeTexts(lists.flat(), { truncate, signal })
    : new Float32Array()
  let offset = 0
  const [composition, screen, source, region, others] = lists.map((list): Rows => {
    const rows = { shape: [list.length, d] as const, data: all.slice(offset * d, (offset + list.length) * d) }
    offset += list.length
    return rows
  }) as [Rows, Rows, Rows, Rows, Rows]
  const pairs = Math.min(composition.shape[0], source.shape[0])
  const direction = new Float32Array(pairs * d).map((_, i) => composition.data[i]! - source.data[i]!)
  const present = (rows: Rows) => (rows.shape[0] > 0 ? rows : null)
  return {
    composition,
    screen,
    direction: { shape: [pairs, d], data: direction },
    region: present(region),
    rivals: others.shape[0] > 0 ? { ...others, names: rivals } : null,
  }
}

/** The shares of the texts in each loss of a step; all items of the step have the same. */
export interface TextShares {
  readonly composition: Float32Array
  readonly direction: Float32Array
  readonly screen: Float32Array
}

/** Embeddings of what `relevancy` is asked to find, and of what competes with it. @throws as `embedTexts` */
export async function embedRegion(
  guidance: GuidanceModel,
  region: readonly string[],
  truncate: boolean,
  onNote?: (message: string) => void,
  rivals: readonly string[] = [],
  signal?: AbortSignal,
): Promise<{ readonly region: Rows; readonly rivals: NamedRows | null }> {
  const { region: rows, rivals: others } = await embedTexts(
    guidance,
    { prompt: [], screen: [], source: [], region },
    truncate,
    onNote,
    rivals,
    signal,
  )
  return { region: rows!, rivals: others }
}

const relevancyTexts = (guidance: GuidanceModel, region: readonly string[]) =>
  region.map((text) => guidance.relevancyText(text))

/**
 * The share of each of `count` texts in one loss of one step. 'subset': a number of texts drawn uniformly, then that
 * many texts with replacement (published code); 'one': a single text (supplement 2.2).
 */
export function drawShares(random: RandomStream, count: number, sampling: 'subset' | 'one'): Float32Array {
  const draws = sampling === 'one' ? 1 : random.integer(1, count + 1)
  const shares = new Float32Array(count)
  for (let i = 0; i < draws; i++) {
    const pick = random.integer(0, count)
    shares[pick] = shares[pick]! + 1 / draws
  }
  return shares
}
