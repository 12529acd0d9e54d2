import type { Graph, Value } from '../engine/graph.js'
import { add, concat, mul, reduceMean, reshape, slice, sub } from '../engine/ops.js'
import { type GuidanceModel, type WeightInputs, bindWeights } from '../models/guidance.js'
import type { ImageSettings } from '../options/imageOptions.js'
import {
  type CropInputs,
  type LookInputs,
  type LookPlan,
  cropInputs,
  cropViews,
  lookAt,
  lookInputs,
  resizePicture,
} from './clipViews.js'
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
  /** The learned start's layer over the picture, and its opacity, where the edit is held to its colours. */
  readonly first?: { readonly composite: Value; readonly alpha: Value } | null
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
  const seen = sightsOf(plan, guidance, graph, pictures)
  return new Map([
    ...judgedLosses(plan, guidance, graph, (name) => seen.get(name)!),
    ...ownLosses(plan, graph, pictures),
  ])
}

/** What guidance models see: pictures as views or resized, by a name that says of what. Each [n, 3 or 1, h, w]. */
export type Sights = ReadonlyMap<string, Value>

/** All that the guidance models are to see of the pictures of one step. */
export function sightsOf(plan: LossPlan, guidance: readonly GuidanceModel[], graph: Graph, pictures: Pictures): Sights {
  const inputs = once((set: ViewSet, side: number) =>
    cropInputs(graph, viewInputsName(set, side), viewPlan(plan.size, side, plan.settings)),
  )
  const sights = new Map<string, Value>()
  for (const model of guidance) {
    for (const { name, picture, how } of modelSights(plan, model))
      if (!sights.has(name)) sights.set(name, how(pictures[picture], inputs))
  }
  return sights
}

/** Whether any guidance model is shown anything: with all of their losses at weight 0, none is. */
export function isAnythingSeen(plan: LossPlan, guidance: readonly GuidanceModel[]): boolean {
  return guidance.some((model) => modelSights(plan, model).length > 0)
}

/** Whether the sight of this name depends on the edit. */
export function showsEdit(name: string): boolean {
  return !name.startsWith('picture.')
}

/** The losses that need no guidance model. */
export function ownLosses(
  { settings, size, bootstrap, emphasis }: LossPlan,
  graph: Graph,
  { alpha, composite, first }: Pictures,
): Map<LossName, Value> {
  const map = (name: string) => graph.input(name, [1, 1, size.height, size.width])
  const losses = new Map<LossName, Value>()
  if (settings.lambdaSparsity > 0) {
    losses.set(
      'sparsity',
      sparsityLoss(alpha, settings.lambdaAlphaL1, settings.lambdaAlphaL0, emphasis ? map('emphasis') : null),
    )
  }
  if (bootstrap === 'map') losses.set('bootstrap', bootstrapLoss(alpha, map('relevancy')))
  if (first) losses.set('colour', colourLoss(composite, first.composite, first.alpha))
  return losses
}

/** The losses that guidance models judge what they see by: the means over the models. */
export function judgedLosses(
  plan: Omit<LossPlan, 'size' | 'emphasis'>,
  guidance: readonly GuidanceModel[],
  graph: Graph,
  seen: (sight: string) => Value,
): Map<LossName, Value> {
  const inputs = {
    share: once((loss: keyof TextShares, count: number) => graph.input(`share.${loss}`, [count])),
    look: once((set: ViewSet, side: number) => lookInputs(graph, viewInputsName(set, side), lookPlan(plan.settings))),
  }
  const said = guidance.map((model) => modelLosses(plan, model, graph, inputs, seen))
  const losses = new Map<LossName, Value>()
  for (const name of lossNames) {
    const values = said.flatMap((one) => one.get(name) ?? [])
    if (values.length > 0) losses.set(name, mean(values))
  }
  return losses
}

/** Makes what is asked for once: an input is declared in a graph one time, whoever reads it. */
function once<Name extends string, T>(make: (name: Name, n: number) => T): (name: Name, n: number) => T {
  const made = new Map<string, T>()
  return (name, n) => {
    const key = `${name} ${n}`
    const known = made.get(key) ?? make(name, n)
    made.set(key, known)
    return known
  }
}

interface ModelSight {
  readonly name: string
  readonly picture: 'picture' | 'composite' | 'greenScreen' | 'alpha'
  readonly how: (picture: Value, crops: (set: ViewSet, side: number) => CropInputs) => Value
}

