import type { Program, Runtime } from '../../engine/runtime.js'
import { TrainedProgram } from '../../engine/trainedProgram.js'
import { sizeOf } from '../../engine/graph.js'
import { Text2LiveError } from '../../errors.js'
import type { ClipFlow } from '../clipFlow.js'
import type { LayerName } from '../layeredAtlas.js'
import { followFlow, gridCount } from './chainMappings.js'
import type { FastSettings, FastStage } from './fastSettings.js'
import { type Lattice, axisMatrix, controlCount, evaluateLattice, pixelCentres, splineAxis } from './lattice.js'
import { buildMappingStep, mappingLossNames, stepRate } from './mappingStep.js'
import type { ScaledClip } from './scaledClip.js'
import { type Layers, placesIn } from './solveTextures.js'
import { type Texture, sampleTexture, texturePlanes } from './texture.js'

/** Every so many px flow and rigidity are measured. */
const GRID = 8

/** A part of the frame that holds a layer, in pixels of the stage. */
interface Window {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

export interface MappingFitterOptions {
  readonly runtime: Runtime
  readonly clip: ScaledClip
  readonly flow: ClipFlow
  readonly stage: FastStage
  readonly settings: FastSettings
  readonly textures: Layers<Texture>
  /** Of all frames; the caller puts each new one in its place. */
  readonly lattices: Layers<readonly Lattice[]>
  /** Of the foreground, at the size of the flow, 8 bits. */
  readonly opacity: readonly Uint8Array[]
}

/** Fits lattices to the frames in one sweep, one frame and layer at a time, the rest held as it is. */
export class MappingFitter {
  readonly #trained: TrainedProgram<'lattice' | 'mean' | 'square'>
  readonly #tables: Record<string, Float32Array>
  readonly #sizes: Layers<{ width: number; height: number }>
  readonly #planes: Layers<Float32Array>
  readonly #clip: ScaledClip
  readonly #flow: ClipFlow
  readonly #options: MappingFitterOptions

