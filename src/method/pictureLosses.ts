import type { Graph, Value } from '../engine/graph.js'
import { add, concat, mul, reduceMean, reshape, slice, sub } from '../engine/ops.js'
import { type GuidanceModel, type WeightInputs, bindWeights } from '../models/guidance.js'
import type { ImageSettings } from '../options/imageOptions.js'
import { type ViewInputs, clipViews, resizePicture, viewInputs } from './clipViews.js'
import {
  type LossName,
  bootstrapLoss,
  colourLoss,
  directionalLoss,
  lossNames,
  sparsityLoss,
  sphericalLoss,
  stretch,
  structureLoss,
} from './losses.js'
import { vectorNorm } from './madgrad.js'
import {
  type ViewSet,
  type ViewSettings,
  seenSize,
  viewInputsName,
  viewPlan,
  viewSetOf,
  viewSide,
} from './stepViews.js'
import { type TargetName, type TextShares, targetInputName } from './textTargets.js'
import type { Size } from './viewDraws.js'

/** What a step's losses depend on, of a photo as of a clip. */
export type LossSettings = ViewSettings &
  Pick<
    ImageSettings,
    | 'lambdaComposition'
    | 'lambdaDirectional'
    | 'lambdaScreen'
    | 'lambdaStructure'
    | 'lambdaSparsity'
    | 'lambdaAlphaL1'
    | 'lambdaAlphaL0'
  >

/** What decides the losses of one picture. */
export interface LossPlan {
  readonly size: Size
  readonly settings: LossSettings
  /** Number of texts each loss chooses from. */
  readonly texts: {
    readonly composition: number
    readonly screen: number
    readonly direction: number
    readonly region: number
  }
  /**
   * The bootstrap loss is on in this step, and the relevancy map comes from the guidance in the graph ('model') or is
   * fed ('map').
   */
  readonly bootstrap: 'off' | 'model' | 'map'
  /** Sparsity is weighted place by place by a fed map. */
  readonly emphasis: boolean
}

/** The pictures that losses compare, all of one size. */
export interface Pictures {
  readonly picture: Value
  readonly composite: Value
  readonly greenScreen: Value
  readonly alpha: Value
  /** The learned start's layer over the picture, where the edit is held to its colours. */
  readonly first?: Value | null
}

/**
 * The losses of one picture, those with weight 0 left out: the means of what each guidance model says, and what none is
 * asked for.
 */
export function pictureLosses(
  plan: LossPlan,
  guidance: readonly GuidanceModel[],
  graph: Graph,
  pictures: Pictures,
): Map<LossName, Value> {
  const { settings, size } = plan
  const map = (name: string) => graph.input(name, [1, 1, size.height, size.width])
  const fed = sharedInputs(plan, graph)
  const said = guidance.map((model) => guidanceLosses(plan, model, fed, pictures))
  const losses = new Map<LossName, Value>()
  for (const name of lossNames) {
    const values = said.flatMap((one) => one.get(name) ?? [])
    if (values.length > 0) losses.set(name, mean(values))
  }
  if (settings.lambdaSparsity > 0) {
    losses.set(
      'sparsity',
      sparsityLoss(
        pictures.alpha,
        settings.lambdaAlphaL1,
        settings.lambdaAlphaL0,
        plan.emphasis ? map('emphasis') : null,
      ),
    )
  }
  if (plan.bootstrap === 'map') losses.set('bootstrap', bootstrapLoss(pictures.alpha, map('relevancy')))
  if (pictures.first) losses.set('colour', colourLoss(pictures.composite, pictures.first))
  return losses
}

interface SharedInputs {
  views(set: ViewSet, side: number): ViewInputs
  share(loss: keyof TextShares, count: number): Value
}

/** The inputs that several losses or models read: each is declared when it is first asked for. */
function sharedInputs({ size, settings }: LossPlan, graph: Graph): SharedInputs {
  const drawn = new Map<string, ViewInputs>()
  const shares = new Map<string, Value>()
  return {
    views(set, side) {
      const name = viewInputsName(viewSetOf(set, settings.viewSharing), side)
      const inputs = drawn.get(name) ?? viewInputs(graph, name, viewPlan(size, side, settings))
      drawn.set(name, inputs)
      return inputs
    },
    share(loss, count) {
      const share = shares.get(loss) ?? graph.input(`share.${loss}`, [count])
      shares.set(loss, share)
      return share
    },
  }
}

function mean(values: readonly Value[]): Value {
  return values.length === 1
    ? values[0]!
    : mul(
        values.reduce((sum, value) => add(sum, value)),
        1 / values.length,
      )
}

