import { Text2LiveError } from '../../errors.js'
import type { FloatImage } from '../../media/image.js'
import { resize } from '../../media/resample.js'
import { type ClipGraph, regionMeans } from './clipGraph.js'
import { consensus } from './consensus.js'
import type { ClipScene } from './labelling.js'
import { logOdds, probability } from './logOdds.js'
import { movingThreshold } from './nodeMotion.js'
import { type Evidence, randomWalker } from './randomWalker.js'

/** The hint's own evidence, and labels to learn colours and speeds from where `counts` is 1. */
export interface HintEvidence {
  readonly prior: Evidence
  readonly start: Float32Array
  readonly counts: Float32Array
}

/**
 * Standard deviations above the mean at which a relevancy says neither yes nor no, and the log-odds that one more adds.
 */
const RELEVANT = 1.5
const RELEVANCY_SLOPE = 2
/**
 * The log-odds that a place belongs to the object where its relevancy lies so many standard deviations above the mean.
 */
export const relevancyOdds = (deviations: number): number => RELEVANCY_SLOPE * (deviations - RELEVANT)
/** No place is surer than this to be the object's, or not to be. */
const LEAST_DOUBT = 0.02
/** The same of what its motion says. */
const MOVING_DOUBT = 0.03
/** The same of labels that grew from a point, where something stands out. */
const GROWN_DOUBT = 0.2
/** What stands out in a frame is the object that grew from a point if they overlap by more than this. */
const MEETS = 0.25
/** Maps tell of a node in full that is known to them by this. */
const HARDLY = 0.1
/** Rounds in which the frames' answers are averaged, and how much those of other frames count beside a node's own. */
const ANSWER_ROUNDS = 3
const OTHER_FRAMES = 4
/** How much a node that holds still or moves fast counts against edges of weight 1. */
const MOTION = 0.1
/** Slope of the step between still and moving. */
const STEEPNESS = 8
/**
 * What moves has at least this mean speed against the background, in thousandths of the longer side a frame: about the
 * error of the flow.
 */
const LEAST_SPEED = 1
/** Share of the longer side around a point that surely belongs to what is meant. */
const POINT_RADIUS = 1 / 100
/** Colours, L*a*b* units, within which the region around a point grows. */
const POINT_COLOUR = 15
/** Velocities within which it does: thousandths of the longer side, and a share of its own speed. */
const POINT_VELOCITY = { least: 1.5, share: 0.15 } as const

/**
 * From relevancy maps of some frames, of any size: the mean of what alike nodes of many frames answer, taken together
 * with how fast a node moves against the background, in frames where anything does. One answer alone is vague, and what
 * moves with the object (its reflection, the waves behind it) answers less to the text.
 *
 * @returns how likely each node belongs to the object, [0, 1]
 */
export function relevancyEvidence(scene: ClipScene, maps: ReadonlyMap<number, FloatImage>): Float32Array {
  const odds = answeredOdds(scene, maps)
  if (odds === null) {
    throw new Text2LiveError(
      'OBJECT_NOT_FOUND',
      'The guidance finds the region text nowhere in the clip: its relevancy is the same everywhere. Name the object with other words, or point at it.',
    )
  }
  return withMotion(scene, odds)
}

/**
 * From maps of some frames that say how likely each place is the object's: their mean over alike nodes of many frames,
 * taken together with what the guidance answers there, if it was asked, and with how fast a node moves against the
 * background.
 *
 * @param answers relevancy maps of some frames, of any size
 * @returns how likely each node belongs to the object, [0, 1]
 */
export function probabilityEvidence(
  scene: ClipScene,
  maps: ReadonlyMap<number, FloatImage>,
  answers: ReadonlyMap<number, FloatImage> | null = null,
): Float32Array {
  const { area } = scene.graph
  const answered = answers && answeredOdds(scene, answers)
  const told = overAllFrames(scene, maps)
  // What no map tells of belongs to the object as often as what they tell of does.
  const weight = told.known.map((known, i) => known * area[i]!)
  const share = told.values.reduce((sum, x, i) => sum + weight[i]! * x, 0) / weight.reduce((sum, x) => sum + x, 0)
  const mapped = mappedOdds(told, logOdds(share, LEAST_DOUBT))
  return withMotion(
    scene,
    mapped.map((x, i) => x + (answered?.[i] ?? 0)),
  )
}

