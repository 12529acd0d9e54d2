import type { FloatImage } from '../../media/image.js'
import { FLOW_PIXEL, type Flow } from '../clipFlow.js'
import type { LayerName } from '../layeredAtlas.js'
import { type FitLatticeOptions, type Places, fitLattice } from './fitLattice.js'
import { type Lattice, latticeOf, sampleLattice } from './lattice.js'
import type { ObjectMotion, Shift } from './objectMotion.js'

export interface ChainOptions extends Omit<FitLatticeOptions, 'width' | 'height'> {
  /** Every so many px a place is taken from the flow. */
  readonly stride: number
}

/** Weight of the object's motion as a whole, where flow says nothing. */
const SHIFT_WEIGHT = 0.02

/**
 * First mappings of a layer: the middle frame lies in the atlas as it is, its neighbours where optical flow says, and
 * so on outwards. Each link keeps only what passed the forward-backward check and belongs to the layer in both frames,
 * and is smoothed by its lattice, from which all else follows.
 *
 * @param opacity of the foreground, one per frame
 */
export function chainMappings(
  layer: LayerName,
  { flow, forward, backward }: ObjectMotion,
  opacity: readonly FloatImage[],
  options: ChainOptions,
): Lattice[] {
  const { width, height } = flow
  const key = opacity.length >> 1
  const lattices = new Array<Lattice>(opacity.length)
  lattices[key] = latticeOf(flow, options.spacing, (x, y) => [x, y])
  const link = (t: number, neighbour: number, motion: Flow, shift: Shift) => {
    const places = followFlow(
      flowAtGrid(motion, flow, options.stride),
      flow,
      lattices[neighbour]!,
      options.stride,
      (i) => share(layer, opacity[t]!, i),
      (i) => share(layer, opacity[neighbour]!, i),
    )
    if (layer === 'foreground')
      followShift(
        places,
        shift,
        lattices[neighbour]!,
        (x, y) => opacity[t]!.data[Math.floor(y) * width + Math.floor(x)]!,
      )
    lattices[t] = fitLattice(places, { ...options, width, height })
  }
  for (let t = key - 1; t >= 0; t--) link(t, t + 1, flow.forward[t]!, forward[t]!)
  for (let t = key + 1; t < opacity.length; t++) link(t, t - 1, flow.backward[t - 1]!, backward[t - 1]!)
  return lattices
}

/** Fills in, with little weight, where the object's points lie that flow says nothing of. */
function followShift(
  places: Places,
  [dx, dy]: Shift,
  neighbour: Lattice,
  opacity: (x: number, y: number) => number,
): void {
  for (let k = 0; k < places.weight.length; k++) {
    if (places.weight[k]! > 0) continue
    const weight = SHIFT_WEIGHT * opacity(places.x[k]!, places.y[k]!)
    if (weight === 0) continue
    const [u, v] = sampleLattice(neighbour, places.x[k]! + dx, places.y[k]! + dy)
    places.u[k] = u
    places.v[k] = v
    places.weight[k] = weight
  }
}

/** How much of pixel `i` is the layer's. */
function share(layer: LayerName, opacity: FloatImage, i: number): number {
  return layer === 'foreground' ? opacity.data[i]! : 1 - opacity.data[i]!
}

/**
 * Where the points of a grid (stride `stride`, pixel centres) lie in the atlas according to a neighbouring frame: at
 * the mapping of the point that the flow leads to. Weight: the layer's share at both ends; 0 where the flow failed its
 * check or leads out of the frame.
 *
 * @param motion of the points, `flowAtGrid`
 */
export function followFlow(
  motion: GridFlow,
  { width, height }: { width: number; height: number },
  neighbour: Lattice,
  stride: number,
  here: (pixel: number) => number,
  there: (pixel: number) => number,
): Places {
  const columns = gridCount(width, stride)
  const rows = gridCount(height, stride)
  const size = columns * rows
  const plane = () => new Float32Array(size)
  const places = { x: plane(), y: plane(), u: plane(), v: plane(), weight: plane() }
  for (let k = 0; k < size; k++) {
    const column = gridPixel(k % columns, stride, width)
    const row = gridPixel(Math.floor(k / columns), stride, height)
    const pixel = row * width + column
    const x = column + 0.5 + motion.data[k]!
    const y = row + 0.5 + motion.data[size + k]!
    places.x[k] = column + 0.5
    places.y[k] = row + 0.5
    if (motion.valid[k] === 0 || !(x > 0 && y > 0 && x < width && y < height)) continue
    const weight = here(pixel) * there(Math.floor(y) * width + Math.floor(x))
    if (weight < 0.01) continue
    const [u, v] = sampleLattice(neighbour, x, y)
    places.u[k] = u
    places.v[k] = v
    places.weight[k] = weight
  }
  return places
}

/** What a flow says at the points of a grid. */
export interface GridFlow {
  /** Two planes, dx then dy, px. */
  readonly data: Float32Array
  /** As that of `Flow`. */
  readonly valid: Uint8Array
}

/** What a flow says at the points of the grid of `followFlow`. */
export function flowAtGrid(
  { data, valid }: Flow,
  { width, height }: { width: number; height: number },
  stride: number,
): GridFlow {
  const columns = gridCount(width, stride)
  const size = columns * gridCount(height, stride)
  const grid = { data: new Float32Array(2 * size), valid: new Uint8Array(size) }
  for (let k = 0; k < size; k++) {
    const pixel = gridPixel(Math.floor(k / columns), stride, height) * width + gridPixel(k % columns, stride, width)
    grid.data[k] = data[pixel]! / FLOW_PIXEL
    grid.data[size + k] = data[width * height + pixel]! / FLOW_PIXEL
    grid.valid[k] = valid[pixel]!
  }
  return grid
}

/** The pixel of a point of the grid along an axis. */
const gridPixel = (point: number, stride: number, length: number): number =>
  Math.min(point * stride + (stride >> 1), length - 1)

/** Points of the grid of `followFlow` along a side. */
export function gridCount(length: number, stride: number): number {
  return Math.max(1, Math.floor(length / stride))
}
