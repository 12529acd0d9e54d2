import type { Feed } from '../../engine/runtime.js'
import type { Pass } from '../../engine/trainedProgram.js'
import type { FloatImage } from '../../media/image.js'
import type { GeneratorShape } from '../../models/generator.js'
import { buildLayerGraph } from '../stepGraph.js'
import type { Size } from '../viewDraws.js'
import type { Compiled } from './compiled.js'
import { TiledGenerator } from './tiledGenerator.js'
import { buildBackwardGraph } from './videoGraphs.js'

/** Numbers in one full-size activation from which on the generator runs in strips: 128 channels of 625 x 625 px. */
const TILED_FROM = 50e6

/**
 * The generator in two passes: forward, then, when the losses have said how the layer should change, backward, which
 * computes most of the forward pass again. Large pictures go through both in strips. The parameters are those of the
 * pass.
 */
export class GeneratorPasses {
  readonly #tiled: TiledGenerator
  readonly #shape: GeneratorShape
  readonly #compiled: Compiled
  readonly #tiledFrom: number

  constructor(shape: GeneratorShape, compiled: Compiled, tiledFrom = TILED_FROM) {
    this.#shape = shape
    this.#compiled = compiled
    this.#tiledFrom = tiledFrom
    this.#tiled = new TiledGenerator(shape, compiled)
  }

  /** The edit layer [1, 4, H, W] of an RGB picture. @param keep a backward pass will follow */
  async forward(pass: Pass, picture: FloatImage, keep: boolean): Promise<Feed> {
    if (this.#isLarge(picture)) return await this.#tiled.forward(pass, picture, keep)
    const { width, height } = picture
    const program = await this.#compiled(
      `layer ${width}x${height}`,
      picture,
      () => buildLayerGraph({ width, height }, this.#shape),
      ['layer'],
    )
    return (await pass.run(program, { picture: picture.data }))['layer']!
  }

  /**
   * The gradient [P] of the parameters from that of the layer [1, 4, H, W], added to `carried` [P], or to what the pass
   * has under that name.
   */
  async backward(pass: Pass, picture: FloatImage, cotangent: Feed, carried: Feed | null): Promise<Feed> {
    if (this.#isLarge(picture)) return await this.#tiled.backward(pass, picture, cotangent, carried)
    const { width, height } = picture
    const program = await this.#compiled(
      `backward ${width}x${height}`,
      picture,
      () => buildBackwardGraph({ width, height }, this.#shape),
      ['gradient'],
    )
    return (await pass.run(program, { picture: picture.data, cotangent, ...(carried ? { carried } : {}) }))['gradient']!
  }

  #isLarge({ height, width }: Size): boolean {
    return this.#shape.width * height * width >= this.#tiledFrom
  }
}
