import { Text2LiveError } from '../errors.js'

/** Type of a tensor's elements. */
export type DType = 'float32' | 'int64' | 'int32' | 'int8' | 'uint8' | 'bool'
/** Lengths of the axes, all known when the graph is built; [] is a scalar. */
export type Shape = readonly number[]
export type ConstantData = Float32Array | BigInt64Array | Int32Array | Int8Array | Uint8Array
export type Attribute =
  number | string | readonly number[] | { readonly float: number } | { readonly floats: readonly number[] }

/** A node of the graph: an input, a constant, or the application of an ONNX operator. */
export interface Node {
  /** Position in order of creation, which is a topological order. */
  readonly index: number
  readonly kind: 'input' | 'constant' | 'op'
  /** ONNX operator (`kind: 'op'`; those of ONNX Runtime's own begin with `com.microsoft.`) or the input's name. */
  readonly op: string
  readonly inputs: readonly Value[]
  readonly attributes: Readonly<Record<string, Attribute>>
  readonly outputs: Value[]
  readonly data?: ConstantData
  readonly gradient?: GradientRule
  /** What the gradient rule speaks of, where that is not `inputs`: see `withGradient`. */
  readonly through?: readonly Value[]
  /** Its inputs are to be computed one after the other: see `scheduled`. */
  readonly inOrder?: true
}

/** A tensor that the graph will compute: static shape, static type. */
export interface Value {
  readonly graph: Graph
  readonly node: Node
  readonly slot: number
  readonly shape: Shape
  readonly dtype: DType
}

/**
 * The vector-Jacobian product of an operator: from the cotangent of its first output, one thunk per input that makes
 * that input's cotangent (same shape as the input), or null where the input has none. Thunks of inputs that no
 * parameter depends on are never called, so their nodes are never built.
 */
export type GradientRule = (cotangent: Value, output: Value) => readonly ((() => Value) | null)[]

export interface Application {
  readonly op: string
  readonly inputs: readonly Value[]
  readonly shape: Shape
  readonly dtype?: DType
  readonly attributes?: Readonly<Record<string, Attribute>>
  readonly gradient?: GradientRule
  /** Tells apart gradient rules of one operator: equal applications share a node only where this is equal too. */
  readonly variant?: string
  /**
   * Shapes of further outputs that the operator declares after the first, in order. Their gradient is an error: a rule
   * speaks of the first output.
   */
  readonly extra?: readonly Shape[]
  readonly through?: readonly Value[]
  /** The inputs are to be computed in their order, where nothing else needs them: for memory, numbers stay the same. */
  readonly inOrder?: boolean
}

/**
 * Builds an ONNX graph with static shapes. Equal applications and equal constants are shared, so gradient rules may ask
 * again for what the forward pass computed. Values that carry a rule of their own (`withGradient`) are never shared:
 * what is equal in the forward pass may differ in the backward pass.
 */
export class Graph {
  readonly nodes: Node[] = []
  readonly #applications = new Map<string, Value>()
  readonly #constants = new Map<string, Value[]>()
  readonly #inputsByName = new Map<string, Value>()

  /** A named input. Frozen weights, parameters, optimizer state and the draws of a step are all inputs. */
  input(name: string, shape: Shape, dtype: DType = 'float32'): Value {
    if (this.#inputsByName.has(name))
      throw new Text2LiveError('GRAPH_INVALID', `the graph already has an input named "${name}"`)
    const value = this.#add({ kind: 'input', op: name }, shape, dtype)
    this.#inputsByName.set(name, value)
    return value
  }

  /** A tensor that is part of the graph. @throws SHAPE_MISMATCH where the numbers do not fill the shape */
  constant(data: ConstantData | readonly number[], shape: Shape, dtype: DType = 'float32'): Value {
    const typed = typedData(data, dtype)
    if (typed.length !== sizeOf(shape)) {
      throw new Text2LiveError(
        'SHAPE_MISMATCH',
        `constant: expected ${sizeOf(shape)} values for shape ${show(shape)}, came ${typed.length}`,
      )
    }
    const bytes = new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength)
    const key = `${dtype} ${shape.join()} ${checksum(bytes)}`
    const alike = this.#constants.get(key) ?? []
    this.#constants.set(key, alike)
    const known = alike.find((value) => sameBytes(value.node.data!, bytes))
    if (known) return known
    const value = this.#add({ kind: 'constant', op: 'constant', data: typed }, shape, dtype)
    alike.push(value)
    return value
  }

  /** A float32 scalar that is part of the graph. */
  scalar(x: number): Value {
    return this.constant([x], [])
  }