  constructor(options: MappingFitterOptions) {
    this.#options = options
    const { runtime, clip, flow, stage, textures } = options
    this.#clip = clip
    this.#flow = flow
    const { width, height } = flow
    const { spacing } = stage
    const grid = (length: number) =>
      Float32Array.from({ length: gridCount(length, GRID) }, (_, i) => i * GRID + (GRID >> 1) + 0.5)
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
    this.#planes = {
      foreground: texturePlanes(textures.foreground).data,
      background: texturePlanes(textures.background).data,
    }
    this.#sizes = { foreground: this.#largestWindow(), background: { width: clip.width, height: clip.height } }
    const shape = [2, controlCount(height, spacing), controlCount(width, spacing)]
    const zeros = { shape, data: new Float32Array(sizeOf(shape)) }
    // The graphs of both layers are held; a lattice is small and read after each visit.
    this.#trained = new TrainedProgram({
      runtime,
      held: Infinity,
      stateOnDevice: false,
      state: { lattice: zeros, mean: zeros, square: zeros },
    })
  }

  /**
   * `stage.steps` steps on the lattice of `layer` in frame t.
   * @returns the new lattice, and each loss before the last step
   * @throws LOSS_NOT_FINITE
   */
  async visit(layer: LayerName, t: number, learningRate: number): Promise<{ lattice: Lattice; losses: Float32Array }> {
    const { lattices, stage } = this.#options
    const alpha = this.#clip.opacity(t)
    const window = this.#window(layer, alpha)
    const start = lattices[layer][t]!
    const { target, share, total } = this.#residualTarget(layer, t, window, alpha)
    const idle = { lattice: start, losses: new Float32Array(mappingLossNames.length) }
    if (total < 16) return idle
    const texture = this.#options.textures[layer]
    const program = await this.#program(layer, texture)
    const { spacing } = stage
    const { pixel } = this.#clip
    const axis = (first: number, count: number, length: number) =>
      axisMatrix(splineAxis(pixelCentres(count, pixel, first), length, spacing))
    const feeds: Record<string, Float32Array> = {
      ...this.#tables,
      ...this.#gridFeeds(layer, t, lattices[layer]),
      rows: axis(window.y, window.height, this.#flow.height),
      columns: axis(window.x, window.width, this.#flow.width),
      target,
      share,
      perPixel: Float32Array.of(1 / total),
      texture: this.#planes[layer],
      origin: Float32Array.from(texture.origin),
      scale: Float32Array.of(texture.scale),
      zoom: Float32Array.of(this.#zoom(start, window, share)),
    }
    const shape = [2, start.rows, start.columns]
    const zeros = { shape, data: new Float32Array(start.data.length) }
    this.#trained.restart({ lattice: { shape, data: start.data }, mean: zeros, square: zeros })
    let losses: Float32Array = idle.losses
    for (let k = 1; k <= stage.steps; k++) {
      losses = await this.#trained.pass(async (pass) => {
        const after = await pass.run(program, { ...feeds, rate: stepRate(learningRate, k) })
        const report = await pass.finite(after.losses!, [...mappingLossNames, 'mapping'], (found) =>
          fitStopped(layer, t, found),
        )
        pass.becomeState(after)
        return report.subarray(0, mappingLossNames.length)
      })
    }
    const { lattice } = await this.#trained.vectors()
    return { lattice: { ...start, data: lattice }, losses }
  }

  async release(): Promise<void> {
    await this.#trained.dispose()
  }

  async #program(layer: LayerName, texture: Texture): Promise<Program> {
    const {
      stage: { spacing },
      settings,
    } = this.#options
    const grid = { width: gridCount(this.#flow.width, GRID), height: gridCount(this.#flow.height, GRID) }
    return await this.#trained.program(layer, () =>
      buildMappingStep({
        rows: controlCount(this.#flow.height, spacing),
        columns: controlCount(this.#flow.width, spacing),
        spacing,
        ...this.#sizes[layer],
        texture: { width: texture.width, height: texture.height },
        flow: grid,
        rigid: grid,
        weights: settings.weights,
      }),
    )
  }

  /**
   * The frame less the other layer's share (planes, [0, 1]), this layer's share, and the sum of that over the window.
   */
  #residualTarget(layer: LayerName, t: number, { x, y, width, height }: Window, alpha: Float32Array) {
    const { lattices, textures } = this.#options
    const other = layer === 'foreground' ? 'background' : 'foreground'
    const places = placesIn(textures[other], lattices[other][t]!, this.#clip)
    const plane = this.#clip.width * this.#clip.height
    const size = width * height
    const target = new Float32Array(3 * size)
    const share = new Float32Array(size)
    const colour = new Float32Array(3)
    const bytes = this.#clip.colours[t]!
    let total = 0
    for (let k = 0; k < size; k++) {
      const i = (y + Math.floor(k / width)) * this.#clip.width + x + (k % width)
      const own = layer === 'foreground' ? alpha[i]! : 1 - alpha[i]!
      share[k] = own
      total += own
      if (own === 0) continue
      if (own < 1) sampleTexture(textures[other], places[i]!, places[plane + i]!, colour)
      for (let c = 0; c < 3; c++)
        target[c * size + k] = bytes[3 * i + c]! / 255 - (own < 1 ? (1 - own) * colour[c]! : 0)
    }
    // Where the layer has no share nothing is asked of it: target and share are 0.
    return { target, share, total }
  }

  #gridFeeds(layer: LayerName, t: number, lattices: readonly Lattice[]): Record<string, Float32Array> {
    const [width, height] = [gridCount(this.#flow.width, GRID), gridCount(this.#flow.height, GRID)]
    const size = width * height
    const targets = new Float32Array(4 * size)
    const weights = new Float32Array(2 * size)
    const share = (frame: number) => {
      const bytes = this.#options.opacity[frame]!
      return (i: number) => (layer === 'foreground' ? bytes[i]! : 255 - bytes[i]!) / 255
    }
    const sides = [
      [t + 1, this.#flow.forward[t]],
      [t - 1, this.#flow.backward[t - 1]],
    ] as const
    sides.forEach(([neighbour, motion], side) => {
      if (!motion) return
      const places = followFlow(motion, this.#flow, lattices[neighbour]!, GRID, share(t), share(neighbour))
      targets.set(places.u, 2 * side * size)
      targets.set(places.v, (2 * side + 1) * size)
      weights.set(places.weight, side * size)
    })
    // What the layer does not show still keeps some shape, so that its mapping goes on smoothly there.
    const here = share(t)
    const rigid = Float32Array.from(
      { length: size },
      (_, k) =>
        0.01 + here((Math.floor(k / width) * GRID + (GRID >> 1)) * this.#flow.width + (k % width) * GRID + (GRID >> 1)),
    )
    const total = weights.reduce((sum, w) => sum + w, 0)
    const shares = rigid.reduce((sum, w) => sum + w, 0)
    return {
      rigidWeights: rigid.map((w) => w / shares),
      targets,
      flowWeights: total > 0 ? weights.map((w) => w / total) : weights,
    }
  }

  /** How much larger a px of the frame is in the atlas, over the layer's part of the frame. */
  #zoom(lattice: Lattice, { x, y, width, height }: Window, share: Float32Array): number {
    const { pixel } = this.#clip
    const slopes = (derivative: 'x' | 'y') =>
      evaluateLattice(
        lattice,
        splineAxis(pixelCentres(width, pixel, x), this.#flow.width, lattice.spacing, derivative === 'x'),
        splineAxis(pixelCentres(height, pixel, y), this.#flow.height, lattice.spacing, derivative === 'y'),
      )
    const [dx, dy] = [slopes('x'), slopes('y')]
    const size = width * height
    let [sum, total] = [0, 0]
    for (let i = 0; i < size; i += 7) {
      sum += share[i]! * Math.abs(dx[i]! * dy[size + i]! - dx[size + i]! * dy[i]!)
      total += share[i]!
    }
    return Math.sqrt(Math.max(sum / Math.max(total, 1e-6), 1e-4))
  }

  #largestWindow(): { width: number; height: number } {
    let [width, height] = [1, 1]
    for (let t = 0; t < this.#clip.colours.length; t++) {
      const box = opaqueBox(this.#clip, this.#clip.opacity(t))
      width = Math.max(width, box.width)
      height = Math.max(height, box.height)
    }
    const rounded = (n: number, most: number) => Math.min(Math.ceil((n + 2 * MARGIN) / 8) * 8, most)
    return { width: rounded(width, this.#clip.width), height: rounded(height, this.#clip.height) }
  }

  #window(layer: LayerName, alpha: Float32Array): Window {
    const { width, height } = this.#sizes[layer]
    if (layer === 'background') return { x: 0, y: 0, width, height }
    const box = opaqueBox(this.#clip, alpha)
    const start = (low: number, length: number, size: number, most: number) =>
      Math.min(Math.max(Math.floor(low + length / 2 - size / 2), 0), most - size)
    return {
      x: start(box.x, box.width, width, this.#clip.width),
      y: start(box.y, box.height, height, this.#clip.height),
      width,
      height,
    }
  }
}

function fitStopped(layer: LayerName, t: number, found: string): Text2LiveError {
  return new Text2LiveError(
    'LOSS_NOT_FINITE',
    `The fit of the atlas stopped at the ${layer} of frame ${t + 1}: expected finite losses, but ${found}. ` +
      'Check the flow and the mask of this frame.',
  )
}

/** Pixels around the object in its window. */
const MARGIN = 4

function opaqueBox({ width, height }: { width: number; height: number }, alpha: Float32Array): Window {
  let [left, top, right, bottom] = [width, height, -1, -1]
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (alpha[y * width + x]! <= 0.02) continue
      left = Math.min(left, x)
      right = Math.max(right, x)
      top = Math.min(top, y)
      bottom = y
    }
  }
  return right < 0
    ? { x: 0, y: 0, width: 1, height: 1 }
    : { x: left, y: top, width: right - left + 1, height: bottom - top + 1 }
}
