import { bilinear, type ClipFlow, type Flow, FLOW_PIXEL } from './clipFlow.js'

/** What a map of the frame before or after counts beside a frame's own, where the flow holds. */
const NEIGHBOUR = 0.5

/** Sums over frames so far, and the weights summed. */
interface Sums {
  readonly values: Float32Array
  readonly weights: Float32Array
}

/**
 * The mean of a map over time at every place of a frame: the flow is followed both ways, each frame further counts half
 * as much, and what the flow does not hold for ends there. Maps are held in steps of 1/255.
 *
 * @param map of frame t, `height * width` values in [0, 1]; asked for twice
 * @param breathe called before each frame's work, twice for each: lets others run, throws to stop
 * @param take is given the means, the last frame's first
 */
export async function meanAlongFlow(
  flow: ClipFlow,
  map: (t: number) => Float32Array,
  breathe: () => Promise<void>,
  take: (t: number, mean: Float32Array) => Promise<void>,
): Promise<void> {
  const { forward, backward, width, height } = flow
  const size = width * height
  const held: { readonly mean: Uint8Array; readonly weight: Uint8Array }[] = []
  let before: Sums | null = null
  for (let t = 0; t <= forward.length; t++) {
    await breathe()
    before = joined(map(t), before, backward[t - 1], flow)
    const [mean, weight] = [new Uint8Array(size), new Uint8Array(size)]
    for (let i = 0; i < size; i++) {
      mean[i] = (255 * before.values[i]!) / before.weights[i]! + 0.5
      // Weights lie in [1, 2).
      weight[i] = 255 * (before.weights[i]! - 1) + 0.5
    }
    held.push({ mean, weight })
  }
  let after: Sums | null = null
  for (let t = forward.length; t >= 0; t--) {
    await breathe()
    const own = map(t)
    after = joined(own, after, forward[t], flow)
    const { mean, weight } = held.pop()!
    const both = new Float32Array(size)
    for (let i = 0; i < size; i++) {
      const earlier = 1 + weight[i]! / 255
      both[i] = (after.values[i]! + (earlier * mean[i]!) / 255 - own[i]!) / (after.weights[i]! + earlier - 1)
    }
    await take(t, both)
  }
}

/** A frame's own map, joined by what its neighbour has, where the flow takes each pixel. */
function joined(own: Float32Array, neighbour: Sums | null, flow: Flow | undefined, { width, height }: ClipFlow): Sums {
  const size = width * height
  const values = new Float32Array(own)
  const weights = new Float32Array(size).fill(1)
  if (!neighbour || !flow) return { values, weights }
  const { data, valid } = flow
  for (let i = 0; i < size; i++) {
    // Valid flow ends inside the picture.
    if (valid[i] !== 1) continue
    const x = (i % width) + data[i]! / FLOW_PIXEL
    const y = Math.floor(i / width) + data[size + i]! / FLOW_PIXEL
    values[i]! += NEIGHBOUR * bilinear(neighbour.values, 0, width, height, x, y)
    weights[i]! += NEIGHBOUR * bilinear(neighbour.weights, 0, width, height, x, y)
  }
  return { values, weights }
}
