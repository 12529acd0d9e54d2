import type { Tensor } from 'onnxruntime-common'
import type { Runtime } from '../../engine/runtime.js'
import type { GeneratorShape } from '../../models/generator.js'
import { buildLayerGraph } from '../stepGraph.js'
import type { Size } from '../viewDraws.js'
import type { Compiled } from './compiled.js'
import { TiledGenerator } from './tiledGenerator.js'
import { buildBackwardGraph } from './videoGraphs.js'

/** Numbers in one full-size activation from which on the generator runs in strips: 128 channels of 625 x 625 px. */
const TILED_FROM = 50e6

/**
 * The generator in two passes: forward, then, when the losses have said how the layer should change, backward, which computes most of the forward pass
 * again. Large pictures go through both in strips.
 */
export class GeneratorPasses {
  private readonly tiled: TiledGenerator

  constructor(runtime: Runtime, private readonly shape: GeneratorShape, private readonly compiled: Compiled, private readonly tiledFrom = TILED_FROM) {
    this.tiled = new TiledGenerator(runtime, shape, compiled)
  }

  /** The edit layer [1, 4, H, W] of a picture [1, 3, H, W]. @param keep a backward pass will follow */
  async forward(picture: Tensor, parameters: Tensor, keep: boolean): Promise<Tensor> {
    const size = sizeOf(picture)
    if (this.isLarge(size)) return await this.tiled.forward(picture, parameters, keep)
    const program = await this.compiled(`layer ${size.width}x${size.height}`, size, () => buildLayerGraph(size, this.shape))
    return (await program.run({ picture, parameters }))['layer']!
  }

  /** The gradient [P] of the parameters from that of the layer [1, 4, H, W], added to `carried` [P]. */
  async backward(picture: Tensor, parameters: Tensor, cotangent: Tensor, carried: Tensor): Promise<Tensor> {
    const size = sizeOf(picture)
    if (this.isLarge(size)) return await this.tiled.backward(picture, parameters, cotangent, carried)
    const program = await this.compiled(`backward ${size.width}x${size.height}`, size, () => buildBackwardGraph(size, this.shape))
    return (await program.run({ picture, parameters, cotangent, carried }))['gradient']!
  }

  private isLarge({ height, width }: Size): boolean {
    return this.shape.width * height * width >= this.tiledFrom
  }
}

function sizeOf(picture: Tensor): Size {
  return { height: picture.dims[2]!, width: picture.dims[3]! }
}
