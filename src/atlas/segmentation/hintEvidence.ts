import { Text2LiveError } from '../../errors.js'
import type { FloatImage } from '../../media/image.js'
import { resize } from '../../media/resample.js'
import { type ClipGraph, regionMeans } from './clipGraph.js'
import type { ClipScene } from './labelling.js'
import { movingThreshold } from './nodeMotion.js'
import { type Evidence, randomWalker } from './randomWalker.js'

/** The hint's own evidence, and labels to learn colours and speeds from where `counts` is 1. */
export interface HintEvidence {
  readonly prior: Evidence
  readonly start: Float32Array
  readonly counts: Float32Array
}

/** How much a relevancy of 0 or 1 counts against edges of weight 1. */
const RELEVANCY = 0.1
/** The same of a node that holds still or moves fast. */
const MOTION = 0.1
/** Slope of the step between still and moving. */
const STEEPNESS = 8
/** What moves has at least this mean speed against the background, in thousandths of the longer side a frame: about the error of the flow. */
const LEAST_SPEED = 1
/** Share of the longer side around a point that surely belongs to what is meant. */
const POINT_RADIUS = 1 / 100
/** Colours, L*a*b* units, and speeds, thousandths of the longer side, within which the region around a point grows. */
const POINT_COLOUR = 15
const POINT_SPEED = 3

/** From relevancy maps of some frames, of any size, stretched over the clip to [0, 1]. */
export function relevancyEvidence({ graph }: ClipScene, maps: ReadonlyMap<number, FloatImage>): HintEvidence {
  const { width, height, first, count } = graph
  let [low, high] = [Infinity, -Infinity]
  for (const { data } of maps.values()) {
    for (const x of data) {
      low = Math.min(low, x)
      high = Math.max(high, x)
    }
  }
  if (!(high - low > 1e-6)) {
    throw new Text2LiveError('OBJECT_NOT_FOUND', 'The guidance finds the region text nowhere in the clip: its relevancy is the same everywhere. Name the object with other words, or point at it.')
  }
  const start = new Float32Array(count)
  const counts = new Float32Array(count)
  for (const [t, map] of maps) {
    const fine = map.width === width && map.height === height ? map : resize(map, width, height, { filter: 'bilinear', antialias: true })
    const values = frameMeans(graph, t, fine.data)
    start.set(values.map((x) => (x - low) / (high - low)), first[t])
    counts.fill(1, first[t], first[t + 1])
  }
  return { prior: { value: start, strength: counts.map((x) => RELEVANCY * x) }, start, counts }
}

/** From what moves against the background, over the whole clip. */
export function movingEvidence({ graph, motion }: ClipScene): HintEvidence {
  const { threshold, fastest } = movingThreshold(motion, graph)
  if (!(fastest >= LEAST_SPEED)) {
    throw new Text2LiveError('OBJECT_NOT_FOUND',
      `No moving object found: nothing in the clip moves against the background by more than ${LEAST_SPEED / 1000} of its longer side a frame. `
      + 'Give a mask of one frame with --object, a point on the object with --point x,y, or its name with --region.')
  }
  const value = motion.speed.map((speed) => 1 / (1 + (threshold / Math.max(speed, 1e-3)) ** STEEPNESS))
  const prior = { value, strength: motion.share.map((share) => MOTION * share) }
  return { prior, start: randomWalker(graph, [prior]), counts: new Float32Array(graph.count).fill(1) }
}

/** From a point in one frame: what is around it and has its colour or, where it moves, its speed, in that frame. */
export function pointEvidence({ graph, motion }: ClipScene, { x, y, frame }: { x: number; y: number; frame: number }): HintEvidence {
  const { width, height, first, count, centre, colour } = graph
  const [from, to] = [first[frame]!, first[frame + 1]!]
  const own = from + graph.frames[frame]!.labels[Math.floor(y) * width + Math.floor(x)]!
  const radius = POINT_RADIUS * Math.max(width, height)
  const value = new Float32Array(count)
  const strength = new Float32Array(count)
  const moves = motion.speed[own]! > LEAST_SPEED
  const reach = Math.max(width, height)
  for (let i = from; i < to; i++) {
    const distance = Math.hypot(centre[i]! - x, centre[count + i]! - y)
    const seed = i === own || distance < radius
    const colours = Math.hypot(...[0, 1, 2].map((c) => colour[c * count + i]! - colour[c * count + own]!))
    const looks = Math.exp(-((colours / POINT_COLOUR) ** 2)) * Math.exp(-((4 * distance / reach) ** 2))
    const speed = Math.exp(-(((motion.speed[i]! - motion.speed[own]!) / (POINT_SPEED + motion.speed[own]! / 4)) ** 2))
    const rim = Math.min(centre[i]!, width - centre[i]!, centre[count + i]!, height - centre[count + i]!) < radius
    // A moving object is told by its speed first; a still one by its colour alone.
    value[i] = seed ? 1 : rim ? 0 : moves ? (motion.share[i]! * speed + (1.2 - motion.share[i]!) * looks) / 1.2 : looks
    strength[i] = seed ? 100 : rim ? 0.3 : 0.15
  }
  return { prior: { value, strength }, start: value, counts: strength.map((s) => (s > 0 ? 1 : 0)) }
}

/** Mean of a plane of frame t over each of its regions. */
export function frameMeans({ width, height, frames }: ClipGraph, t: number, plane: ArrayLike<number>): Float32Array {
  const region = frames[t]!
  return regionMeans({ width, height, frames: [region], first: Int32Array.of(0, region.count), count: region.count }, () => plane)
}
