import type { Feed } from '../../engine/runtime.js'
import type { Pass } from '../../engine/trainedProgram.js'
import type { FloatImage } from '../../media/image.js'
import { type GeneratorShape, generatorParameters, parameterCount } from '../../models/generator.js'
import {
  type StripPlan,
  coreGraph,
  deepRowsOf,
  encoderBackwardGraph,
  headBackwardGraph,
  headGraph,
  joinBackwardGraph,
  joinedGraph,
  kernelBackwardGraph,
  kernelGraph,
  lowerBackwardGraph,
  pieceOf,
  raisedGraph,
  spreadGraph,
} from '../../models/generatorStrips.js'
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

/** What a graph gives, on the CPU: nothing of it is kept on the device. */
type Values = Readonly<Record<string, Float32Array>>

/** What the backward pass needs of the forward pass. */
interface Kept {
  readonly size: Size
  /** [width, H/2, W/2]. */
  deep: Float32Array
  readonly skip: PaddedPlanes
  /** Inputs that all strips share: kernels, statistics of the join. */
  readonly shared: Values
  readonly raised: ChannelMoments
  readonly skipVariance: Float32Array
  /** Of each strip. */
  readonly joined: Float32Array[]
}

/**
 * The generator's two passes for pictures so large that the full-size activations of its first level should not exist
 * at once: strip after strip (see `generatorStrips.ts`). Between the passes it keeps one of them (the join, before its
 * norm) and the half-size core.
 */
export class TiledGenerator {
  #kept: Kept | null = null
  readonly #shape: GeneratorShape
  readonly #compiled: Compiled
  readonly #stripRows: number

  constructor(shape: GeneratorShape, compiled: Compiled, stripRows = STRIP_ROWS) {
    this.#shape = shape
    this.#compiled = compiled
    this.#stripRows = stripRows
  }

  /** The edit layer [1, 4, H, W] of an RGB picture. @param keep a backward pass will follow */
  async forward(pass: Pass, picture: FloatImage, keep: boolean): Promise<Float32Array> {
    this.#kept = null
    const { width, skipWidth } = this.#shape
    const size: Size = { height: picture.height, width: picture.width }
    const core = await this.#once(pass, 'core', size, () => coreGraph(size, this.#shape), { picture: picture.data })
    const deep = core['deep']!
    const skip = new PaddedPlanes(core['skip']!, skipWidth, size)
    const strips = this.#strips(size)

    const raised = new ChannelMoments(width)
    await this.#each(
      pass,
      'raised',
      strips,
      raisedGraph,
      (strip) => ({ deep: this.#deepWindow(deep, size, strip) }),
      (_, after, { plan }) => raised.add(after, plan.rows * plan.width),
    )
    const skipVariance = core['skipVariance']!
    const kernels = await this.#once(pass, 'kernels', size, () => kernelGraph(this.#shape), {
      skipVariance,
      raisedVariance: Float32Array.from(raised.variance()),
    })

