import type { Program, Runtime } from '../../engine/runtime.js'
import { TrainedProgram } from '../../engine/trainedProgram.js'
import { sizeOf } from '../../engine/graph.js'
import { Text2LiveError } from '../../errors.js'
import type { LayerName } from '../layeredAtlas.js'
import { followFlow, gridCount } from './chainMappings.js'
import { ColourBuffers, type ColourTarget, colourTerms } from './colourTerms.js'
import type { FastSettings, FastStage } from './fastSettings.js'
import { type FrameLinks, GRID } from './frameLinks.js'
import { type Lattice, axisMatrix, controlCount, evaluateLattice, pixelCentres, splineAxis } from './lattice.js'
import { buildMappingStep, mappingLossNames } from './mappingStep.js'
import type { ScaledClip } from './scaledClip.js'
import { type Layers, type Window, opaqueBox, placesIn } from './solveTextures.js'
import { type Texture, sampleTexture } from './texture.js'

export interface MappingFitterOptions {
  readonly runtime: Runtime
  /** Of the frames. */
  readonly size: { readonly width: number; readonly height: number }
  /** The place of the first frame in the clip, for messages. */
  readonly from: number
  readonly links: readonly FrameLinks[]
  readonly stage: FastStage
  readonly weights: FastSettings['weights']
}

/** What a sweep is over: all but the lattices stays as it is in it. */
interface Sweep {
  readonly clip: ScaledClip
  readonly textures: Layers<Texture>
  /** Of all frames; the caller puts each new one in its place. */
  readonly lattices: Layers<readonly Lattice[]>
  /** Of the foreground, at the size of the frames, 8 bits. */
  readonly opacity: readonly Uint8Array[]
}

/**
 * Fits lattices to the frames in the sweeps of one stage, one frame and layer at a time, the rest held as it is. Its
 * graphs are compiled once for the stage.
 */
export class MappingFitter {
  readonly #trained: TrainedProgram<'lattice'>
  readonly #tables: Record<string, Float32Array>
  readonly #size: MappingFitterOptions['size']
  readonly #options: MappingFitterOptions
  #buffers: Layers<ColourBuffers>
  #sweep: Sweep | null = null