  /** Zeros, made where the graph runs instead of stored in it. */
  zeros(shape: Shape): Value {
    return this.apply({ op: 'ConstantOfShape', inputs: [this.constant(shape, [shape.length], 'int64')], shape })
  }

  /** A node of an ONNX operator, with its gradient rule. @throws GRAPH_INVALID for an input of another graph */
  apply({
    op,
    inputs,
    shape,
    dtype = 'float32',
    attributes = {},
    gradient,
    variant = '',
    extra = [],
    through,
    inOrder = false,
  }: Application): Value {
    for (const input of inputs) {
      if (input.graph !== this) throw new Text2LiveError('GRAPH_INVALID', `${op}: an input belongs to another graph`)
    }
    const make = () => {
      const value = this.#add(
        {
          kind: 'op',
          op,
          inputs,
          attributes,
          ...(gradient ? { gradient } : {}),
          ...(through ? { through } : {}),
          ...(inOrder ? { inOrder } : {}),
        },
        shape,
        dtype,
      )
      extra.forEach((more, i) => value.node.outputs.push({ ...value, slot: i + 1, shape: more }))
      return value
    }
    if (through) return make()
    const rule = `${gradient ? `differentiable ${variant}` : ''}${inOrder ? ' in order' : ''}`
    const ids = inputs.map((v) => `${v.node.index}.${v.slot}`).join()
    return this.#shared(`${op} ${ids} ${JSON.stringify(attributes)} ${dtype} ${shape.join()} ${rule}`, make)
  }

  #shared(key: string, make: () => Value): Value {
    const known = this.#applications.get(key)
    if (known) return known
    const value = make()
    this.#applications.set(key, value)
    return value
  }

  /** The first output of a new node. */
  #add(made: Pick<Node, 'kind' | 'op'> & Partial<Omit<Node, 'index' | 'outputs'>>, shape: Shape, dtype: DType): Value {
    const node: Node = { inputs: [], attributes: {}, ...made, index: this.nodes.length, outputs: [] }
    if (shape.some((n) => !Number.isInteger(n) || n < 0)) {
      throw new Text2LiveError(
        'SHAPE_MISMATCH',
        `${node.op}: ${show(shape)} is no shape (inputs ${node.inputs.map((v) => show(v.shape)).join(', ')})`,
      )
    }
    const value: Value = { graph: this, node, slot: 0, shape: [...shape], dtype }
    node.outputs.push(value)
    this.nodes.push(node)
    return value
  }
}

/**
 * `value` with a gradient rule of its own: `rule` gives the cotangents of `through` from the cotangent of `value`, and
 * what lies between them is not differentiated. For functions whose combined gradient is shorter than the chain of its
 * parts.
 */
export function withGradient(value: Value, through: readonly Value[], rule: GradientRule): Value {
  return value.graph.apply({
    op: 'Identity',
    inputs: [value],
    shape: value.shape,
    dtype: value.dtype,
    gradient: rule,
    through,
  })
}

/** The values that a node's gradient rule gives cotangents to. */
export function sources(node: Node): readonly Value[] {
  return node.through ?? node.inputs
}

export function sizeOf(shape: Shape): number {
  return shape.reduce((product, n) => product * n, 1)
}

export function show(shape: Shape): string {
  return `[${shape.join(', ')}]`
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i])
}

/** `shape[axis]`, with negative axes counted from the end; an axis out of range is an error that names the operator. */
export function dim(op: string, shape: Shape, axis: number): number {
  const n = shape[axis < 0 ? axis + shape.length : axis]
  if (n === undefined)
    throw new Text2LiveError('SHAPE_MISMATCH', `${op}: axis ${axis} is out of range for shape ${show(shape)}`)
  return n
}

function typedData(data: ConstantData | readonly number[], dtype: DType): ConstantData {
  if (!Array.isArray(data)) return data as ConstantData
  if (dtype === 'int64') return BigInt64Array.from(data as number[], (x) => BigInt(x))
  if (dtype === 'int32') return Int32Array.from(data as number[])
  if (dtype === 'int8') return Int8Array.from(data as number[])
  if (dtype === 'uint8') return Uint8Array.from(data as number[])
  return Float32Array.from(data as number[])
}

/** Bytes that tell most constants of one shape apart; those that begin alike are compared. */
const TELLING = 4096

function checksum(bytes: Uint8Array): number {
  let h = 0x811c9dc5
  for (const byte of bytes.subarray(0, TELLING)) h = Math.imul(h ^ byte, 0x01000193)
  return h
}

function sameBytes(data: ConstantData, bytes: Uint8Array): boolean {
  if (data.byteLength !== bytes.length) return false
  const other = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  for (let i = 0; i < bytes.length; i++) if (other[i] !== bytes[i]) return false
  return true
}
