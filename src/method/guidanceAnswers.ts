import { Text2LiveError } from '../errors.js'
import type { GuidanceAnswers, GuidanceModel } from '../models/guidance.js'
import type { ImageSettings } from '../options/imageOptions.js'
import type { RegionTexts } from '../options/region.js'

type AskedLosses = Pick<ImageSettings, 'lambdaComposition' | 'lambdaDirectional' | 'lambdaScreen' | 'lambdaStructure'>
type Model = Pick<GuidanceModel, 'name' | 'answers'>

/** How each answer is called in a sentence. */
const described: Readonly<Record<keyof GuidanceAnswers, string>> = {
  texts: 'reads texts',
  structure: 'describes the structure of a picture',
  relevancy: 'says where a text is in a picture',
}

/**
 * Checks that the models of a run together answer what its losses and its region ask. Without texts or without an
 * asked region there would be another edit than was asked for; the structure loss is left out, and a region that
 * nobody named is not looked for.
 * @param onNote is told what is left out
 * @returns the region that can be looked for
 * @throws GUIDANCE_INCAPABLE
 */
export function answerableRegion(
  guidance: readonly Model[],
  settings: AskedLosses,
  region: RegionTexts,
  onNote: (message: string) => void = () => undefined,
): RegionTexts {
  const { lambdaComposition, lambdaDirectional, lambdaScreen, lambdaStructure } = settings
  if (lambdaComposition > 0 || lambdaDirectional > 0 || lambdaScreen > 0)
    requireAnswer(guidance, 'texts', 'The composition, directional and screen losses need one')
  if (lambdaStructure > 0 && !isAnswered(guidance, 'structure'))
    onNote(`structure loss: weight 0, since ${noneOf(guidance, 'structure')}; --guidance starter beside it adds one`)
  if (region === 'agreed' && !isAnswered(guidance, 'relevancy')) {
    onNote(`region: none, since ${noneOf(guidance, 'relevancy')}; --guidance starter beside it adds one`)
    return []
  }
  if (region.length > 0)
    requireAnswer(guidance, 'relevancy', 'The region needs one (--region none edits the whole photo)')
  return region
}

/** @param need a sentence without its full stop. @throws GUIDANCE_INCAPABLE where no model answers */
export function requireAnswer(guidance: readonly Model[], answer: keyof GuidanceAnswers, need: string): void {
  if (isAnswered(guidance, answer)) return
  throw new Text2LiveError(
    'GUIDANCE_INCAPABLE',
    `Expected a guidance model that ${described[answer]}; ${noneOf(guidance, answer)}. ${need}: add --guidance starter beside it.`,
  )
}

const isAnswered = (guidance: readonly Model[], answer: keyof GuidanceAnswers): boolean =>
  guidance.some(({ answers }) => answers[answer])

const noneOf = (guidance: readonly Model[], answer: keyof GuidanceAnswers): string =>
  `none of ${guidance.map(({ name }) => name).join(', ')} ${described[answer]}`
