import { Text2LiveError } from '../errors.js'
import { type Node, type Value, sameShape, show, sizeOf, sources } from './graph.js'
import { add } from './ops/elementwise.js'

/**
 * Reverse-mode differentiation: the gradients of `loss` (a scalar, unless `seed` gives its cotangent) with respect to
 * `wrt`, as new values of the same graph. Only nodes on a path from `wrt` to `loss` are differentiated, so frozen
 * weights cost nothing.
 */
export function gradients(loss: Value, wrt: readonly Value[], seed?: Value): Value[] {
  const graph = loss.graph
  if (!seed && sizeOf(loss.shape) !== 1) {
    throw new Text2LiveError('SHAPE_MISMATCH', `gradients: expected a scalar loss or a seed, came shape ${show(loss.shape)} and no seed`)
  }
  if (seed && !sameShape(seed.shape, loss.shape)) {
    throw new Text2LiveError('SHAPE_MISMATCH', `gradients: the seed has shape ${show(seed.shape)}, the loss ${show(loss.shape)}`)
  }
  const last = loss.node.index
  const dependent = new Set<Node>(wrt.map((value) => value.node))
  for (let i = 0; i <= last; i++) {
    const node = graph.nodes[i]!
    if (isDifferentiable(node) && sources(node).some((input) => dependent.has(input.node))) dependent.add(node)
  }
  const cotangents = new Map<Node, Value>()
  cotangents.set(loss.node, seed ?? graph.constant(new Array<number>(sizeOf(loss.shape)).fill(1), loss.shape))
  const targets = new Set(wrt.map((value) => value.node))

  for (let i = last; i >= 0; i--) {
    const node = graph.nodes[i]!
    const cotangent = cotangents.get(node)
    if (!cotangent || !sources(node).some((input) => dependent.has(input.node)) || !isDifferentiable(node)) continue
    if (!node.gradient) throw new Text2LiveError('GRAPH_INVALID', `gradients: operator ${node.op} has no gradient rule, yet a parameter lies behind it`)
    const rules = node.gradient(cotangent, node.outputs[0]!)
    sources(node).forEach((input, slot) => {
      const rule = rules[slot]
      if (!rule || !dependent.has(input.node)) return
      const part = rule()
      if (!sameShape(part.shape, input.shape)) {
        throw new Text2LiveError('GRAPH_INVALID', `gradients: ${node.op} made a cotangent of shape ${show(part.shape)} for an input of shape ${show(input.shape)}`)
      }
      const sum = cotangents.get(input.node)
      cotangents.set(input.node, sum ? add(sum, part) : part)
    })
    if (!targets.has(node)) cotangents.delete(node)
  }
  return wrt.map((value) => cotangents.get(value.node) ?? graph.zeros(value.shape))
}

/** Identity without a rule is `stopGradient`. */
function isDifferentiable(node: Node): boolean {
  return node.op !== 'Identity' || node.gradient !== undefined
}
