import type { Tensor } from 'onnxruntime-common'
import type { Runtime } from '../../engine/runtime.js'
import { type GeneratorShape, generatorParameters } from '../../models/generator.js'
import {
  type StripPlan, coreGraph, deepRowsOf, encoderBackwardGraph, headBackwardGraph, headGraph, joinBackwardGraph, joinedGraph, kernelBackwardGraph, kernelGraph,
  lowerBackwardGraph, pieceOf, raisedGraph, spreadGraph,
} from '../../models/generatorStrips.js'
import { floatTensor } from '../stepFeeds.js'
import type { StepGraph } from '../stepGraph.js'
import type { Size } from '../viewDraws.js'
import type { Compiled } from './compiled.js'
import { ChannelMoments, PaddedPlanes, addPadded, addWindow, rowWindow } from './stripWindows.js'

/** Rows of a strip. */
const STRIP_ROWS = 64

/** Rows y to y + plan.rows - 1 of the picture. */
interface Strip {
  readonly y: number
  readonly plan: StripPlan
}

/** What the backward pass needs of the forward pass. */
interface Kept {
  readonly size: Size
  readonly deep: Tensor
  readonly skip: PaddedPlanes
  /** Inputs that all strips share: kernels, statistics of the join. */
  readonly shared: Readonly<Record<string, Tensor>>
  readonly raised: ChannelMoments
  readonly skipVariance: Tensor
  /** Of each strip. */
  readonly joined: Tensor[]
}

type Feeds = Readonly<Record<string, Tensor>>

/**
 * The generator's two passes for pictures so large that the full-size activations of its first level should not exist at once: strip after strip (see
 * `generatorStrips.ts`). Between the passes it keeps one of them (the join, before its norm) and the half-size core.
 */
export class TiledGenerator {
  private kept: Kept | null = null

  constructor(private readonly runtime: Runtime, private readonly shape: GeneratorShape, private readonly compiled: Compiled, private readonly stripRows = STRIP_ROWS) {}

  /** The edit layer [1, 4, H, W] of a picture [1, 3, H, W]. @param keep a backward pass will follow */
  async forward(picture: Tensor, parameters: Tensor, keep: boolean): Promise<Tensor> {
    this.kept = null
    const size: Size = { height: picture.dims[2]!, width: picture.dims[3]! }
    const { width, skipWidth } = this.shape
    const core = await this.once('core', size, () => coreGraph(size, this.shape), { picture, parameters })
    const deep = core['deep']!
    const skip = new PaddedPlanes(core['skip']!.data as Float32Array, skipWidth, size)
    const strips = this.strips(size, deep.dims[3]!)

    const raised = new ChannelMoments(width)
    await this.each('raised', strips, raisedGraph, (strip) => ({ deep: this.deepWindow(deep, strip) }), (_, after, { plan }) => raised.add(after, plan.rows * plan.width))
    const skipVariance = core['skipVariance']!
    const kernels = await this.once('kernels', size, () => kernelGraph(this.shape), { parameters, skipVariance, raisedVariance: this.channel(raised.variance()) })

    const join = new ChannelMoments(width)
    const joined: Tensor[] = []
    await this.each('joined', strips, joinedGraph, (strip) => this.branchFeeds(deep, skip, strip, kernels, size), (i, after, { plan }) => {
      joined[i] = after['joined']!
      join.add(after, plan.rows * plan.width)
    })
    const shared = { ...kernels, joinedMean: this.channel(join.mean), joinedVariance: this.channel(join.variance()), parameters }

    const layer = new Float32Array(4 * size.height * size.width)
    await this.each('head', strips, headGraph, (_, i) => ({ ...shared, joined: joined[i]! }), (_, after, { y, plan }) => {
      const rows = after['layer']!.data as Float32Array
      for (let c = 0; c < 4; c++) layer.set(rows.subarray(c * plan.rows * size.width, (c + 1) * plan.rows * size.width), (c * size.height + y) * size.width)
    })
    if (keep) this.kept = { size, deep, skip, shared, raised, skipVariance, joined }
    return floatTensor(this.runtime, { shape: [1, 4, size.height, size.width], data: layer })
  }

