import type { Tensor } from 'onnxruntime-common'
import type { Runtime } from '../engine/runtime.js'
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

type Feeds = Record<string, Tensor>
interface Rows { readonly shape: readonly number[]; readonly data: Float32Array }

export function floatTensor(runtime: Runtime, { shape, data }: Rows): Tensor {
  return new runtime.Tensor('float32', data, shape)
}

/** What no step changes: the weights of the guidance models and the text embeddings of each. */
export function frozenFeeds(runtime: Runtime, guidance: readonly GuidanceModel[], targets: readonly TextTargets[]): Feeds {
  const feeds: Feeds = {}
  guidance.forEach((model, i) => {
    for (const [name, weight] of model.weights) feeds[`${model.name}.${name}`] = floatTensor(runtime, weight)
    for (const name of targetNames) {
      const rows = targets[i]![name]
      if (rows) feeds[targetInputName(model, name)] = floatTensor(runtime, rows)
    }
  })
  return feeds
}

/** The draws of the views of one picture. */
export function viewFeeds(runtime: Runtime, views: readonly ViewSetDraws[], size: Size, settings: ViewSettings): Feeds {
  return Object.fromEntries(views.flatMap(({ set, side, draws }) =>
    Object.entries(viewFeed(viewInputsName(set, side), draws, viewPlan(size, side, settings))).map(([name, rows]) => [name, floatTensor(runtime, rows)])))
}

/** The shares of the texts in the losses of one step. */
export function shareFeeds(runtime: Runtime, shares: TextShares): Feeds {
  const entries = Object.entries(shares) as [string, Float32Array][]
  return Object.fromEntries(entries.map(([name, data]) => [`share.${name}`, floatTensor(runtime, { shape: [data.length], data })]))
}

/** Numbers of texts that each loss chooses from; each model has the same texts. */
export function textCounts([targets]: readonly TextTargets[]): { composition: number; screen: number; direction: number; region: number } {
  const { composition, screen, direction, region } = targets!
  return { composition: composition.shape[0], screen: screen.shape[0], direction: direction.shape[0], region: region?.shape[0] ?? 0 }
}

type WeightSettings = Pick<ImageSettings,
  'lambdaComposition' | 'lambdaDirectional' | 'lambdaScreen' | 'lambdaStructure' | 'lambdaSparsity' | 'bootstrapItems'>

/** What each loss of one of `items` pictures counts in the sum that is differentiated; `last`: the last of them, see D5. */
export function lossWeights(settings: WeightSettings, bootstrapWeight: number, items: number, last: boolean): number[] {
  const lambda: Record<LossName, number> = {
    composition: settings.lambdaComposition, directional: settings.lambdaDirectional, screen: settings.lambdaScreen,
    structure: settings.lambdaStructure, sparsity: settings.lambdaSparsity,
    bootstrap: last || settings.bootstrapItems === 'all' ? bootstrapWeight : 0,
  }
  return lossNames.map((name) => lambda[name] / items)
}

/** Adds up what the pictures of a step say of their losses: means over the items, D5 for the bootstrap. */
export class LossSum {
  private readonly sums = new Float64Array(lossNames.length + 1)

  constructor(private readonly settings: WeightSettings, private readonly items: number) {}

  /**
   * @param values unweighted losses, then the weighted total, then lengths of vectors
   * @param step counted from 1, for the message
   * @throws LOSS_NOT_FINITE
   */
  add(values: Float32Array, last: boolean, step: number): void {
    if (!values.every(Number.isFinite)) throw lossNotFinite(step, values)
    this.sums.forEach((sum, i) => { this.sums[i] = sum + this.share(i, last) * values[i]! })
  }

  result(): Record<LossName | 'total', number> {
    return Object.fromEntries([...lossNames, 'total'].map((name, i) => [name, this.sums[i]!])) as Record<LossName | 'total', number>
  }

  private share(index: number, last: boolean): number {
    if (index === lossNames.length) return 1
    if (lossNames[index] === 'bootstrap' && this.settings.bootstrapItems === 'last') return last ? 1 / this.items : 0
    return 1 / this.items
  }
}

function lossNotFinite(step: number, values: Float32Array): Text2LiveError {
  const named = [...lossNames, 'total', 'length of the gradient', 'length of the parameters'].filter((_, i) => !Number.isFinite(values[i]!))
  return new Text2LiveError('LOSS_NOT_FINITE',
    `Training stopped at step ${step}: expected finite losses, but ${named.join(', ')} ${named.length > 1 ? 'are' : 'is'} not a number or infinite. `
    + 'The state before this step is kept. Lower --learning-rate or the loss weights and start again.')
}

/** Memory on a graphics processor is not collected with the tensor's object. */
export function freeOnDevice(tensor: Tensor): void {
  if (tensor.location === 'gpu-buffer') tensor.dispose()
}
