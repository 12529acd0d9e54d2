import protobuf from 'protobufjs/minimal.js'
import { Text2LiveError } from '../errors.js'
import { type Attribute, type Graph, type Node, type Value } from './graph.js'
import { ONNX_TYPES } from './ops/elementwise.js'
import { type Scheduled, scheduled } from './schedule.js'

const OPSET = 18
const IR_VERSION = 8
/** Begins the names of ONNX Runtime's own operators, which are no part of ONNX. */
const OWN_DOMAIN = 'com.microsoft'

/** Field numbers of onnx.proto3 that this writer uses. */
const MODEL = { irVersion: 1, producerName: 2, graph: 7, opsetImport: 8 } as const
const GRAPH = { node: 1, name: 2, initializer: 5, input: 11, output: 12 } as const
const NODE = { input: 1, output: 2, name: 3, opType: 4, attribute: 5, domain: 7 } as const
const ATTRIBUTE = { name: 1, f: 2, i: 3, s: 4, floats: 7, ints: 8, type: 20 } as const
const TENSOR = { dims: 1, dataType: 2, name: 8, rawData: 9 } as const
const ATTRIBUTE_TYPE = { float: 1, int: 2, string: 3, floats: 6, ints: 7 } as const

/** A graph as an ONNX file. */
export interface OnnxModel {
  /** A serialised ONNX ModelProto (opset 18). */
  readonly bytes: Uint8Array
  /** What the outputs depend on and is to be fed, in order of creation; inputs that nothing needs are left out. */
  readonly inputs: readonly { readonly name: string; readonly value: Value }[]
  /** Operations, those that are written twice counted twice. */
  readonly nodeCount: number
}

/**
 * Serialises what `outputs` depend on; every other node is dropped. Some nodes are written twice, so that the backward
 * pass makes large results again instead of holding them.
 * @param given first outputs of nodes that are fed by these names instead of being computed
 */
export function encodeModel(
  graph: Graph,
  outputs: Readonly<Record<string, Value>>,
  given: Readonly<Record<string, Value>> = {},
): OnnxModel {
  const names = new Map(Object.entries(given).map(([name, { node }]) => [node, name]))
  const live = liveNodes(outputs, names)
  const nodes = graph.nodes.filter((node) => live.has(node))
  const isFed = (node: Node) => node.kind === 'input' || names.has(node)
  const nameOf = (value: Value) => names.get(value.node) ?? ownName(value)
  const inputs = nodes.filter(isFed).map(({ outputs: [value] }) => ({ name: nameOf(value!), value: value! }))
  const constants = nodes.filter((node) => node.kind === 'constant')
  const operations = scheduled(nodes, isFed).filter(({ node }) => node.kind === 'op' && !names.has(node))

  const model = protobuf.Writer.create()
  varint(model, MODEL.irVersion, IR_VERSION)
  text(model, MODEL.producerName, 'text2live')
  message(model, MODEL.graph, (g) => {
    text(g, GRAPH.name, 'step')
    for (const operation of operations) message(g, GRAPH.node, (w) => writeNode(w, operation, nameOf))
    for (const [name, value] of Object.entries(outputs)) {
      message(g, GRAPH.node, (w) => {
        text(w, NODE.input, nameOf(value))
        text(w, NODE.output, name)
        text(w, NODE.opType, 'Identity')
      })
    }
    for (const node of constants) message(g, GRAPH.initializer, (w) => writeConstant(w, node, nameOf))
    for (const { name, value } of inputs) message(g, GRAPH.input, (w) => writeValueInfo(w, name, value))
    for (const [name, value] of Object.entries(outputs)) message(g, GRAPH.output, (w) => writeValueInfo(w, name, value))
  })
  message(model, MODEL.opsetImport, (w) => {
    text(w, 1, '')
    varint(w, 2, OPSET)
  })
  if (operations.some(({ node }) => isOwnOperator(node))) {
    message(model, MODEL.opsetImport, (w) => {
      text(w, 1, OWN_DOMAIN)
      varint(w, 2, 1)
    })
  }
  return { bytes: model.finish(), inputs, nodeCount: operations.length }
}

function isOwnOperator({ op }: Node): boolean {
  return op.startsWith(`${OWN_DOMAIN}.`)
}