  /** The gradient [P] of the parameters from that of the layer of the last forward pass, added to `carried` [P]. Frees what was kept. */
  async backward(picture: Tensor, parameters: Tensor, cotangent: Tensor, carried: Tensor): Promise<Tensor> {
    const kept = this.kept
    this.kept = null
    if (!kept) throw new RangeError('the backward pass needs a forward pass of the same picture')
    const { size, deep, skip, shared, raised, skipVariance, joined } = kept
    const pixels = size.height * size.width
    const strips = this.strips(size, deep.dims[3]!)
    const changes = await this.runtime.download(cotangent)
    const cotangentOf = ({ y, plan }: Strip) => {
      const rows = new Float32Array(4 * plan.rows * size.width)
      for (let c = 0; c < 4; c++) rows.set(changes.subarray((c * size.height + y) * size.width, (c * size.height + y + plan.rows) * size.width), c * plan.rows * size.width)
      return floatTensor(this.runtime, { shape: [1, 4, plan.rows, size.width], data: rows })
    }

    const head = new Sum()
    await this.each('head backward', strips, headBackwardGraph, (strip, i) => ({ ...shared, joined: joined[i]!, cotangent: cotangentOf(strip) }),
      (_, after) => head.add(after['gradient']!))
    const ofNorm = (part: 'weight' | 'bias') => this.channel(this.slice(head.values, 'head', `netG.4.${part}`).map((x) => x / pixels))
    const norm = { scaleMean: ofNorm('weight'), shiftMean: ofNorm('bias') }

    const deepCotangent = new Float32Array(deep.size)
    const skipCotangent = new Float32Array(skip.data.length)
    const [skipKernel, raisedKernel] = [new Sum(), new Sum()]
    const addDeep = (after: Feeds, { y, plan }: Strip) => addWindow(deepCotangent, deep.dims, after['deepGradient']!.data as Float32Array, y / 2 - 1, deepRowsOf(plan.rows))
    await this.each('join backward', strips, joinBackwardGraph,
      (strip, i) => ({ ...shared, ...norm, ...this.branchFeeds(deep, skip, strip, shared, size), joined: joined[i]!, cotangent: cotangentOf(strip) }),
      (_, after, strip) => {
        addDeep(after, strip)
        addPadded(skipCotangent, skip, after['skipGradient']!.data as Float32Array, strip.y, strip.plan.rows)
        skipKernel.add(after['skipKernelGradient']!)
        raisedKernel.add(after['raisedKernelGradient']!)
      })
    // The largest of what was kept; what follows needs the room.
    joined.forEach((rows) => { rows.dispose() })
    joined.length = 0

    const kernels = await this.once('kernels backward', size, () => kernelBackwardGraph(this.shape), {
      parameters, skipVariance, raisedVariance: this.channel(raised.variance()), skipKernelCotangent: skipKernel.tensor(this.runtime), raisedKernelCotangent: raisedKernel.tensor(this.runtime),
    })
    const factor = this.channel((kernels['raisedVarianceGradient']!.data as Float32Array).map((x) => (2 * x) / pixels))
    const raisedMean = this.channel(raised.mean)
    await this.each('spread', strips, spreadGraph, (strip) => ({ deep: this.deepWindow(deep, strip), raisedMean, factor }), (_, after, strip) => addDeep(after, strip))

    deep.dispose()

    const lower = await this.once('lower backward', size, () => lowerBackwardGraph(size, this.shape), {
      picture, parameters, deepCotangent: floatTensor(this.runtime, { shape: deep.dims, data: deepCotangent }),
    })
    const encoder = await this.once('encoder backward', size, () => encoderBackwardGraph(size, this.shape), {
      picture, parameters, innerCotangent: lower['innerCotangent']!, skipVarianceCotangent: kernels['skipVarianceGradient']!,
      skipCotangent: floatTensor(this.runtime, { shape: [1, this.shape.skipWidth, size.height, size.width], data: skipCotangent }),
    })
    const values = (after: Feeds) => after['gradient']!.data as Float32Array
    const pieces = { head: head.values, join: values(kernels), lower: values(lower), encoder: values(encoder) }
    return this.assembled(pieces, await this.runtime.download(carried))
  }

