import { Graph } from '../engine/graph.js'
import { reduceMean } from '../engine/ops.js'
import type { Runtime } from '../engine/runtime.js'
import { guidedFilter } from '../media/guided.js'
import type { FloatImage } from '../media/image.js'
import { resize } from '../media/resample.js'
import { type GuidanceModel, bindWeights } from '../models/guidance.js'

/** Short sides, in multiples of the guidance's own size, at which the photo is looked at. */
const SCALES = [1, 1.5, 2] as const
/** The guided filter's window, as a share of the short side, and its squared contrast. */
const RADIUS = 1 / 16
const EPSILON = 0.05 ** 2
/** Where the sharpened map's slope is steepest, as a quantile-free share of its range, and how steep. */
const MIDDLE = 0.5
const STEEPNESS = 8

/**
 * Where the photo shows the region texts, as a map in [0, 1] of the photo's size: the guidance's coarse relevancy, averaged
 * over scales and texts, then drawn to the photo's edges by a guided filter and its contrast raised. An improvement on the
 * published bootstrap target, whose 7x7 cells reach over the object's outline (docs/deviations.md).
 */
export async function relevancyMap(photo: FloatImage, texts: { readonly shape: readonly [number, number]; readonly data: Float32Array },
  guidance: GuidanceModel, runtime: Runtime): Promise<FloatImage> {
  const { width, height } = photo
  const n = width * height
  const sum = new Float32Array(n)
  for (const scale of SCALES) {
    const coarse = stretched(await coarseRelevancy(photo, texts, scale, guidance, runtime))
    const fine = resize(coarse, width, height, { filter: 'bicubic', antialias: true })
    fine.data.forEach((x, i) => { sum[i] = sum[i]! + x })
  }
  const rough = stretched({ width, height, channels: 1, data: sum })
  const radius = Math.max(1, Math.round(Math.min(width, height) * RADIUS))
  const sharp = stretched(guidedFilter(photo, rough, radius, EPSILON))
  return { width, height, channels: 1, data: sharp.data.map((x) => contrast(x)) }
}

/** The guidance's relevancy [1, gh, gw] of the photo at `scale` times its own size, aspect kept, mean over the texts. */
async function coarseRelevancy(photo: FloatImage, texts: { readonly shape: readonly [number, number]; readonly data: Float32Array }, scale: number,
  guidance: GuidanceModel, runtime: Runtime): Promise<FloatImage> {
  const factor = (guidance.imageSize * scale) / Math.min(photo.width, photo.height)
  const side = (length: number) => Math.max(guidance.cell, Math.round((length * factor) / guidance.cell) * guidance.cell)
  const seen = resize(photo, side(photo.width), side(photo.height), { filter: 'bicubic', antialias: true })
  const graph = new Graph()
  const { inputs, used } = bindWeights(graph, guidance)
  const image = graph.input('image', [1, 3, seen.height, seen.width])
  const maps = guidance.relevancy(image, graph.input('texts', texts.shape), inputs) // [K, 1, gh, gw]
  const mean = reduceMean(maps, [0, 1])

  const program = await runtime.compile(graph, { map: mean })
  const T = runtime.Tensor
  const frozen = [...used].map(([name, weight]) => [name, new T('float32', weight.data, weight.shape)] as const)
  const result = await program.run({
    ...Object.fromEntries(frozen), image: new T('float32', seen.data, [1, 3, seen.height, seen.width]),
    texts: new T('float32', texts.data, texts.shape),
  })
  await program.release()
  const [gh, gw] = mean.shape as [number, number]
  return { width: gw, height: gh, channels: 1, data: await result.map!.getData() as Float32Array }
}

/** A map stretched to [0, 1]; 0 where it is constant. */
function stretched(map: FloatImage): FloatImage {
  let [low, high] = [Infinity, -Infinity]
  for (const x of map.data) {
    low = Math.min(low, x)
    high = Math.max(high, x)
  }
  const range = high - low
  return { ...map, data: map.data.map((x) => (range > 0 ? (x - low) / range : 0)) }
}

/** A logistic curve through (0, 0), (1, 1). */
function contrast(x: number): number {
  const curve = (t: number) => 1 / (1 + Math.exp(-STEEPNESS * (t - MIDDLE)))
  const [low, high] = [curve(0), curve(1)]
  return Math.min(Math.max((curve(Math.min(Math.max(x, 0), 1)) - low) / (high - low), 0), 1)
}
