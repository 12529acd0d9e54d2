import type { Tensor } from 'onnxruntime-common'
import type { Program, Runtime } from '../../engine/runtime.js'
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
  private readonly programs = new Map<LayerName, Program>()
  private readonly tables: Record<string, Tensor>
  private readonly sizes: Layers<{ width: number; height: number }>
  private readonly planes: Layers<Tensor>
  private readonly runtime: Runtime
  private readonly clip: ScaledClip
  private readonly flow: ClipFlow

  constructor(private readonly options: MappingFitterOptions) {
    const { runtime, clip, flow, stage, textures } = options
    this.runtime = runtime
    this.clip = clip
    this.flow = flow
    const { width, height } = flow
    const { spacing } = stage
    const grid = (length: number) => Float32Array.from({ length: gridCount(length, GRID) }, (_, i) => i * GRID + (GRID >> 1) + 0.5)
    const matrix = (positions: Float32Array, length: number, derivative = false) =>
      this.tensor(axisMatrix(splineAxis(positions, length, spacing, derivative)), [positions.length, controlCount(length, spacing)])
    const [across, down] = [grid(width), grid(height)]
    this.tables = {
      flowRows: matrix(down, height), flowColumns: matrix(across, width), rigidRows: matrix(down, height), rigidColumns: matrix(across, width),
      rigidRowSlopes: matrix(down, height, true), rigidColumnSlopes: matrix(across, width, true),
    }
    const planes = (texture: Texture) => this.tensor(texturePlanes(texture).data, [3, texture.height, texture.width])
    this.planes = { foreground: planes(textures.foreground), background: planes(textures.background) }
    this.sizes = { foreground: this.largestWindow(), background: { width: clip.width, height: clip.height } }
  }

  /**
   * `stage.steps` steps on the lattice of `layer` in frame t.
   * @returns the new lattice, and each loss before the last step
   */
  async visit(layer: LayerName, t: number, learningRate: number): Promise<{ lattice: Lattice; losses: Float32Array }> {
    const { lattices, stage } = this.options
    const alpha = this.clip.opacity(t)
    const window = this.window(layer, alpha)
    const start = lattices[layer][t]!
    const { target, share, total } = this.residualTarget(layer, t, window, alpha)
    const idle = { lattice: start, losses: new Float32Array(mappingLossNames.length) }
    if (total < 16) return idle
    const texture = this.options.textures[layer]
    const program = await this.program(layer, texture)
    const { spacing } = stage
    const { pixel } = this.clip
    const axis = (first: number, count: number, length: number) =>
      this.tensor(axisMatrix(splineAxis(pixelCentres(count, pixel, first), length, spacing)), [count, controlCount(length, spacing)])
    const shape = [2, start.rows, start.columns]
    const zeros = () => this.tensor(new Float32Array(start.data.length), shape)
    const feeds: Record<string, Tensor> = {
      ...this.tables, ...this.gridFeeds(layer, t, lattices[layer]),
      rows: axis(window.y, window.height, this.flow.height), columns: axis(window.x, window.width, this.flow.width),
      target: this.tensor(target, [3, window.height, window.width]), share: this.tensor(share, [1, window.height, window.width]),
      perPixel: this.tensor(Float32Array.of(1 / total), []), texture: this.planes[layer],
      origin: this.tensor(Float32Array.from(texture.origin), [2, 1, 1]), scale: this.tensor(Float32Array.of(texture.scale), []),
      zoom: this.tensor(Float32Array.of(this.zoom(start, window, share)), []),
    }
    let state: Record<string, Tensor> = { lattice: this.tensor(start.data, shape), mean: zeros(), square: zeros() }
    let losses: Float32Array = idle.losses
    for (let k = 1; k <= stage.steps; k++) {
      const after = await program.run({ ...feeds, ...state, rate: this.tensor(stepRate(learningRate, k), [2]) })
      state = { lattice: after.newLattice!, mean: after.newMean!, square: after.newSquare! }
      losses = await after.losses!.getData() as Float32Array
    }
    return { lattice: { ...start, data: await state.lattice!.getData() as Float32Array }, losses }
  }

  async release(): Promise<void> {
    for (const program of this.programs.values()) await program.release()
    this.programs.clear()
  }

  private async program(layer: LayerName, texture: Texture): Promise<Program> {
    const known = this.programs.get(layer)
    if (known) return known
    const { stage: { spacing }, settings } = this.options
    const grid = { width: gridCount(this.flow.width, GRID), height: gridCount(this.flow.height, GRID) }
    const { graph, outputs } = buildMappingStep({
      rows: controlCount(this.flow.height, spacing), columns: controlCount(this.flow.width, spacing), spacing, ...this.sizes[layer],
      texture: { width: texture.width, height: texture.height }, flow: grid, rigid: grid, weights: settings.weights,
    })
    const program = await this.runtime.compile(graph, outputs)
    this.programs.set(layer, program)
    return program
  }

  /** The frame less the other layer's share (planes, [0, 1]), this layer's share, and the sum of that over the window. */
  private residualTarget(layer: LayerName, t: number, { x, y, width, height }: Window, alpha: Float32Array) {
    const { lattices, textures } = this.options
    const other = layer === 'foreground' ? 'background' : 'foreground'
    const places = placesIn(textures[other], lattices[other][t]!, this.clip)
    const plane = this.clip.width * this.clip.height
    const size = width * height
    const target = new Float32Array(3 * size)
    const share = new Float32Array(size)
    const colour = new Float32Array(3)
    const bytes = this.clip.colours[t]!
    let total = 0
    for (let k = 0; k < size; k++) {
      const i = (y + Math.floor(k / width)) * this.clip.width + x + (k % width)
      const own = layer === 'foreground' ? alpha[i]! : 1 - alpha[i]!
      share[k] = own
      total += own
      if (own === 0) continue
      if (own < 1) sampleTexture(textures[other], places[i]!, places[plane + i]!, colour)
      for (let c = 0; c < 3; c++) target[c * size + k] = bytes[3 * i + c]! / 255 - (own < 1 ? (1 - own) * colour[c]! : 0)
    }
    // Where the layer has no share nothing is asked of it: target and share are 0.
    return { target, share, total }
  }

  private gridFeeds(layer: LayerName, t: number, lattices: readonly Lattice[]): Record<string, Tensor> {
    const [width, height] = [gridCount(this.flow.width, GRID), gridCount(this.flow.height, GRID)]
    const size = width * height
    const targets = new Float32Array(4 * size)
    const weights = new Float32Array(2 * size)
    const share = (frame: number) => {
      const bytes = this.options.opacity[frame]!
      return (i: number) => (layer === 'foreground' ? bytes[i]! : 255 - bytes[i]!) / 255
    }
    const sides = [[t + 1, this.flow.forward[t]], [t - 1, this.flow.backward[t - 1]]] as const
    sides.forEach(([neighbour, motion], side) => {
      if (!motion) return
      const places = followFlow(motion, this.flow, lattices[neighbour]!, GRID, share(t), share(neighbour))
      targets.set(places.u, 2 * side * size)
      targets.set(places.v, (2 * side + 1) * size)
      weights.set(places.weight, side * size)
    })
    // What the layer does not show still keeps some shape, so that its mapping goes on smoothly there.
    const here = share(t)
    const rigid = Float32Array.from({ length: size }, (_, k) => 0.01 + here((Math.floor(k / width) * GRID + (GRID >> 1)) * this.flow.width + (k % width) * GRID + (GRID >> 1)))
    const total = weights.reduce((sum, w) => sum + w, 0)
    const shares = rigid.reduce((sum, w) => sum + w, 0)
    return {
      rigidWeights: this.tensor(rigid.map((w) => w / shares), [height, width]),
      targets: this.tensor(targets, [2, 2, height, width]),
      flowWeights: this.tensor(total > 0 ? weights.map((w) => w / total) : weights, [2, 1, height, width]),
    }
  }

  /** How much larger a px of the frame is in the atlas, over the layer's part of the frame. */
  private zoom(lattice: Lattice, { x, y, width, height }: Window, share: Float32Array): number {
    const { pixel } = this.clip
    const slopes = (derivative: 'x' | 'y') => evaluateLattice(lattice, splineAxis(pixelCentres(width, pixel, x), this.flow.width, lattice.spacing, derivative === 'x'),
      splineAxis(pixelCentres(height, pixel, y), this.flow.height, lattice.spacing, derivative === 'y'))
    const [dx, dy] = [slopes('x'), slopes('y')]
    const size = width * height
    let [sum, total] = [0, 0]
    for (let i = 0; i < size; i += 7) {
      sum += share[i]! * Math.abs(dx[i]! * dy[size + i]! - dx[size + i]! * dy[i]!)
      total += share[i]!
    }
    return Math.sqrt(Math.max(sum / Math.max(total, 1e-6), 1e-4))
  }

  private largestWindow(): { width: number; height: number } {
    let [width, height] = [1, 1]
    for (let t = 0; t < this.clip.colours.length; t++) {
      const box = opaqueBox(this.clip, this.clip.opacity(t))
      width = Math.max(width, box.width)
      height = Math.max(height, box.height)
    }
    const rounded = (n: number, most: number) => Math.min(Math.ceil((n + 2 * MARGIN) / 8) * 8, most)
    return { width: rounded(width, this.clip.width), height: rounded(height, this.clip.height) }
  }

  private window(layer: LayerName, alpha: Float32Array): Window {
    const { width, height } = this.sizes[layer]
    if (layer === 'background') return { x: 0, y: 0, width, height }
    const box = opaqueBox(this.clip, alpha)
    const start = (low: number, length: number, size: number, most: number) => Math.min(Math.max(Math.floor(low + length / 2 - size / 2), 0), most - size)
    return { x: start(box.x, box.width, width, this.clip.width), y: start(box.y, box.height, height, this.clip.height), width, height }
  }

  private tensor(data: Float32Array, shape: readonly number[]): Tensor {
    return new this.runtime.Tensor('float32', data, shape)
  }
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
  return right < 0 ? { x: 0, y: 0, width: 1, height: 1 } : { x: left, y: top, width: right - left + 1, height: bottom - top + 1 }
}
