import { gradients } from '../../src/engine/gradients.js'
import { Graph, type Value } from '../../src/engine/graph.js'
import {
  add,
  clip,
  concat,
  div,
  exp,
  gemm,
  matmul,
  maximum,
  mul,
  normalizeLength,
  reduceMean,
  reshape,
  sqrt,
} from '../../src/engine/ops.js'
import { randomStream } from '../../src/engine/random.js'
import { nextState, stateInputs } from '../../src/engine/trainedProgram.js'
import { type StarterConfig, starterImageShapes } from '../../src/models/starterConfig.js'
import { tokensOfCells } from '../../src/models/starterImage.js'
import { adamw } from './adamw.js'
import { contrastiveLoss, rivalLoss, squaredNorm } from './contrastiveLoss.js'
import { FEATURES } from './trunkFeatures.js'
import { CELL, viewSizes } from './views.js'

/**
 * Sizes of a step: whole views, each by some of its cells; scenes, all of their cells; regions that a scene may have.
 */
export interface BatchSizes {
  readonly views: number
  readonly cellsPerView: number
  readonly scenes: number
  readonly regions: number
}

export const SCENE_CELLS = (viewSizes.scene / CELL) ** 2

/** Images in the contrast: the views and the scenes' regions. */
function imageCount({ views, scenes, regions }: BatchSizes): number {
  return views + scenes * regions
}

export const SENTENCE = 384
/** Weight of the loss between the regions of a scene beside the contrastive loss. */
const LAMBDA_RIVALS = 0.5
export const LARGEST_SCALE = 60
const GRADIENT_NORM = 1
export const optimizer = { betas: [0.9, 0.98], eps: 1e-8 } as const
const DECAY = 0.1

export interface Parameter {
  readonly name: string
  readonly shape: readonly number[]
  readonly initial: Float32Array
  readonly decay: number
}

export const PROJECTION = 'text_projection.weight'

/** Everything that can be learned, at its seeded start: head, text projection and temperature. */
export function initialParameters(config: StarterConfig, seed: number): Parameter[] {
  const shapes = [...starterImageShapes(config)].filter(
    ([name]) => name.startsWith('head.') && !name.startsWith('head.token.'),
  )
  shapes.push([PROJECTION, [config.embed_dim, SENTENCE]])
  const parameters = shapes.map(([name, shape]): Parameter => {
    const size = shape.reduce((product, n) => product * n, 1)
    const isNorm = /\.ln(_post)?\.weight$/.test(name)
    if (shape.length === 1) return { name, shape, initial: new Float32Array(size).fill(isNorm ? 1 : 0), decay: 0 }
    // Uniform with variance 1 / (3 inputs), as PyTorch's layers start: small, so that what is learned outweighs the
    // chance start and a text never seen lands near its like.
    const random = randomStream(seed, `initial ${name}`)
    const bound = Math.sqrt(1 / shape[1]!)
    return {
      name,
      shape,
      initial: new Float32Array(size).map(() => random.uniform(-bound, bound)),
      decay: DECAY,
    }
  })
  return [...parameters, { name: 'log_scale', shape: [], initial: Float32Array.of(Math.log(1 / 0.07)), decay: 0 }]
}

/** Whether a parameter is learned: all are, but for the projection of the texts where these are kept. */
export function isLearned(name: string, keepTexts: boolean): boolean {
  return !(keepTexts && name === PROJECTION)
}

/** Inputs of a step besides the parameters and the optimizer's state. */
export function feedShapes(sizes: BatchSizes) {
  const { views, cellsPerView, scenes, regions } = sizes
  const N = imageCount(sizes)
  return {
    views: [views, cellsPerView, FEATURES],
    scenes: [scenes, SCENE_CELLS, FEATURES],
    /** What share each cell has in a region's mean: rows sum to 1. */
    shares: [scenes, regions, SCENE_CELLS],
    sentences: [N, SENTENCE],
    positives: [N, N],
    ignored: [N, N],
    weights: [N],
    rivals: [N, N],
    tokenMean: [FEATURES],
    tokenStd: [FEATURES],
    learningRate: [],
    meanCorrection: [],
    squareCorrection: [],
  } satisfies Record<string, readonly number[]>
}

export type FeedName = keyof ReturnType<typeof feedShapes>
export type Feeds = Record<FeedName, Float32Array>

export interface TrainingGraph {
  readonly graph: Graph
  readonly outputs: Record<string, Value>
}

/**
 * One step: the losses, and every learned parameter p with its state `p mean` and `p square` after the update, see
 * `nextState`.
 */
export function trainingGraph(
  config: StarterConfig,
  parameters: readonly Parameter[],
  sizes: BatchSizes,
  keepTexts: boolean,
): TrainingGraph {
  const graph = new Graph()
  const feeds = Object.fromEntries(
    Object.entries(feedShapes(sizes)).map(([name, shape]) => [name, graph.input(name, shape)]),
  ) as Record<FeedName, Value>
  const values = new Map(parameters.map(({ name, shape }) => [name, graph.input(name, shape)]))
  const w = (name: string): Value =>
    name === 'head.token.mean' ? feeds.tokenMean : name === 'head.token.std' ? feeds.tokenStd : values.get(name)!
  const d = config.head.width

  const viewTokens = tokensOfCells(reshape(feeds.views, [-1, FEATURES]), config, w) // [V * cells, d]
  const sceneTokens = tokensOfCells(reshape(feeds.scenes, [-1, FEATURES]), config, w) // [P * 49, d]
  const whole = reduceMean(reshape(viewTokens, [sizes.views, sizes.cellsPerView, d]), [1]) // [V, d]
  const regions = matmul(feeds.shares, reshape(sceneTokens, [sizes.scenes, SCENE_CELLS, d])) // [P, R, d]
  const pooled = concat([whole, reshape(regions, [sizes.scenes * sizes.regions, d])], 0) // [N, d]
  const images = normalizeLength(gemm(pooled, w('head.proj.weight'), null, { transB: true })) // [N, D]
  const texts = normalizeLength(gemm(feeds.sentences, w(PROJECTION), null, { transB: true })) // [N, D]
  const scale = clip(exp(w('log_scale')), 1, LARGEST_SCALE)
  const contrastive = contrastiveLoss(images, texts, feeds, scale)

  const rivalry = rivalLoss(images, texts, feeds.rivals, scale)
  const total = add(contrastive, mul(rivalry, LAMBDA_RIVALS))

  const learned = parameters.filter(({ name }) => isLearned(name, keepTexts))
  const wrt = learned.map(({ name }) => values.get(name)!)
  const found = gradients(total, wrt)
  const norm = sqrt(squaredNorm(found))
  const shrink = div(GRADIENT_NORM, maximum(norm, GRADIENT_NORM))
  const outputs: Record<string, Value> = { contrastive, rivalry, norm, scale }
  learned.forEach(({ name, shape, decay }, i) => {
    const [mean, square] = [`${name} mean`, `${name} square`]
    const state = stateInputs(graph, { [mean]: shape, [square]: shape })
    const next = adamw(wrt[i]!, mul(found[i]!, shrink), { mean: state[mean]!, square: state[square]! }, feeds, {
      ...optimizer,
      decay,
    })
    Object.assign(outputs, nextState({ [name]: next.parameter, [mean]: next.mean, [square]: next.square }))
  })
  return { graph, outputs }
}