/** The names of what one model is shown; models for pictures of the same size are shown the same. */
function sightNames(settings: LossSettings, model: GuidanceModel) {
  const side = viewSide(model)
  const views = (picture: string, set: ViewSet) => `${picture}.${viewSetOf(set, settings.viewSharing)}${side}`
  return {
    composition: views('composite', 'composition'),
    directionalOutput: views('composite', 'directionalOutput'),
    directionalInput: views('picture', 'directionalInput'),
    screen: views('greenScreen', 'screen'),
    structure: `composite.whole${side}`,
    structureInput: `picture.whole${side}`,
    bootstrap: `alpha.window${model.imageSize}`,
    bootstrapInput: `picture.window${model.imageSize}`,
  }
}

function modelSights({ settings, size, bootstrap }: LossPlan, model: GuidanceModel): ModelSight[] {
  const { answers } = model
  const names = sightNames(settings, model)
  const side = viewSide(model)
  const sights: ModelSight[] = []
  const see = (name: keyof typeof names, picture: ModelSight['picture'], how: ModelSight['how']) => {
    sights.push({ name: names[name], picture, how })
  }
  const views =
    (set: ViewSet): ModelSight['how'] =>
    (picture, crops) =>
      cropViews(picture, crops(viewSetOf(set, settings.viewSharing), side))
  const resized = (picture: Value, to: Size) => resizePicture(picture, to, settings.antialias)
  if (answers.texts) {
    if (settings.lambdaComposition > 0) see('composition', 'composite', views('composition'))
    if (settings.lambdaDirectional > 0) {
      see('directionalOutput', 'composite', views('directionalOutput'))
      see('directionalInput', 'picture', views('directionalInput'))
    }
    if (settings.lambdaScreen > 0) see('screen', 'greenScreen', views('screen'))
  }
  if (answers.structure && settings.lambdaStructure > 0) {
    const whole = (picture: Value) => resized(picture, seenSize(size, side, 380))
    see('structure', 'composite', whole)
    see('structureInput', 'picture', whole)
  }
  if (answers.relevancy && bootstrap === 'model') {
    const window = (picture: Value) => resized(picture, { height: model.imageSize, width: model.imageSize })
    see('bootstrap', 'alpha', window)
    see('bootstrapInput', 'picture', window)
  }
  return sights
}

function mean(values: readonly Value[]): Value {
  return values.length === 1
    ? values[0]!
    : mul(
        values.reduce((sum, value) => add(sum, value)),
        1 / values.length,
      )
}

const lookPlan = ({ views: count, viewSampling: sampling, viewFill: fill }: LossSettings): LookPlan => ({
  count,
  sampling,
  fill,
})

interface JudgeInputs {
  readonly share: (loss: keyof TextShares, count: number) => Value
  readonly look: (set: ViewSet, side: number) => LookInputs
}

/** The losses that one guidance model answers for. */
function modelLosses(
  { settings, texts, bootstrap }: Pick<LossPlan, 'settings' | 'texts' | 'bootstrap'>,
  model: GuidanceModel,
  graph: Graph,
  { share, look }: JudgeInputs,
  seen: (sight: string) => Value,
): Map<LossName, Value> {
  const { answers } = model
  const { inputs: weights } = bindWeights(graph, model)
  const names = sightNames(settings, model)
  const plan = lookPlan(settings)
  const views = (set: ViewSet) =>
    lookAt(seen(names[set]), look(viewSetOf(set, settings.viewSharing), viewSide(model)), plan) // [V, 3, h, w]
  const target = (name: TargetName, n: number) => graph.input(targetInputName(model, name), [n, model.embeddingWidth])
  const losses = new Map<LossName, Value>()

  // What depends on the edit can be one batch: a third of the nodes to compile, and longer products.
  const embeddings = embedTogether(
    {
      ...(answers.texts && settings.lambdaComposition > 0 ? { composition: views('composition') } : {}),
      ...(answers.texts && settings.lambdaDirectional > 0 ? { directionalOutput: views('directionalOutput') } : {}),
      ...(answers.texts && settings.lambdaScreen > 0 ? { screen: views('screen') } : {}),
    },
    model,
    weights,
  )
  const spherical = (loss: 'composition' | 'screen', parts: readonly Value[]) => {
    const [embedded, shares] = [target(loss, texts[loss]), share(loss, texts[loss])]
    losses.set(
      loss,
      meanOverViews(parts, (part) => sphericalLoss(part, embedded, shares)),
    )
  }
  if (embeddings.composition) spherical('composition', embeddings.composition)
  if (embeddings.directionalOutput) {
    const after = embeddings.directionalOutput
    // No backward pass: nothing of it is held.
    const before = inParts(model.embed(views('directionalInput'), weights), after.length)
    const [direction, shares] = [target('direction', texts.direction), share('direction', texts.direction)]
    const changes = after.map((part, i) => sub(part, before[i]!))
    losses.set(
      'directional',
      meanOverViews(changes, (change) => directionalLoss(change, direction, shares)),
    )
  }
  if (embeddings.screen) spherical('screen', embeddings.screen)
  if (answers.structure && settings.lambdaStructure > 0) {
    const tokens = (sight: string) => model.tokens(seen(sight), weights)
    losses.set('structure', structureLoss(tokens(names.structure), tokens(names.structureInput)))
  }
  if (answers.relevancy && bootstrap === 'model') {
    const window = { height: model.imageSize, width: model.imageSize }
    const maps = model.relevancy(seen(names.bootstrapInput), target('region', texts.region), weights) // [K, 1, gh, gw]
    const stretched = Array.from({ length: texts.region }, (_, k) =>
      stretch(resizePicture(slice(maps, { axes: [0], starts: [k], ends: [k + 1] }), window, false)),
    )
    const relevancy = texts.region === 1 ? stretched[0]! : reduceMean(concat(stretched, 0), [0], { keepDims: true })
    losses.set('bootstrap', bootstrapLoss(seen(names.bootstrap), relevancy))
  }
  return losses
}

