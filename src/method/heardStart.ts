import type { GeneratorShape } from '../models/generator.js'
import type { GuidanceModel } from '../models/guidance.js'
import { type LearnedStart, readTexts, startFits, startParameters } from '../models/learnedStart.js'
import type { Reading } from '../models/phraseReading.js'
import type { ImageSettings } from '../options/imageOptions.js'
import { type VectorName, firstVectors } from './stepRunner.js'
import { type TextTargets, meanRow } from './textTargets.js'

/** A learned start as a run's texts address it. */
export interface HeardStart {
  readonly start: LearnedStart
  /** How it reads the prompt; null where no guidance model is its own, so that it is the same for all texts. */
  readonly reading: Reading | null
}

/** The learned start that a run was given, heard with the run's texts; null where it does not fit the generator. */
export function hearStart(
  start: LearnedStart | null | undefined,
  generator: GeneratorShape,
  guidance: readonly GuidanceModel[],
  targets: readonly Pick<TextTargets, 'direction'>[],
): HeardStart | null {
  if (!start || !startFits(start, generator)) return null
  const { guidance: name, embeddingWidth } = start.conditioned
  const reader = guidance.findIndex(
    (model) => model.name.replace(/\d+$/, '') === name && model.embeddingWidth === embeddingWidth,
  )
  return { start, reading: reader < 0 ? null : readTexts(start, meanRow(targets[reader]!.direction)) }
}

/** Where training starts with it. */
export const heardVectors = ({ start, reading }: HeardStart): Record<VectorName, Float32Array> =>
  firstVectors(startParameters(start, reading))

/**
 * How far its first picture is one of what the prompt asks for, [0, 1]: the colour loss weighs as much of its setting.
 */
const heardShare = (heard: HeardStart | null): number => heard?.reading?.share ?? 0

/** Settings whose colour loss weighs what it may with this start. */
export const heldSettings = <Settings extends { readonly lambdaColour: number }>(
  settings: Settings,
  heard: HeardStart | null,
): Settings => ({ ...settings, lambdaColour: settings.lambdaColour * heardShare(heard) })

/** What a run that begins is told of the start that it was given; null: nothing. */
export function startNote(
  start: LearnedStart | null | undefined,
  generator: GeneratorShape,
  heard: HeardStart | null,
  { lambdaColour }: Pick<ImageSettings, 'lambdaColour'>,
): string | null {
  if (!start) return null
  if (!heard)
    return `start: random, since the learned one is for a generator of ${start.shape.width} channels and ${start.shape.levels} levels; this run's has ${generator.width} and ${generator.levels}`
  const { guidance, phrases } = start.conditioned
  const held = lambdaColour > 0 ? heldNote(heardShare(heard)) : ''
  if (!heard.reading)
    return `start: learned with the ${guidance} model; with another one it is the same for all texts${held}`
  return phrases.texts.length > 0 ? `${readingNote(heard.reading)}${held}` : null
}

/** What the first picture shows of what the texts ask for. */
function readingNote({ heard, share }: Reading): string {
  if (heard.length === 0)
    return 'start: learned; it was taught nothing like what the prompt changes, so its first picture may be far from it'
  const said = heard.map((text) => `"${text.replace('{}', '…')}"`).join(' and ')
  return `start: learned; the prompt is read as ${share < 1 ? 'something near ' : ''}${said}`
}

/** Where that is not what `lambdaColour` says. */
function heldNote(share: number): string {
  if (share === 1) return ''
  return share === 0
    ? '; the edit is not held to its colours'
    : `; the edit is held to its colours by ${Math.round(100 * share)} %`
}
