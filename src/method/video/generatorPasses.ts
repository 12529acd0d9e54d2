import type { Tensor } from 'onnxruntime-common'
import type { Program, Runtime } from '../../engine/runtime.js'
import type { GeneratorShape } from '../../models/generator.js'
import { type StepGraph, buildLayerGraph } from '../stepGraph.js'
import type { Size } from '../viewDraws.js'
import { buildBackwardGraph } from './videoGraphs.js'

/** The compiled program of a graph, kept as long as its owner likes. */
export type Compiled = (key: string, size: Size, build: () => StepGraph) => Promise<Program>

/**
 * The generator in two passes: forward, then, when the losses have said how the layer should change, backward, which computes the forward pass
 * again. Between the two nothing of it is in memory but the layer.
 */
export class GeneratorPasses {
  constructor(private readonly runtime: Runtime, private readonly shape: GeneratorShape, private readonly compiled: Compiled) {}

  /** The edit layer [1, 4, H, W] of a picture [1, 3, H, W]. */
  async forward(picture: Tensor, parameters: Tensor): Promise<Tensor> {
    const size = sizeOf(picture)
    const program = await this.compiled(`layer ${size.width}x${size.height}`, size, () => buildLayerGraph(size, this.shape))
    return (await program.run({ picture, parameters }))['layer']!
  }

  /** The gradient [P] of the parameters from that of the layer [1, 4, H, W], added to `carried` [P]. */
  async backward(picture: Tensor, parameters: Tensor, cotangent: Tensor, carried: Tensor): Promise<Tensor> {
    const size = sizeOf(picture)
    const program = await this.compiled(`backward ${size.width}x${size.height}`, size, () => buildBackwardGraph(size, this.shape))
    return (await program.run({ picture, parameters, cotangent, carried }))['gradient']!
  }
}

function sizeOf(picture: Tensor): Size {
  return { height: picture.dims[2]!, width: picture.dims[3]! }
}