/** The mean of a loss over all views, of parts [v, D] of them, each counting as its views. */
function meanOverViews(parts: readonly Value[], loss: (part: Value) => Value): Value {
  if (parts.length === 1) return loss(parts[0]!)
  const views = parts.reduce((sum, part) => sum + part.shape[0]!, 0)
  return parts.map((part) => mul(loss(part), part.shape[0]! / views)).reduce((sum, share) => add(sum, share))
}

/**
 * Image tokens in a joined batch. With more, products are long without joining sets, whose backward passes then hold
 * their tensors one after the other.
 */
const BATCH_TOKENS = 1536
/**
 * Image tokens of a set of views that is judged at once, where it is not joined with others. With more, products gain
 * nothing by their length, and what the backward pass holds grows: the 24 layers of ViT-L/14 keep some 2 MB a token. 16
 * views of ViT-B/32 are two parts.
 */
const PART_TOKENS = 768

function tokensOf([views, , height, width]: readonly number[], { cell }: GuidanceModel): number {
  return views! * Math.floor(height! / cell) * Math.floor(width! / cell)
}

/**
 * In how many parts views [V, 3, h, w] are judged one after the other: forward, loss and backward of one, then the
 * next. Equal parts, if there are such: what one leaves free fits the next. Of a model that gains nothing by long
 * products, one part.
 */
function partsOf(views: Value, model: GuidanceModel): number {
  if (!model.gainsByBatch) return 1
  const count = views.shape[0]!
  const least = Math.max(1, Math.min(count, Math.ceil(tokensOf(views.shape, model) / PART_TOKENS)))
  const equal = Array.from({ length: least }, (_, i) => least + i).find((parts) => count % parts === 0)
  return equal ?? least
}

/** Rows [V, ...] in so many parts of about the same length. */
function inParts(rows: Value, parts: number): Value[] {
  const start = (part: number) => Math.round((part * rows.shape[0]!) / parts)
  return Array.from({ length: parts }, (_, i) => slice(rows, { axes: [0], starts: [start(i)], ends: [start(i + 1)] }))
}

/**
 * The embeddings of several sets of views [V, 3, h, w], each in parts [v, D], encoded as one batch where the model
 * gains by that. Sets that are one node, as losses that share views have them, are encoded once.
 */
function embedTogether<Name extends string>(
  sets: Readonly<Partial<Record<Name, Value>>>,
  model: GuidanceModel,
  weights: WeightInputs,
): Partial<Record<Name, readonly Value[]>> {
  const named = Object.entries(sets) as [Name, Value][]
  const distinct = [...new Set(named.map(([, views]) => views))]
  const tokens = distinct.reduce((sum, { shape }) => sum + tokensOf(shape, model), 0)
  const embeddings = new Map<Value, readonly Value[]>()
  if (model.gainsByBatch && distinct.length > 1 && tokens <= BATCH_TOKENS) {
    const all = model.embed(concat(distinct, 0), weights)
    let from = 0
    for (const views of distinct)
      embeddings.set(views, [slice(all, { axes: [0], starts: [from], ends: [(from += views.shape[0]!)] })])
  } else {
    for (const views of distinct)
      embeddings.set(
        views,
        inParts(views, partsOf(views, model)).map((part) => model.embed(part, weights)),
      )
  }
  return Object.fromEntries(named.map(([name, views]) => [name, embeddings.get(views)!])) as Partial<
    Record<Name, readonly Value[]>
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
