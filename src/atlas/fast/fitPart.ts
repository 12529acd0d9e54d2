import type { Runtime } from '../../engine/runtime.js'
import type { LayerName } from '../layeredAtlas.js'
import type { FastSettings } from './fastSettings.js'
import { fitOpacity } from './fitOpacity.js'
import type { FrameLinks } from './frameLinks.js'
import type { Lattice } from './lattice.js'
import { MappingFitter } from './mappingFitter.js'
import { mappingLossNames } from './mappingStep.js'
import { type ScaledClip, scaleClip } from './scaledClip.js'
import { type ColourSums, type Extent, type Layers, type OwnFrames, layerExtent, sumColours } from './solveTextures.js'
import type { Texture } from './texture.js'

/** The two layers, in the order in which they are fitted. */
export const layerNames = ['background', 'foreground'] as const satisfies readonly LayerName[]

/** Some frames of a clip that follow each other. At each end may be one that is not the part's, but its neighbour. */
export interface PartFrames {
  readonly width: number
  readonly height: number
  /** The place of the first of them in the clip. */
  readonly from: number
  /** Which of them are the part's own, by their index in the lists. */
  readonly own: OwnFrames
  /** RGB, 8 bits. */
  readonly pixels: readonly Uint8Array[]
  /** Masks of the object, 8 bits. */
  readonly outlines: readonly Uint8Array[]
  readonly links: readonly FrameLinks[]
}

/** What of the frames changes in the fit. */
export interface FrameLayers {
  readonly lattices: Layers<readonly Lattice[]>
  /** Of the foreground, 8 bits. */
  readonly opacity: readonly Uint8Array[]
}

/** What a sweep over own frames leads to. */
export interface Visited {
  /** Of the own frames. */
  readonly lattices: Layers<readonly Lattice[]>
  /** Each loss, summed over the own frames. */
  readonly losses: Layers<Float64Array>
}

/**
 * A part of a clip that one processor fits. It keeps what it needs of its frames; parts know of each other only what
 * they are told before a sweep.
 */
export interface FitPart {
  /** It works in a thread of its own, beside the one that asks. */
  readonly isBeside: boolean
  /** Begins a sweep at pixels of this size. @returns what of the atlas plane its frames show */
  begin(pixel: number, layers: FrameLayers): Promise<Layers<Extent | null>>
  /** What its frames ask of textures. The sums hold until it is asked again, and may be changed. */
  sumColours(textures: Layers<Texture>, black: boolean): Promise<ColourSums>
  /**
   * Visits the mappings of its frames, from the first to the last or back.
   * @param stage by its index in the settings
   * @param visited called after each frame
   * @throws LOSS_NOT_FINITE
   */
  visit(stage: number, textures: Layers<Texture>, backwards: boolean, visited: () => void): Promise<Visited>
  /** New opacities of its frames, by the textures that its mappings were visited with. */
  fitOpacities(textures: Layers<Texture>): Promise<readonly Uint8Array[]>
  /** Ends it; nothing else can be asked then. */
  close(): Promise<void>
}

export interface LocalPartOptions {
  readonly runtime: Runtime
  readonly settings: FastSettings
  /** Called between frames; it may throw, to stop. */
  readonly pause: () => Promise<void>
  /** Memory for the sums of its frames, so many numbers. Default: this thread's own. */
  readonly memory?: (length: number) => Float32Array
}

/** A part in the thread that calls it. */
export class LocalFitPart implements FitPart {
  readonly isBeside = false
  readonly #frames: PartFrames
  readonly #options: LocalPartOptions
  #sweep: {
    readonly clip: ScaledClip
    readonly lattices: Layers<Lattice[]>
    readonly opacity: readonly Uint8Array[]
  } | null = null
  #sums: Layers<Float32Array> | null = null
  #fitter: { readonly stage: number; readonly fitter: MappingFitter } | null = null

  constructor(frames: PartFrames, options: LocalPartOptions) {
    this.#frames = frames
    this.#options = options
  }

  get #now() {
    if (this.#sweep === null) throw new Error('A sweep is to be begun first.')
    return this.#sweep
  }

  begin(pixel: number, { lattices, opacity }: FrameLayers): Promise<Layers<Extent | null>> {
    const clip = scaleClip(this.#frames, opacity, pixel)
    this.#sweep = {
      clip,
      lattices: { foreground: [...lattices.foreground], background: [...lattices.background] },
      opacity,
    }
    const extent = (layer: LayerName) => layerExtent(layer, clip, lattices[layer], this.#frames.own)
    return Promise.resolve({ foreground: extent('foreground'), background: extent('background') })
  }

  async sumColours(textures: Layers<Texture>, black: boolean): Promise<ColourSums> {
    const { clip, lattices } = this.#now
    const { memory = (length: number) => new Float32Array(length), pause } = this.#options
    const fitting = (layer: LayerName): Float32Array => {
      const { length } = textures[layer].data
      return this.#sums?.[layer].length === length ? this.#sums[layer] : memory(length)
    }
    this.#sums = { foreground: fitting('foreground'), background: fitting('background') }
    return await sumColours(clip, lattices, this.#frames.own, textures, black, this.#sums, pause)
  }

  async visit(stage: number, textures: Layers<Texture>, backwards: boolean, visited: () => void): Promise<Visited> {
    const { own } = this.#frames
    const { lattices } = this.#now
    const fitter = await this.#fitterOf(stage)
    fitter.begin({ ...this.#now, textures })
    const losses = {
      foreground: new Float64Array(mappingLossNames.length),
      background: new Float64Array(mappingLossNames.length),
    }
    for (let i = own.first; i < own.end; i++) {
      const t = backwards ? own.first + own.end - 1 - i : i
      for (const layer of layerNames) {
        await this.#options.pause()
        const found = await fitter.visit(layer, t)
        lattices[layer][t] = found.lattice
        found.losses.forEach((x, j) => {
          losses[layer][j]! += x
        })
      }
      visited()
    }
    const owned = (layer: LayerName) => lattices[layer].slice(own.first, own.end)
    return { losses, lattices: { foreground: owned('foreground'), background: owned('background') } }
  }

  async fitOpacities(textures: Layers<Texture>): Promise<readonly Uint8Array[]> {
    const { own, outlines, links } = this.#frames
    const { lattices, opacity } = this.#now
    const clip = scaleClip(this.#frames, opacity, 1)
    const fitted: Uint8Array[] = []
    for (let t = own.first; t < own.end; t++) {
      await this.#options.pause()
      const { band, ahead, behind } = links[t]!
      const sides = [
        [ahead, opacity[t + 1]],
        [behind, opacity[t - 1]],
      ] as const
      const neighbours = sides.flatMap(([link, there]) =>
        link && there ? [{ leads: link.leads, opacity: there }] : [],
      )
      fitted.push(fitOpacity(clip, t, outlines[t]!, band, neighbours, lattices, textures))
    }
    return fitted
  }

  async close(): Promise<void> {
    const open = this.#fitter
    this.#fitter = null
    await open?.fitter.release()
  }

  /** Its graphs are compiled once for a stage. */
  async #fitterOf(stage: number): Promise<MappingFitter> {
    if (this.#fitter?.stage !== stage) {
      await this.close()
      const { runtime, settings } = this.#options
      const fitter = new MappingFitter({
        runtime,
        size: this.#frames,
        from: this.#frames.from,
        links: this.#frames.links,
        stage: settings.stages[stage]!,
        weights: settings.weights,
      })
      this.#fitter = { stage, fitter }
    }
    return this.#fitter.fitter
  }
}