/** The losses that one guidance model answers for. */
function guidanceLosses(
  plan: LossPlan,
  model: GuidanceModel,
  fed: SharedInputs,
  { picture, composite, greenScreen, alpha }: Pictures,
): Map<LossName, Value> {
  const { settings, texts } = plan
  const { answers } = model
  const graph = picture.graph
  const { inputs: weights } = bindWeights(graph, model)
  const side = viewSide(model)
  const views = viewPlan(plan.size, side, settings)
  const viewsOf = (image: Value, set: ViewSet) => clipViews(image, fed.views(set, side), views) // [V, 3, h, w]
  const target = (name: TargetName, n: number) => graph.input(targetInputName(model, name), [n, model.embeddingWidth])
  const losses = new Map<LossName, Value>()

  // What depends on the edit can be one batch: a third of the nodes to compile, and longer products.
  const judged: Partial<Record<ViewSet, Value>> = {
    ...(answers.texts && settings.lambdaComposition > 0 ? { composition: viewsOf(composite, 'composition') } : {}),
    ...(answers.texts && settings.lambdaDirectional > 0
      ? { directionalOutput: viewsOf(composite, 'directionalOutput') }
      : {}),
    ...(answers.texts && settings.lambdaScreen > 0 ? { screen: viewsOf(greenScreen, 'screen') } : {}),
  }
  const embeddings = embedTogether(judged, model, weights)
  if (embeddings.composition) {
    losses.set(
      'composition',
      sphericalLoss(
        embeddings.composition,
        target('composition', texts.composition),
        fed.share('composition', texts.composition),
      ),
    )
  }
  if (embeddings.directionalOutput) {
    const change = sub(embeddings.directionalOutput, model.embed(viewsOf(picture, 'directionalInput'), weights))
    losses.set(
      'directional',
      directionalLoss(change, target('direction', texts.direction), fed.share('direction', texts.direction)),
    )
  }
  if (embeddings.screen) {
    losses.set(
      'screen',
      sphericalLoss(embeddings.screen, target('screen', texts.screen), fed.share('screen', texts.screen)),
    )
  }
  if (answers.structure && settings.lambdaStructure > 0) {
    const whole = seenSize(plan.size, side, 380)
    const tokens = (image: Value) => model.tokens(resizePicture(image, whole, settings.antialias), weights)
    losses.set('structure', structureLoss(tokens(composite), tokens(picture)))
  }
  if (answers.relevancy && plan.bootstrap === 'model') {
    const window = { height: model.imageSize, width: model.imageSize }
    const seen = resizePicture(picture, window, settings.antialias)
    const maps = model.relevancy(seen, target('region', texts.region), weights) // [K, 1, gh, gw]
    const stretched = Array.from({ length: texts.region }, (_, k) =>
      stretch(resizePicture(slice(maps, { axes: [0], starts: [k], ends: [k + 1] }), window, false)),
    )
    const relevancy = texts.region === 1 ? stretched[0]! : reduceMean(concat(stretched, 0), [0], { keepDims: true })
    losses.set('bootstrap', bootstrapLoss(resizePicture(alpha, window, settings.antialias), relevancy))
  }
  return losses
}

/**
 * Image tokens in a joined batch. With more, products are long without joining sets, whose backward passes then hold
 * their tensors one after the other.
 */
const BATCH_TOKENS = 1536

/**
 * The embeddings [V, D] of several sets of views [V, 3, h, w], encoded as one batch where the model gains by that. Sets
 * that are one node, as losses that share views have them, are encoded once.
 */
function embedTogether<Name extends string>(
  sets: Readonly<Partial<Record<Name, Value>>>,
  model: GuidanceModel,
  weights: WeightInputs,
): Partial<Record<Name, Value>> {
  const named = Object.entries(sets) as [Name, Value][]
  const distinct = [...new Set(named.map(([, views]) => views))]
  const tokens = distinct.reduce(
    (sum, { shape: [v, , h, w] }) => sum + v! * Math.floor(h! / model.cell) * Math.floor(w! / model.cell),
    0,
  )
  const embeddings = new Map<Value, Value>()
  if (model.gainsByBatch && distinct.length > 1 && tokens <= BATCH_TOKENS) {
    const all = model.embed(concat(distinct, 0), weights)
    let from = 0
    for (const views of distinct)
      embeddings.set(views, slice(all, { axes: [0], starts: [from], ends: [(from += views.shape[0]!)] }))
  } else {
    for (const views of distinct) embeddings.set(views, model.embed(views, weights))
  }
  return Object.fromEntries(named.map(([name, views]) => [name, embeddings.get(views)!])) as Partial<
    Record<Name, Value>
  >
}

/** The losses [7] in the order of `lossNames`, and their sum, each times its entry of the graph input 'weights' [7]. */
export function weightedTotal(
  graph: Graph,
  losses: ReadonlyMap<LossName, Value>,
): { readonly values: Value; readonly total: Value } {
  const weights = graph.input('weights', [lossNames.length])
  const values = concat(
    lossNames.map((name) => reshape(losses.get(name) ?? graph.scalar(0), [1])),
    0,
  )
  const total =
    lossNames.reduce<Value | null>((sum, name, i) => {
      const loss = losses.get(name)
      if (!loss) return sum
      const part = mul(loss, reshape(slice(weights, { axes: [0], starts: [i], ends: [i + 1] }), []))
      return sum ? add(sum, part) : part
    }, null) ?? graph.scalar(0)
  return { values, total }
}

/** The losses, the total, and lengths of vectors: any number in them that is not finite shows there. */
export function lossReport(values: Value, total: Value, vectors: readonly Value[]): Value {
  return concat(
    [values, reshape(total, [1]), ...vectors.map((vector) => reshape(vectorNorm(reshape(vector, [-1])), [1]))],
    0,
  )
}