  /** The whole gradient, plus what was carried. */
  private assembled(pieces: Readonly<Record<ReturnType<typeof pieceOf>, Float32Array>>, carried: Float32Array): Tensor {
    const data = carried.slice()
    const read = { head: 0, join: 0, lower: 0, encoder: 0 }
    let at = 0
    for (const { name, shape } of generatorParameters(this.shape)) {
      const piece = pieceOf(name)
      const count = shape.reduce((a, b) => a * b, 1)
      for (let i = 0; i < count; i++) data[at + i] = data[at + i]! + pieces[piece][read[piece] + i]!
      read[piece] += count
      at += count
    }
    return floatTensor(this.runtime, { shape: [data.length], data })
  }

  /** The part of a piece's joined gradients that belongs to one parameter. */
  private slice(joined: Float32Array, piece: ReturnType<typeof pieceOf>, wanted: string): Float32Array {
    let at = 0
    for (const { name, shape } of generatorParameters(this.shape)) {
      if (pieceOf(name) !== piece) continue
      const count = shape.reduce((a, b) => a * b, 1)
      if (name === wanted) return joined.subarray(at, at + count)
      at += count
    }
    throw new RangeError(`the generator has no parameter ${wanted}`)
  }

  private strips({ height, width }: Size, deepWidth: number): Strip[] {
    const strips: Strip[] = []
    for (let y = 0; y < height;) {
      const left = height - y
      // What is left over makes the last strip longer rather than a short one of its own.
      const rows = left < 1.5 * this.stripRows ? left : this.stripRows
      strips.push({ y, plan: { shape: this.shape, rows, width, deepWidth } })
      y += rows
    }
    return strips
  }

  private branchFeeds(deep: Tensor, skip: PaddedPlanes, strip: Strip, { skipKernel, raisedKernel }: Feeds, { height, width }: Size): Feeds {
    const flag = (on: boolean) => floatTensor(this.runtime, { shape: [], data: Float32Array.of(on ? 1 : 0) })
    const { y, plan: { rows } } = strip
    return {
      deep: this.deepWindow(deep, strip), skipKernel: skipKernel!, raisedKernel: raisedKernel!, atTop: flag(y === 0), atBottom: flag(y + rows === height),
      skip: floatTensor(this.runtime, { shape: [1, this.shape.skipWidth, rows + 2, width + 2], data: skip.rows(y, rows) }),
    }
  }

  private deepWindow(deep: Tensor, { y, plan }: Strip): Tensor {
    const rows = deepRowsOf(plan.rows)
    return floatTensor(this.runtime, {
      shape: [1, this.shape.width, rows, plan.deepWidth], data: rowWindow(deep.data as Float32Array, deep.dims, y / 2 - 1, rows),
    })
  }

  private channel(values: ArrayLike<number>): Tensor {
    return floatTensor(this.runtime, { shape: [1, values.length, 1, 1], data: Float32Array.from(values) })
  }

  private async once(name: string, size: Size, build: () => StepGraph, feeds: Feeds): Promise<Feeds> {
    const program = await this.compiled(`${name} ${size.width}x${size.height}`, size, build)
    return await program.run(feeds)
  }

  /** Runs a pass over all strips. */
  private async each(name: string, strips: readonly Strip[], build: (plan: StripPlan) => StepGraph, feeds: (strip: Strip, i: number) => Feeds,
    use: (i: number, after: Feeds, strip: Strip) => void): Promise<void> {
    for (const [i, strip] of strips.entries()) {
      const { rows, width } = strip.plan
      const program = await this.compiled(`${name} ${width}x${rows}`, { width, height: rows }, () => build(strip.plan))
      use(i, await program.run(feeds(strip, i)), strip)
    }
  }
}

/** Adds up tensors of one shape. */
class Sum {
  values = new Float32Array(0)
  private dims: readonly number[] = []

  add({ data, dims }: Tensor): void {
    const part = data as Float32Array
    if (this.values.length === 0) this.values = new Float32Array(part.length)
    this.dims = dims
    for (let i = 0; i < part.length; i++) this.values[i] = this.values[i]! + part[i]!
  }

  tensor(runtime: Runtime): Tensor {
    return floatTensor(runtime, { shape: this.dims, data: this.values })
  }
}
