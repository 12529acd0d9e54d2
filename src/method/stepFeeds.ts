import type { Rows } from '../engine/trainedProgram.js'
import { Text2LiveError } from '../errors.js'
import type { GuidanceModel } from '../models/guidance.js'
import type { ImageSettings } from '../options/imageOptions.js'
import { viewFeed } from './clipViews.js'
import { type LossName, lossNames } from './losses.js'
import { type ViewSet, type ViewSettings, viewInputsName, viewPlan } from './stepViews.js'
import { type TextShares, type TextTargets, targetInputName, targetNames } from './textTargets.js'
import type { Size, ViewDraw } from './viewDraws.js'

/** The draws of one set of views. */
export interface ViewSetDraws {
  readonly set: ViewSet
  /** Short side of the views. */
  readonly side: number
  readonly draws: readonly ViewDraw[]
}

type Numbers = Readonly<Record<string, Float32Array>>

/** What no step changes: the weights of the guidance models and the text embeddings of each. */
export function frozenInputs(
  guidance: readonly GuidanceModel[],
  targets: readonly TextTargets[],
): Record<string, Rows> {
  const inputs: Record<string, Rows> = {}
  guidance.forEach((model, i) => {
    for (const [name, weight] of model.weights) inputs[`${model.name}.${name}`] = weight
    if (!model.answers.texts) return
    for (const name of targetNames) {
      const rows = targets[i]![name]
      if (rows) inputs[targetInputName(model, name)] = rows
    }
  })
  return inputs
}

/** The draws of the views of one picture. */
export function viewFeeds(views: readonly ViewSetDraws[], size: Size, settings: ViewSettings): Numbers {
  return Object.assign(
    {},
    ...views.map(({ set, side, draws }) => viewFeed(viewInputsName(set, side), draws, viewPlan(size, side, settings))),
  ) as Numbers
}

/** The shares of the texts in the losses of one step. */
export function shareFeeds(shares: TextShares): Numbers {
  return Object.fromEntries(
    Object.entries(shares as TextShares & Numbers).map(([name, data]) => [`share.${name}`, data]),
  )
}

/** Numbers of texts that each loss chooses from; each model has the same texts. */
export function textCounts([targets]: readonly TextTargets[]): {
  composition: number
  screen: number
  direction: number
  region: number
} {
  const { composition, screen, direction, region } = targets!
  return {
    composition: composition.shape[0],
    screen: screen.shape[0],
    direction: direction.shape[0],
    region: region?.shape[0] ?? 0,
  }
}

type WeightSettings = Pick<
  ImageSettings,
  'lambdaComposition' | 'lambdaDirectional' | 'lambdaScreen' | 'lambdaStructure' | 'lambdaSparsity' | 'bootstrapItems'
> &
  Partial<Pick<ImageSettings, 'lambdaColour'>>

/**
 * What each loss of one of `items` pictures counts in the sum that is differentiated; `last`: the last of them, see D5.
 */
export function lossWeights(settings: WeightSettings, bootstrapWeight: number, items: number, last: boolean): number[] {
  const lambda: Record<LossName, number> = {
    composition: settings.lambdaComposition,
    directional: settings.lambdaDirectional,
    screen: settings.lambdaScreen,
    structure: settings.lambdaStructure,
    sparsity: settings.lambdaSparsity,
    bootstrap: last || settings.bootstrapItems === 'all' ? bootstrapWeight : 0,
    colour: settings.lambdaColour ?? 0,
  }
  return lossNames.map((name) => lambda[name] / items)
}

/** Adds up what the pictures of a step say of their losses: means over the items, D5 for the bootstrap. */
export class LossSum {
  readonly #sums = new Float64Array(lossNames.length + 1)
  readonly #settings: WeightSettings
  readonly #items: number

  constructor(settings: WeightSettings, items: number) {
    this.#settings = settings
    this.#items = items
  }

  /** @param values unweighted losses, then the weighted total, then lengths of vectors */
  add(values: Float32Array, last: boolean): void {
    this.#sums.forEach((sum, i) => {
      this.#sums[i] = sum + this.#share(i, last) * values[i]!
    })
  }

  result(): Record<LossName | 'total', number> {
    return Object.fromEntries([...lossNames, 'total'].map((name, i) => [name, this.#sums[i]!])) as Record<
      LossName | 'total',
      number
    >
  }

  #share(index: number, last: boolean): number {
    if (index === lossNames.length) return 1
    if (lossNames[index] === 'bootstrap' && this.#settings.bootstrapItems === 'last') return last ? 1 / this.#items : 0
    return 1 / this.#items
  }
}

/** Names of the entries of a step's output 'losses'. */
export const reportNames = [...lossNames, 'total', 'length of the gradient', 'length of the parameters'] as const

/** @param step counted from 1 @param found see `Pass.finite` */
export function trainingStopped(step: number, found: string): Text2LiveError {
  return new Text2LiveError(
    'LOSS_NOT_FINITE',
    `Training stopped at step ${step}: expected finite losses, but ${found}. The state before this step is kept. Lower --learning-rate or the loss weights and start again.`,
  )
}