  constructor(options: MappingFitterOptions) {
    this.#options = options
    const { runtime, size, stage } = options
    this.#size = size
    const { width, height } = size
    const { spacing } = stage
    const grid = (length: number) =>
      new Float32Array(gridCount(length, GRID)).map((_, i) => i * GRID + (GRID >> 1) + 0.5)
    const matrix = (positions: Float32Array, length: number, derivative = false) =>
      axisMatrix(splineAxis(positions, length, spacing, derivative))
    const [across, down] = [grid(width), grid(height)]
    this.#tables = {
      flowRows: matrix(down, height),
      flowColumns: matrix(across, width),
      rigidRows: matrix(down, height),
      rigidColumns: matrix(across, width),
      rigidRowSlopes: matrix(down, height, true),
      rigidColumnSlopes: matrix(across, width, true),
    }
    this.#buffers = { foreground: new ColourBuffers(1, 1, BLOCK), background: new ColourBuffers(1, 1, BLOCK) }
    const shape = [2, controlCount(height, spacing), controlCount(width, spacing)]
    // The graphs of both layers are held; a lattice is small and read after each visit.
    this.#trained = new TrainedProgram({
      runtime,
      held: Infinity,
      stateOnDevice: false,
      state: { lattice: { shape, data: new Float32Array(sizeOf(shape)) } },
    })
  }

  /** Begins a sweep over the frames. */
  begin(sweep: Sweep): void {
    this.#sweep = sweep
    const { foreground, background } = this.#buffers
    this.#buffers = {
      foreground: fitting(foreground, largestWindow(sweep.clip)),
      background: fitting(background, sweep.clip),
    }
  }

  get #now(): Sweep {
    if (this.#sweep === null) throw new Error('A sweep is to be begun first.')
    return this.#sweep
  }

  /**
   * `stage.steps` steps on the lattice of `layer` in frame t.
   * @returns the new lattice, and each loss before the last step
   * @throws LOSS_NOT_FINITE
   */
  async visit(layer: LayerName, t: number): Promise<{ lattice: Lattice; losses: Float32Array }> {
    const { stage, weights } = this.#options
    const { clip, textures, lattices } = this.#now
    const alpha = clip.opacity(t)
    const window = this.#window(layer, alpha)
    const start = lattices[layer][t]!
    const target = this.#colourTarget(layer, t, window, alpha)
    if (target.total < 16) return { lattice: start, losses: new Float32Array(mappingLossNames.length) }
    const texture = textures[layer]
    const program = await this.#program(layer)
    const buffers = this.#buffers[layer]
    const axis = (first: number, count: number, length: number, block = 1) =>
      axisMatrix(splineAxis(pixelCentres(count, block * clip.pixel, first / block), length, stage.spacing))
    const [down, across] = [this.#size.height, this.#size.width]
    const blocks = blocksOf(buffers)
    const feeds: Record<string, Float32Array> = {
      ...this.#tables,
      ...this.#gridFeeds(layer, t),
      rows: axis(window.y, window.height, down),
      columns: axis(window.x, window.width, across),
      blockRows: axis(window.y, blocks.height, down, BLOCK),
      blockColumns: axis(window.x, blocks.width, across, BLOCK),
      zoom: Float32Array.of(this.#zoom(start, window, target.share)),
    }
    this.#trained.restart({ lattice: { shape: [2, start.rows, start.columns], data: start.data } })
    let lattice = start
    let losses = new Float32Array(0)
    for (let k = 0; k < stage.steps; k++) {
      const { reconstruction, gradient, slope, curvature } = colourTerms(
        target,
        texture,
        placesIn(texture, lattice, clip, window),
        weights,
        buffers,
      )
      losses = await this.#trained.pass(async (pass) => {
        const after = await pass.run(program, { ...feeds, slope, curvature })
        const report = Float32Array.of(reconstruction, gradient, ...(await pass.values(after.losses!)))
        const bad = [...mappingLossNames, 'mapping'].filter((_, i) => !Number.isFinite(report[i]))
        if (bad.length > 0) throw fitStopped(layer, this.#options.from + t, bad)
        pass.becomeState(after)
        return report.subarray(0, mappingLossNames.length)
      })
      lattice = { ...start, data: (await this.#trained.vectors()).lattice }
    }
    return { lattice, losses }
  }

  async release(): Promise<void> {
    await this.#trained.dispose()
  }

  async #program(layer: LayerName): Promise<Program> {
    const {
      stage: { spacing, rounds },
      weights,
    } = this.#options
    const grid = { width: gridCount(this.#size.width, GRID), height: gridCount(this.#size.height, GRID) }
    const { width, height } = this.#buffers[layer]
    return await this.#trained.program(`${width}x${height}`, () =>
      buildMappingStep({
        rows: controlCount(this.#size.height, spacing),
        columns: controlCount(this.#size.width, spacing),
        spacing,
        width,
        height,
        blocks: blocksOf(this.#buffers[layer]),
        flow: grid,
        rigid: grid,
        weights,
        rounds,
      }),
    )
  }

  /** What frame t asks of a layer's colours in a window, once the other layer has its share. */
  #colourTarget(layer: LayerName, t: number, window: Window, alpha: Float32Array): ColourTarget {
    const { clip, textures, lattices } = this.#now
    const { x, y, width, height } = window
    const other = layer === 'foreground' ? 'background' : 'foreground'
    const behind = { texture: textures[other], lattice: lattices[other][t]! }
    // The background is asked of the whole frame; the foreground is only where it is opaque.
    const box = layer === 'foreground' ? window : opaqueBox(clip, alpha)
    const places = placesIn(behind.texture, behind.lattice, clip, box)
    const [size, area] = [width * height, box.width * box.height]
    const colours = new Float32Array(3 * size)
    const share = new Float32Array(size)
    const colour = new Float32Array(3)
    const bytes = clip.colours[t]!
    let total = 0
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const k = row * width + column
        const i = (y + row) * clip.width + x + column
        const own = layer === 'foreground' ? alpha[i]! : 1 - alpha[i]!
        if (own === 0) continue
        share[k] = own
        total += own
        const [across, down] = [x + column - box.x, y + row - box.y]
        const seen = own < 1 && across >= 0 && down >= 0 && across < box.width && down < box.height
        const j = down * box.width + across
        if (seen) sampleTexture(behind.texture, places[j]!, places[area + j]!, colour)
        for (let c = 0; c < 3; c++)
          colours[c * size + k] = bytes[3 * i + c]! / 255 - (seen ? (1 - own) * colour[c]! : 0)
      }
    }
    return { colours, share, total }
  }

  #gridFeeds(layer: LayerName, t: number): Record<string, Float32Array> {
    const { opacity, lattices } = this.#now
    const [width, height] = [gridCount(this.#size.width, GRID), gridCount(this.#size.height, GRID)]
    const size = width * height
    const targets = new Float32Array(4 * size)
    const weights = new Float32Array(2 * size)
    const share = (frame: number) => {
      const bytes = opacity[frame]!
      return (i: number) => (layer === 'foreground' ? bytes[i]! : 255 - bytes[i]!) / 255
    }
    const { ahead, behind } = this.#options.links[t]!
    const sides = [
      [t + 1, ahead],
      [t - 1, behind],
    ] as const
    sides.forEach(([neighbour, link], side) => {
      if (link === null) return
      const places = followFlow(link.grid, this.#size, lattices[layer][neighbour]!, GRID, share(t), share(neighbour))
      targets.set(places.u, 2 * side * size)
      targets.set(places.v, (2 * side + 1) * size)
      weights.set(places.weight, side * size)
    })
    // What the layer does not show still keeps some shape, so that its mapping goes on smoothly there.
    const here = share(t)
    const rigid = new Float32Array(size).map(
      (_, k) =>
        0.01 + here((Math.floor(k / width) * GRID + (GRID >> 1)) * this.#size.width + (k % width) * GRID + (GRID >> 1)),
    )
    const total = weights.reduce((sum, w) => sum + w, 0)
    const shares = rigid.reduce((sum, w) => sum + w, 0)
    return {
      rigidWeights: rigid.map((w) => w / shares),
      targets,
      flowWeights: total > 0 ? weights.map((w) => w / total) : weights,
    }
  }

  /** How much larger a px of the frame is in the atlas, over the layer's part of the frame, at every third pixel. */
  #zoom(lattice: Lattice, { x, y, width, height }: Window, share: Float32Array): number {
    const { pixel } = this.#now.clip
    const every = 3
    const [columns, rows] = [Math.ceil(width / every), Math.ceil(height / every)]
    const centres = (count: number, first: number) =>
      new Float32Array(count).map((_, i) => (first + every * i + 0.5) * pixel)
    const slopes = (derivative: 'x' | 'y') =>
      evaluateLattice(
        lattice,
        splineAxis(centres(columns, x), this.#size.width, lattice.spacing, derivative === 'x'),
        splineAxis(centres(rows, y), this.#size.height, lattice.spacing, derivative === 'y'),
      )
    const [dx, dy] = [slopes('x'), slopes('y')]
    const size = columns * rows
    let [sum, total] = [0, 0]
    for (let i = 0; i < size; i++) {
      const own = share[every * (Math.floor(i / columns) * width + (i % columns))]!
      sum += own * Math.abs(dx[i]! * dy[size + i]! - dx[size + i]! * dy[i]!)
      total += own
    }
    return Math.sqrt(Math.max(sum / Math.max(total, 1e-6), 1e-4))
  }

  #window(layer: LayerName, alpha: Float32Array): Window {
    const { clip } = this.#now
    const { width, height } = this.#buffers[layer]
    if (layer === 'background') return { x: 0, y: 0, width, height }
    const box = opaqueBox(clip, alpha)
    const start = (low: number, length: number, size: number, most: number) =>
      Math.min(Math.max(Math.floor(low + length / 2 - size / 2), 0), most - size)
    return {
      x: start(box.x, box.width, width, clip.width),
      y: start(box.y, box.height, height, clip.height),
      width,
      height,
    }
  }
}

/** The size that the object needs in the frame that shows most of it. */
function largestWindow(clip: ScaledClip): { width: number; height: number } {
  let [width, height] = [1, 1]
  for (let t = 0; t < clip.colours.length; t++) {
    const box = opaqueBox(clip, clip.opacity(t))
    width = Math.max(width, box.width)
    height = Math.max(height, box.height)
  }
  const rounded = (n: number, most: number) => Math.min(Math.ceil((n + 2 * MARGIN) / 8) * 8, most)
  return { width: rounded(width, clip.width), height: rounded(height, clip.height) }
}

function fitStopped(layer: LayerName, t: number, bad: readonly string[]): Text2LiveError {
  return new Text2LiveError(
    'LOSS_NOT_FINITE',
    `The fit of the atlas stopped at the ${layer} of frame ${t + 1}: expected finite losses, but ${bad.join(', ')} ${bad.length > 1 ? 'are' : 'is'} not a number or infinite. ` +
      'Check the flow and the mask of this frame.',
  )
}

/** Those at hand, if they are of the size of a window. */
function fitting(buffers: ColourBuffers, { width, height }: { readonly width: number; readonly height: number }) {
  return buffers.width === width && buffers.height === height ? buffers : new ColourBuffers(width, height, BLOCK)
}

function blocksOf({ width, height, block }: ColourBuffers): { readonly width: number; readonly height: number } {
  return { width: Math.ceil(width / block), height: Math.ceil(height / block) }
}

/**
 * Pixels along a side of a block that has one curvature: it only says how far a step goes, and control points are four
 * pixels apart or more.
 */
const BLOCK = 2

/** Pixels around the object in its window. */
const MARGIN = 4
