import { randomStream } from '../engine/random.js'
import type { GuidanceModel } from '../models/guidance.js'
import type { ImageSettings } from '../options/imageOptions.js'
import type { ViewSetDraws } from './stepFeeds.js'
import { type ViewSettings, viewPlan, viewSetOf, viewSets, viewSide } from './stepViews.js'
import { type TextShares, type TextTargets, drawShares } from './textTargets.js'
import { type Size, drawViews } from './viewDraws.js'

/** The draws of every set of views the settings use, each from its own stream. */
export function drawStepViews(
  settings: ViewSettings & Pick<ImageSettings, 'seed'>,
  guidance: readonly GuidanceModel[],
  item: string,
  step: number,
  { width, height }: Size,
): ViewSetDraws[] {
  const sets = new Set(viewSets.map((set) => viewSetOf(set, settings.viewSharing)))
  const sides = new Set(guidance.filter(({ answers }) => answers.texts).map(viewSide))
  return [...sides].flatMap((side) => {
    const plan = viewPlan({ width, height }, side, settings)
    // The same stream for every side: all models see the same views, each at its own size.
    return [...sets].map((set) => ({
      set,
      side,
      draws: drawViews(randomStream(settings.seed, `views ${item} ${set}`, step), plan.count, plan.source, plan.view),
    }))
  })
}

/** The shares of the texts in the losses of a step. */
export function drawStepShares(
  settings: Pick<ImageSettings, 'seed' | 'textSampling'>,
  step: number,
  targets: TextTargets,
): TextShares {
  const shares = (name: string, count: number) =>
    drawShares(randomStream(settings.seed, `texts ${name}`, step), count, settings.textSampling)
  const composition = shares('composition', targets.composition.shape[0])
  // With one text per step, the directional loss takes the change towards the same text (supplement 2.2).
  const same = settings.textSampling === 'one' && targets.direction.shape[0] === targets.composition.shape[0]
  return {
    composition,
    direction: same ? composition : shares('directional', targets.direction.shape[0]),
    screen: shares('screen', targets.screen.shape[0]),
  }
}