function liveNodes(outputs: Readonly<Record<string, Value>>, given: ReadonlyMap<Node, string>): Set<Node> {
  const live = new Set<Node>()
  const stack = Object.values(outputs).map((value) => value.node)
  while (stack.length > 0) {
    const node = stack.pop()!
    if (live.has(node)) continue
    live.add(node)
    if (given.has(node)) continue
    for (const input of node.inputs) stack.push(input.node)
  }
  return live
}

/** The ONNX name of a value: inputs keep theirs, everything else is numbered. */
function ownName(value: Value): string {
  if (value.node.kind === 'input') return value.node.op
  return value.slot === 0 ? `v${value.node.index}` : `v${value.node.index}.${value.slot}`
}

function writeNode(w: protobuf.Writer, { node, again, reads }: Scheduled, nameOf: (value: Value) => string): void {
  const second = (name: string) => `${name}.again`
  for (const input of node.inputs) text(w, NODE.input, reads.has(input.node) ? second(nameOf(input)) : nameOf(input))
  for (const output of node.outputs) text(w, NODE.output, again ? second(nameOf(output)) : nameOf(output))
  const own = isOwnOperator(node)
  const label = `${node.op}_${node.index}`
  text(w, NODE.name, again ? second(label) : label)
  text(w, NODE.opType, own ? node.op.slice(OWN_DOMAIN.length + 1) : node.op)
  if (own) text(w, NODE.domain, OWN_DOMAIN)
  for (const [name, value] of Object.entries(node.attributes))
    message(w, NODE.attribute, (a) => writeAttribute(a, name, value))
}

function writeAttribute(w: protobuf.Writer, name: string, value: Attribute): void {
  text(w, ATTRIBUTE.name, name)
  if (typeof value === 'number') {
    varint(w, ATTRIBUTE.i, value)
    varint(w, ATTRIBUTE.type, ATTRIBUTE_TYPE.int)
  } else if (typeof value === 'string') {
    text(w, ATTRIBUTE.s, value)
    varint(w, ATTRIBUTE.type, ATTRIBUTE_TYPE.string)
  } else if ('float' in value) {
    w.uint32(tag(ATTRIBUTE.f, 5)).float(value.float)
    varint(w, ATTRIBUTE.type, ATTRIBUTE_TYPE.float)
  } else if ('floats' in value) {
    for (const x of value.floats) w.uint32(tag(ATTRIBUTE.floats, 5)).float(x)
    varint(w, ATTRIBUTE.type, ATTRIBUTE_TYPE.floats)
  } else {
    for (const x of value) varint(w, ATTRIBUTE.ints, x)
    varint(w, ATTRIBUTE.type, ATTRIBUTE_TYPE.ints)
  }
}

function writeConstant(w: protobuf.Writer, node: Node, nameOf: (value: Value) => string): void {
  const value = node.outputs[0]!
  const data = node.data
  if (!data) throw new Text2LiveError('GRAPH_INVALID', `constant ${nameOf(value)} has no data`)
  for (const n of value.shape) varint(w, TENSOR.dims, n)
  varint(w, TENSOR.dataType, ONNX_TYPES[value.dtype])
  text(w, TENSOR.name, nameOf(value))
  w.uint32(tag(TENSOR.rawData, 2)).bytes(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
}

function writeValueInfo(w: protobuf.Writer, name: string, value: Value): void {
  text(w, 1, name)
  message(w, 2, (type) =>
    message(type, 1, (tensor) => {
      varint(tensor, 1, ONNX_TYPES[value.dtype])
      message(tensor, 2, (shape) => {
        for (const n of value.shape) message(shape, 1, (d) => varint(d, 1, n))
      })
    }),
  )
}

function tag(field: number, wireType: number): number {
  return (field << 3) | wireType
}

function varint(w: protobuf.Writer, field: number, value: number): void {
  w.uint32(tag(field, 0)).int64(value)
}

function text(w: protobuf.Writer, field: number, value: string): void {
  w.uint32(tag(field, 2)).string(value)
}

function message(w: protobuf.Writer, field: number, write: (w: protobuf.Writer) => void): void {
  w.uint32(tag(field, 2)).fork()
  write(w)
  w.ldelim()
}
