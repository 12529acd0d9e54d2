import { type ClipGraph } from './clipGraph.js'
import { colourEvidence } from './colourEvidence.js'
import { type Alike, consensus } from './consensus.js'
import { logOdds, probability } from './logOdds.js'
import { type NodeMotion, motionEvidence } from './nodeMotion.js'
import { type Evidence, randomWalker } from './randomWalker.js'

/** What is known of a clip before any hint. */
export interface ClipScene {
  readonly graph: ClipGraph
  readonly alike: Alike
  readonly motion: NodeMotion
}

/** How much colour and motion count against edges of weight 1 while the whole clip is labelled at once. */
const GLOBAL_COLOUR = 0.02
const GLOBAL_MOTION = 0.1
const ROUNDS = 4
/** How much a certain posterior counts against edges of weight 1, and an undecided one beside it. */
const POSTERIOR = 0.3
const UNDECIDED = 0.05
/** How much motion counts beside a full consensus. */
const LOCAL_MOTION = 0.2
const SWEEPS = 15

/**
 * Labels the whole clip from soft evidence: random walks over all frames with what colours and speeds the foreground
 * has, learnt from the labels so far, in turn.
 *
 * @param prior the hint's own evidence
 * @param start labels to learn from first, [0, 1]; @param counts the nodes whose labels these are, 1 or 0
 */
export async function labelClip(
  { graph, motion }: ClipScene,
  prior: Evidence,
  start: Float32Array,
  counts: Float32Array,
  breathe: () => Promise<void>,
): Promise<Float32Array> {
  const everywhere = new Float32Array(graph.count).fill(1)
  const colourStrength = everywhere.map(() => GLOBAL_COLOUR)
  const motionStrength = motion.share.map((share) => GLOBAL_MOTION * share)
  let labels = start
  for (let round = 0; round < ROUNDS; round++) {
    await breathe()
    const learnt = round === 0 ? counts : everywhere
    const evidence = [
      prior,
      { value: clipSpeeds(graph, motion, labels, learnt), strength: motionStrength },
      { value: colourEvidence(graph, labels, learnt), strength: colourStrength },
    ]
    labels = randomWalker(graph, evidence, labels).map((x) => sharpened(sharpened(x)))
  }
  return labels
}

/**
 * Labels the whole clip from a vague probability of each node: the posterior with the colours of the object so far,
 * learnt from the nodes that are certain, then random walks over all frames, in turn.
 *
 * @param prior of each node, [0, 1]
 */
export async function labelByColour(
  { graph }: Pick<ClipScene, 'graph'>,
  prior: Float32Array,
  breathe: () => Promise<void>,
): Promise<Float32Array> {
  let labels = prior
  for (let round = 0; round < ROUNDS; round++) {
    await breathe()
    const colours = colourEvidence(
      graph,
      labels,
      labels.map((x) => (2 * x - 1) ** 2),
    )
    const value = prior.map((p, i) => probability(logOdds(p, 0.02) + logOdds(colours[i]!, 0.02)))
    const strength = value.map((p) => POSTERIOR * (Math.abs(2 * p - 1) + UNDECIDED))
    labels = randomWalker(graph, [{ value, strength }], labels).map(sharpened)
  }
  return labels
}

/**
 * Carries labels from the frames that have them to all others, nearest first: each takes what alike nodes of the frames
 * done so far have, smoothed within the frame.
 *
 * @param labels replaced in place
 * @param given frames whose labels are there
 */
export async function carryLabels(
  scene: ClipScene,
  labels: Float32Array,
  given: ReadonlySet<number>,
  breathe: () => Promise<void>,
): Promise<void> {
  const { graph, motion } = scene
  const { first, count } = graph
  const known = new Float32Array(count)
  for (const t of given) known.fill(1, first[t], first[t + 1])
  const distance = (t: number) => Math.min(...[...given].map((g) => Math.abs(g - t)))
  const order = graph.frames
    .map((_, t) => t)
    .filter((t) => !given.has(t))
    .sort((a, b) => distance(a) - distance(b))
  for (const t of order) {
    await breathe()
    labels.set(agreed(scene, labels, known, motionEvidence(motion, graph, labels, known, t), t), first[t])
    known.fill(1, first[t], first[t + 1])
  }
}

/** Lets all frames but the fixed ones agree with those around them, a few times over. */
export async function settleLabels(
  scene: ClipScene,
  labels: Float32Array,
  fixed: ReadonlySet<number>,
  rounds: number,
  breathe: () => Promise<void>,
): Promise<Float32Array> {
  const { graph, motion } = scene
  const everywhere = new Float32Array(graph.count).fill(1)
  let current = labels
  for (let round = 0; round < rounds; round++) {
    await breathe()
    const next = current.slice()
    for (let t = 0; t < graph.frames.length; t++) {
      if (!fixed.has(t))
        next.set(
          agreed(scene, current, everywhere, motionEvidence(motion, graph, current, everywhere, t), t),
          graph.first[t],
        )
    }
    current = next
  }
  return current
}

function clipSpeeds(graph: ClipGraph, motion: NodeMotion, labels: Float32Array, counts: Float32Array): Float32Array {
  const value = new Float32Array(graph.count)
  graph.frames.forEach((_, t) => {
    value.set(motionEvidence(motion, graph, labels, counts, t), graph.first[t])
  })
  return value
}

/**
 * Labels of frame t by the consensus of other frames and by speed, smoothed along the edges within the frame
 * (Gauss-Seidel) and sharpened.
 */
function agreed(
  { graph, alike, motion }: ClipScene,
  labels: Float32Array,
  known: Float32Array,
  speeds: Float32Array,
  t: number,
): Float32Array {
  const { first, start, neighbour, weight } = graph
  const [from, to] = [first[t]!, first[t + 1]!]
  const { vote, support } = consensus(alike, labels, known, from, to)
  const strength = new Float32Array(to - from)
  const value = new Float32Array(to - from)
  for (let i = from; i < to; i++) {
    const own = support[i - from]!
    const speed = LOCAL_MOTION * motion.share[i]!
    strength[i - from] = own + speed + 1e-6
    value[i - from] = (own * sharpened(vote[i - from]!) + speed * speeds[i - from]!) / (own + speed + 1e-6)
  }
  const x = value.slice()
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (let i = from; i < to; i++) {
      let sum = strength[i - from]! * value[i - from]!
      let total = strength[i - from]!
      for (let e = start[i]!; e < start[i + 1]!; e++) {
        const j = neighbour[e]!
        if (j < from || j >= to) continue
        sum += weight[e]! * x[j - from]!
        total += weight[e]!
      }
      x[i - from] = sum / total
    }
  }
  return x.map(sharpened)
}

/** Away from 1/2, towards 0 or 1, which stay. */
export const sharpened = (x: number): number => x * x * x * (10 - 15 * x + 6 * x * x)