    const join = new ChannelMoments(width)
    const joined: Float32Array[] = []
    await this.#each(
      pass,
      'joined',
      strips,
      joinedGraph,
      (strip) => this.#branchFeeds(deep, skip, strip, kernels, size),
      (i, after, { plan }) => {
        joined[i] = after['joined']!
        join.add(after, plan.rows * plan.width)
      },
    )
    const shared = {
      ...kernels,
      joinedMean: Float32Array.from(join.mean),
      joinedVariance: Float32Array.from(join.variance()),
    }

    const layer = new Float32Array(4 * size.height * size.width)
    await this.#each(
      pass,
      'head',
      strips,
      headGraph,
      (_, i) => ({ ...shared, joined: joined[i]! }),
      (_, after, { y, plan }) => {
        const rows = after['layer']!
        for (let c = 0; c < 4; c++)
          layer.set(
            rows.subarray(c * plan.rows * size.width, (c + 1) * plan.rows * size.width),
            (c * size.height + y) * size.width,
          )
      },
    )
    if (keep) this.#kept = { size, deep, skip, shared, raised, skipVariance, joined }
    return layer
  }

  /**
   * The gradient [P] of the parameters from that of the layer of the last forward pass, added to `carried` [P] if there
   * is any. Frees what was kept.
   */
  async backward(pass: Pass, picture: FloatImage, cotangent: Feed, carried: Feed | null): Promise<Float32Array> {
    const kept = this.#kept
    this.#kept = null
    if (!kept) throw new RangeError('the backward pass needs a forward pass of the same picture')
    const { size, skip, shared, raised, skipVariance, joined } = kept
    const pixels = size.height * size.width
    const strips = this.#strips(size)
    const changes = await pass.values(cotangent)
    const cotangentOf = ({ y, plan }: Strip) => {
      const rows = new Float32Array(4 * plan.rows * size.width)
      for (let c = 0; c < 4; c++)
        rows.set(
          changes.subarray((c * size.height + y) * size.width, (c * size.height + y + plan.rows) * size.width),
          c * plan.rows * size.width,
        )
      return rows
    }

    const head = new Sum()
    await this.#each(
      pass,
      'head backward',
      strips,
      headBackwardGraph,
      (strip, i) => ({ ...shared, joined: joined[i]!, cotangent: cotangentOf(strip) }),
      (_, after) => head.add(after['gradient']!),
    )
    const ofNorm = (part: 'weight' | 'bias') =>
      this.#slice(head.values, 'head', `netG.4.${part}`).map((x) => x / pixels)
    const norm = { scaleMean: ofNorm('weight'), shiftMean: ofNorm('bias') }

    const deepDims = this.#deepDims(size)
    const deepCotangent = new Float32Array(kept.deep.length)
    const skipCotangent = new Float32Array(skip.data.length)
    const [skipKernel, raisedKernel] = [new Sum(), new Sum()]
    const addDeep = (after: Values, { y, plan }: Strip) =>
      addWindow(deepCotangent, deepDims, after['deepGradient']!, y / 2 - 1, deepRowsOf(plan.rows))
    await this.#each(
      pass,
      'join backward',
      strips,
      joinBackwardGraph,
      (strip, i) => ({
        ...shared,
        ...norm,
        ...this.#branchFeeds(kept.deep, skip, strip, shared, size),
        joined: joined[i]!,
        cotangent: cotangentOf(strip),
      }),
      (_, after, strip) => {
        addDeep(after, strip)
        addPadded(skipCotangent, skip, after['skipGradient']!, strip.y, strip.plan.rows)
        skipKernel.add(after['skipKernelGradient']!)
        raisedKernel.add(after['raisedKernelGradient']!)
      },
    )
    // The largest of what was kept; what follows needs the room.
    joined.length = 0

    const kernels = await this.#once(pass, 'kernels backward', size, () => kernelBackwardGraph(this.#shape), {
      skipVariance,
      raisedVariance: Float32Array.from(raised.variance()),
      skipKernelCotangent: skipKernel.values,
      raisedKernelCotangent: raisedKernel.values,
    })
    const factor = kernels['raisedVarianceGradient']!.map((x) => (2 * x) / pixels)
    const raisedMean = Float32Array.from(raised.mean)
    await this.#each(
      pass,
      'spread',
      strips,
      spreadGraph,
      (strip) => ({ deep: this.#deepWindow(kept.deep, size, strip), raisedMean, factor }),
      (_, after, strip) => addDeep(after, strip),
    )

    kept.deep = new Float32Array(0)

    const lower = await this.#once(pass, 'lower backward', size, () => lowerBackwardGraph(size, this.#shape), {
      picture: picture.data,
      deepCotangent,
    })
    const encoder = await this.#once(pass, 'encoder backward', size, () => encoderBackwardGraph(size, this.#shape), {
      picture: picture.data,
      innerCotangent: lower['innerCotangent']!,
      skipVarianceCotangent: kernels['skipVarianceGradient']!,
      skipCotangent,
    })
    const pieces = {
      head: head.values,
      join: kernels['gradient']!,
      lower: lower['gradient']!,
      encoder: encoder['gradient']!,
    }
    return this.#assembled(pieces, carried ? await pass.values(carried) : new Float32Array(parameterCount(this.#shape)))
  }

  /** The whole gradient, plus what was carried. */
  #assembled(pieces: Readonly<Record<ReturnType<typeof pieceOf>, Float32Array>>, carried: Float32Array): Float32Array {
    const data = carried.slice()
    const read = { head: 0, join: 0, lower: 0, encoder: 0 }
    let at = 0
    for (const { name, shape } of generatorParameters(this.#shape)) {
      const piece = pieceOf(name)
      const count = shape.reduce((a, b) => a * b, 1)
      for (let i = 0; i < count; i++) data[at + i] = data[at + i]! + pieces[piece][read[piece] + i]!
      read[piece] += count
      at += count
    }
    return data
  }

  /** The part of a piece's joined gradients that belongs to one parameter. */
  #slice(joined: Float32Array, piece: ReturnType<typeof pieceOf>, wanted: string): Float32Array {
    let at = 0
    for (const { name, shape } of generatorParameters(this.#shape)) {
      if (pieceOf(name) !== piece) continue
      const count = shape.reduce((a, b) => a * b, 1)
      if (name === wanted) return joined.subarray(at, at + count)
      at += count
    }
    throw new RangeError(`the generator has no parameter ${wanted}`)
  }

  /** Of the core at half the size: [1, width, H/2, W/2]. */
  #deepDims({ height, width }: Size): [number, number, number, number] {
    return [1, this.#shape.width, Math.ceil(height / 2), Math.ceil(width / 2)]
  }

  #strips(size: Size): Strip[] {
    const strips: Strip[] = []
    const [, , , deepWidth] = this.#deepDims(size)
    for (let y = 0; y < size.height;) {
      const left = size.height - y
      // What is left over makes the last strip longer rather than a short one of its own.
      const rows = left < 1.5 * this.#stripRows ? left : this.#stripRows
      strips.push({ y, plan: { shape: this.#shape, rows, width: size.width, deepWidth } })
      y += rows
    }
    return strips
  }

  #branchFeeds(
    deep: Float32Array,
    skip: PaddedPlanes,
    strip: Strip,
    { skipKernel, raisedKernel }: Values,
    size: Size,
  ): Values {
    const flag = (on: boolean) => Float32Array.of(on ? 1 : 0)
    const {
      y,
      plan: { rows },
    } = strip
    return {
      deep: this.#deepWindow(deep, size, strip),
      skipKernel: skipKernel!,
      raisedKernel: raisedKernel!,
      atTop: flag(y === 0),
      atBottom: flag(y + rows === size.height),
      skip: skip.rows(y, rows),
    }
  }

  #deepWindow(deep: Float32Array, size: Size, { y, plan }: Strip): Float32Array {
    return rowWindow(deep, this.#deepDims(size), y / 2 - 1, deepRowsOf(plan.rows))
  }

  async #once(pass: Pass, name: string, size: Size, build: () => StepGraph, feeds: Values): Promise<Values> {
    const program = await this.#compiled(`${name} ${size.width}x${size.height}`, size, build)
    const after = await pass.run(program, feeds)
    const values: Record<string, Float32Array> = {}
    for (const [output, tensor] of Object.entries(after)) {
      values[output] = await pass.values(tensor)
      pass.free(tensor)
    }
    return values
  }

  /** Runs a pass over all strips. */
  async #each(
    pass: Pass,
    name: string,
    strips: readonly Strip[],
    build: (plan: StripPlan) => StepGraph,
    feeds: (strip: Strip, i: number) => Values,
    use: (i: number, after: Values, strip: Strip) => void,
  ): Promise<void> {
    for (const [i, strip] of strips.entries()) {
      const { rows, width } = strip.plan
      use(i, await this.#once(pass, name, { width, height: rows }, () => build(strip.plan), feeds(strip, i)), strip)
    }
  }
}

/** Adds up arrays of one length. */
class Sum {
  values = new Float32Array(0)

  add(part: Float32Array): void {
    if (this.values.length === 0) this.values = new Float32Array(part.length)
    for (let i = 0; i < part.length; i++) this.values[i] = this.values[i]! + part[i]!
  }
}