/**
 * Labels that grew from a point, taken together with what stands out: maps of frames that say how likely each place is
 * its, as far as each meets the labels of its frame.
 *
 * @returns how likely each node belongs to the object, [0, 1]
 */
export function grownEvidence(
  scene: ClipScene,
  labels: Float32Array,
  maps: ReadonlyMap<number, FloatImage>,
): Float32Array {
  const { graph } = scene
  const met = [...maps].filter(([t, map]) => {
    const own = labels.subarray(graph.first[t], graph.first[t + 1])
    const stands = frameMeans(graph, t, atSizeOf(graph, map).data)
    let [both, either] = [0, 0]
    own.forEach((x, k) => {
      const area = graph.area[graph.first[t]! + k]!
      if (x > 0.5 && stands[k]! > 0.5) both += area
      if (x > 0.5 || stands[k]! > 0.5) either += area
    })
    return both > MEETS * either
  })
  const odds = mappedOdds(overAllFrames(scene, new Map(met)), 0)
  return labels.map((x, i) => probability(logOdds(x, GROWN_DOUBT) + odds[i]!))
}

/**
 * The log-odds of each node by maps of some frames and alike nodes of others.
 * @param untold of what hardly any tells
 */
function mappedOdds({ values, known }: Told, untold: number): Float32Array {
  return values.map((x, i) => {
    const told = Math.min(1, known[i]! / HARDLY)
    return told * logOdds(x, LEAST_DOUBT) + (1 - told) * untold
  })
}

/**
 * The log-odds of each node by what alike nodes of many frames answer; null where all answer alike.
 * @param answers relevancy maps of some frames, of any size
 */
function answeredOdds(scene: ClipScene, answers: ReadonlyMap<number, FloatImage>): Float32Array | null {
  const { area } = scene.graph
  const { values: relevancy } = overAllFrames(scene, answers)
  const total = area.reduce((sum, x) => sum + x, 0)
  const mean = relevancy.reduce((sum, x, i) => sum + area[i]! * x, 0) / total
  const deviation = Math.sqrt(relevancy.reduce((sum, x, i) => sum + area[i]! * (x - mean) ** 2, 0) / total)
  return deviation > 1e-6 ? relevancy.map((x) => relevancyOdds((x - mean) / deviation)) : null
}

/** Log-odds of each node, taken together with how fast it moves against the background, as a probability. */
function withMotion(scene: ClipScene, odds: Float32Array): Float32Array {
  const moving = movingInFrames(scene)
  return odds.map((x, i) => probability(x + logOdds(moving[i]!, MOVING_DOUBT)))
}

/** What maps say of nodes, and how far each is known to them, [0, 1]. */
interface Told {
  readonly values: Float32Array
  readonly known: Float32Array
}

/** What the maps say of each node, averaged with what alike nodes of other frames say. */
function overAllFrames(scene: ClipScene, maps: ReadonlyMap<number, FloatImage>): Told {
  const { graph } = scene
  const { first, count } = graph
  const answers = new Float32Array(count)
  const known = new Float32Array(count)
  for (const [t, map] of maps) {
    answers.set(frameMeans(graph, t, atSizeOf(graph, map).data), first[t])
    known.fill(1, first[t], first[t + 1])
  }
  return overFrames(scene, answers, known)
}

const atSizeOf = ({ width, height }: ClipGraph, map: FloatImage): FloatImage =>
  map.width === width && map.height === height
    ? map
    : resize(map, width, height, { filter: 'bilinear', antialias: true })

/**
 * How likely each node is one that moves, among those of its frame: what runs in one frame walks in another. 1/2 where
 * the flow does not hold or all is still.
 */
function movingInFrames({ graph, motion }: ClipScene): Float32Array {
  const moving = new Float32Array(graph.count).fill(0.5)
  graph.frames.forEach((_, t) => {
    const [from, to] = [graph.first[t]!, graph.first[t + 1]!]
    const { threshold, fastest } = movingThreshold(motion, graph, from, to)
    if (fastest < LEAST_SPEED) return
    for (let i = from; i < to; i++) moving[i]! += motion.share[i]! * (movesFast(motion.speed[i]!, threshold) - 0.5)
  })
  return moving
}

/**
 * Each node's answer and those of alike nodes in other frames, averaged a few times over so that they reach frames that
 * were not asked.
 */
