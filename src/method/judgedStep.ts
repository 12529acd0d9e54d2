import { gradients } from '../engine/gradients.js'
import { Graph, type Shape, type Value, sizeOf } from '../engine/graph.js'
import { add, mul, reduceSum, reshape, slice } from '../engine/ops.js'
import type { Feed, Program } from '../engine/runtime.js'
import type { KeptOutputs, Outputs, Pass } from '../engine/trainedProgram.js'
import { joinGradients } from '../models/generator.js'
import type { GuidanceModel } from '../models/guidance.js'
import type { ImageSettings } from '../options/imageOptions.js'
import { lossNames } from './losses.js'
import {
  type LossPlan,
  type Pictures,
  isAnythingSeen,
  judgedLosses,
  lossReport,
  ownLosses,
  showsEdit,
  sightsOf,
  weightedTotal,
} from './pictureLosses.js'
import { type StepGraph, type StepPlan, buildStepGraph, stepOutputs, stepPictures } from './stepGraph.js'

/*
 * A step in three graphs. Nearly all nodes of a step belong to the guidance models, which see views of one size
 * whatever the size of the picture: where that changes from step to step, they are compiled once.
 *   see:   the picture, the parameters   -> `seen.<sight>`, what the models are shown, and `held.<n>`, see `handedOver`
 *   judge: `seen.<sight>`                -> `said` [7], the losses by `lossNames`, and `pull.<sight>`, the gradient of
 *                                           their weighted sum with respect to each sight of the edit
 *   learn: all of these                  -> what the step as one graph gives
 */

/**
 * Pixels up to which three graphs pay: the generator's forward pass is gone through twice, which on two cores takes
 * longer than compiling from about here on (bench/step.mjs).
 */
const LARGEST_APART = 320 * 320

const SEEN = 'seen.'
const PULL = 'pull.'

/**
 * What 'learn' does not compute again but takes from 'see': of the forward pass, which it goes through once more, the
 * convolutions that take longer than to hand their results over. To be called before anything else is written into the
 * graph, in both alike.
 */
function handedOver(graph: Graph): Record<string, Value> {
  const worth = graph.nodes.flatMap(({ op, kind, inputs, outputs }) =>
    kind === 'op' && op === 'Conv' && 2 * sizeOf(inputs[1]!.shape.slice(1)) >= WORTH_HANDING ? [outputs[0]!] : [],
  )
  return Object.fromEntries(worth.map((value, i) => [`held.${i}`, value]))
}

/** Operations for each number of a result. */
const WORTH_HANDING = 1000

/** The graph 'see'. */
function buildSeeGraph(plan: StepPlan, guidance: readonly GuidanceModel[]): StepGraph {
  const graph = new Graph()
  const { pictures } = stepPictures(plan, graph)
  const held = handedOver(graph)
  const seen = [...sightsOf(plan, guidance, graph, pictures)].map(([name, sight]) => [SEEN + name, sight] as const)
  return { graph, outputs: { ...held, ...Object.fromEntries(seen) } }
}

/** The graph 'judge' for sights of these shapes. */
function buildJudgeGraph(
  plan: Omit<LossPlan, 'size' | 'emphasis'>,
  guidance: readonly GuidanceModel[],
  shapes: Readonly<Record<string, Shape>>,
): StepGraph {
  const graph = new Graph()
  const sights = new Map(Object.entries(shapes).map(([name, shape]) => [name, graph.input(name, shape)]))
  const { values, total } = weightedTotal(
    graph,
    judgedLosses(plan, guidance, graph, (name) => sights.get(SEEN + name)!),
  )
  const shown = [...sights.keys()].map((input) => input.slice(SEEN.length)).filter(showsEdit)
  const pulls = gradients(
    total,
    shown.map((name) => sights.get(SEEN + name)!),
  )
  return { graph, outputs: { said: values, ...Object.fromEntries(shown.map((name, i) => [PULL + name, pulls[i]!])) } }
}

/**
 * The losses in the graph 'learn': `values` and `total` as of the step as one graph, and what is differentiated for
 * them, the own losses and, for what was said, each sight times its pull.
 */
function pulledTotal(
  plan: LossPlan,
  guidance: readonly GuidanceModel[],
  graph: Graph,
  pictures: Pictures,
): { readonly values: Value; readonly total: Value; readonly objective: Value } {
  const own = ownLosses(plan, graph, pictures)
  const said = graph.input('said', [lossNames.length])
  const losses = new Map(
    lossNames.map((name, i) => [
      name,
      own.get(name) ?? reshape(slice(said, { axes: [0], starts: [i], ends: [i + 1] }), []),
    ]),
  )
  const { values, total } = weightedTotal(graph, losses)
  const pulled = [...sightsOf(plan, guidance, graph, pictures)]
    .filter(([name]) => showsEdit(name))
    .map(([name, sight]) => reduceSum(mul(sight, graph.input(PULL + name, sight.shape))))
  return { values, total, objective: pulled.reduce((sum, part) => add(sum, part), total) }
}

/** The graph 'learn'. */
function buildLearnGraph(plan: StepPlan, guidance: readonly GuidanceModel[]): StepGraph {
  const graph = new Graph()
  const { pictures, parameters, flat } = stepPictures(plan, graph)
  const given = handedOver(graph)
  const { values, total, objective } = pulledTotal(plan, guidance, graph, pictures)
  const own = joinGradients(gradients(objective, [...parameters.values()]))
  return { graph, outputs: stepOutputs(plan, graph, flat, own, (vectors) => lossReport(values, total, vectors)), given }
}

/** One picture of a step. */
export interface PictureStep {
  readonly plan: StepPlan & { readonly settings: Pick<ImageSettings, 'sizes'> }
  readonly guidance: readonly GuidanceModel[]
  /** Tells its graphs from those of other plans. */
  readonly key: string
  readonly compile: (key: string, build: () => StepGraph, kept: KeptOutputs, lasting?: boolean) => Promise<Program>
}

/** What `buildStepGraph` gives for one picture: by that graph, or where sizes are exact and small by three. */
export async function runPicture(
  pass: Pass,
  { plan, guidance, key, compile }: PictureStep,
  feeds: Readonly<Record<string, Feed>>,
): Promise<Outputs> {
  const kept = ['gradient']
  const { settings, size } = plan
  const apart = settings.sizes === 'exact' && size.width * size.height <= LARGEST_APART
  if (!apart || !isAnythingSeen(plan, guidance))
    return await pass.run(await compile(key, () => buildStepGraph(plan, guidance), kept), feeds)
  const see = await compile(`see ${key}`, () => buildSeeGraph(plan, guidance), 'all')
  const made = Object.entries(await pass.run(see, feeds))
  const sights = Object.fromEntries(made.filter(([name]) => name.startsWith(SEEN)))
  const held = Object.fromEntries(made.filter(([name]) => !name.startsWith(SEEN)))
  const shapes = Object.fromEntries(Object.entries(sights).map(([name, { dims }]) => [name, dims]))
  const judge = await compile(
    `judge ${plan.bootstrap} ${JSON.stringify(shapes)}`,
    () => buildJudgeGraph(plan, guidance, shapes),
    'all',
    true,
  )
  const judged = await pass.run(judge, { ...feeds, ...sights })
  for (const sight of Object.values(sights)) pass.free(sight)
  const learn = await compile(`learn ${key}`, () => buildLearnGraph(plan, guidance), kept)
  const after = await pass.run(learn, { ...feeds, ...held, ...judged })
  for (const part of [...Object.values(held), ...Object.values(judged)]) pass.free(part)
  return after
}