function overFrames({ graph: { count }, alike }: ClipScene, answers: Float32Array, asked: Float32Array): Told {
  let [values, known] = [answers, asked]
  for (let round = 0; round < ANSWER_ROUNDS; round++) {
    const { vote, support } = consensus(alike, values, known, 0, count)
    const weight = support.map((x) => OTHER_FRAMES * x)
    values = values.map((x, i) => (known[i]! * x + weight[i]! * vote[i]!) / Math.max(known[i]! + weight[i]!, 1e-9))
    known = known.map((x, i) => Math.min(1, x + weight[i]!))
  }
  return { values, known }
}

/** From what moves against the background, over the whole clip. */
export function movingEvidence({ graph, motion }: ClipScene): HintEvidence {
  const { threshold, fastest } = movingThreshold(motion, graph, 0, graph.count)
  if (!(fastest >= LEAST_SPEED)) {
    throw new Text2LiveError(
      'OBJECT_NOT_FOUND',
      `No moving object found: nothing in the clip moves against the background by more than ${LEAST_SPEED / 1000} of its longer side a frame. ` +
        'Give a mask of one frame with --object, a point on the object with --point x,y, or its name with --region.',
    )
  }
  const value = motion.speed.map((speed) => movesFast(speed, threshold))
  const prior = { value, strength: motion.share.map((share) => MOTION * share) }
  return { prior, start: randomWalker(graph, [prior]), counts: new Float32Array(graph.count).fill(1) }
}

const movesFast = (speed: number, threshold: number): number =>
  1 / (1 + (threshold / Math.max(speed, 1e-3)) ** STEEPNESS)

/**
 * From a point in one frame: what is around it and has its velocity, where it moves against the background, or else its
 * colour, in that frame.
 */
export function pointEvidence(
  { graph, motion }: ClipScene,
  { x, y, frame }: { x: number; y: number; frame: number },
): HintEvidence {
  const { width, height, first, count, centre, colour } = graph
  const [from, to] = [first[frame]!, first[frame + 1]!]
  const own = from + graph.frames[frame]!.labels[Math.floor(y) * width + Math.floor(x)]!
  const radius = POINT_RADIUS * Math.max(width, height)
  const away = (i: number) => Math.hypot(centre[i]! - x, centre[count + i]! - y)
  const seeds: number[] = [own]
  for (let i = from; i < to; i++) if (i !== own && away(i) < 2 * radius) seeds.push(i)
  // Regions on the outline move as the background does in part: the fastest one tells how the object moves.
  const fastest = seeds.reduce(
    (best, i) => (motion.share[i]! > 0.5 && motion.speed[i]! > motion.speed[best]! ? i : best),
    own,
  )
  const tolerance = POINT_VELOCITY.least + POINT_VELOCITY.share * motion.speed[fastest]!
  const moves = motion.speed[fastest]! > 2 * LEAST_SPEED
  const value = new Float32Array(count)
  const strength = new Float32Array(count)
  for (let i = from; i < to; i++) {
    const seed = i === own || away(i) < radius
    const rim = Math.min(centre[i]!, width - centre[i]!, centre[count + i]!, height - centre[count + i]!) < radius
    const colours = Math.hypot(...[0, 1, 2].map((c) => colour[c * count + i]! - colour[c * count + own]!))
    const looks = Math.exp(-((colours / POINT_COLOUR) ** 2) - ((4 * away(i)) / Math.max(width, height)) ** 2)
    const apart = Math.hypot(
      motion.velocity[i]! - motion.velocity[fastest]!,
      motion.velocity[count + i]! - motion.velocity[count + fastest]!,
    )
    const goes = Math.exp(-((apart / tolerance) ** 2))
    const share = motion.share[i]!
    value[i] = seed ? 1 : rim ? 0 : moves ? share * goes * (0.6 + 0.4 * looks) + (1 - share) * looks : looks
    strength[i] = seed ? 100 : rim ? 0.3 : 0.15
  }
  return { prior: { value, strength }, start: value, counts: strength.map((s) => (s > 0 ? 1 : 0)) }
}

/** Mean of a plane of frame t over each of its regions. */
export function frameMeans({ width, height, frames }: ClipGraph, t: number, plane: ArrayLike<number>): Float32Array {
  const region = frames[t]!
  return regionMeans(
    { width, height, frames: [region], first: Int32Array.of(0, region.count), count: region.count },
    () => plane,
  )
}
