import { Text2LiveError } from '../errors.js'
import { type Node, type Value, sameShape, show, sizeOf, sources } from './graph.js'
import { add } from './ops/elementwise.js'

/**
 * Reverse-mode differentiation: the gradients of `loss` (a scalar, unless `seed` gives its cotangent) with respect to
 * `wrt`, as new values of the same graph. Only nodes on a path from `wrt` to `loss` are differentiated, so frozen
 * weights cost nothing.
 *
 * @throws SHAPE_MISMATCH for a loss that is no scalar or a seed of another shape; GRAPH_INVALID where the way to a
 *   parameter leads through an operator without a gradient rule, or through an output of a node that its rule does not
 *   speak of
 */
export function gradients(loss: Value, wrt: readonly Value[], seed?: Value): Value[] {
  const graph = loss.graph
  if (!seed && sizeOf(loss.shape) !== 1) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      `gradients: expected a scalar loss or a seed, came shape ${show(loss.shape)} and no seed`,
    )
  }
  if (seed && !sameShape(seed.shape, loss.shape)) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      `gradients: the seed has shape ${show(seed.shape)}, the loss ${show(loss.shape)}`,
    )
  }
  const last = loss.node.index
  const dependent = new Set<Value>(wrt)
  const reached = (node: Node) => isDifferentiable(node) && sources(node).some((input) => dependent.has(input))
  for (let i = 0; i <= last; i++) {
    const node = graph.nodes[i]!
    if (reached(node)) for (const output of node.outputs) dependent.add(output)
  }
  const cotangents = new Map<Value, Value>()
  cotangents.set(loss, seed ?? graph.constant(new Array<number>(sizeOf(loss.shape)).fill(1), loss.shape))
  const targets = new Set(wrt)

  for (let i = last; i >= 0; i--) {
    const node = graph.nodes[i]!
    const [output] = node.outputs as [Value]
    const further = node.outputs.find((value) => value.slot > 0 && cotangents.has(value))
    const cotangent = cotangents.get(output)
    if (!(cotangent ?? further) || !reached(node)) continue
    if (further)
      throw new Text2LiveError(
        'GRAPH_INVALID',
        `gradients: operator ${node.op} has no gradient rule for its output ${further.slot}, yet a parameter lies behind it`,
      )
    if (!node.gradient)
      throw new Text2LiveError(
        'GRAPH_INVALID',
        `gradients: operator ${node.op} has no gradient rule, yet a parameter lies behind it`,
      )
    const rules = node.gradient(cotangent!, output)
    sources(node).forEach((input, slot) => {
      const rule = rules[slot]
      if (!rule || !dependent.has(input)) return
      const part = rule()
      if (!sameShape(part.shape, input.shape)) {
        throw new Text2LiveError(
          'GRAPH_INVALID',
          `gradients: ${node.op} made a cotangent of shape ${show(part.shape)} for an input of shape ${show(input.shape)}`,
        )
      }
      const sum = cotangents.get(input)
      cotangents.set(input, sum ? add(sum, part) : part)
    })
    if (!targets.has(output)) cotangents.delete(output)
  }
  return wrt.map((value) => cotangents.get(value) ?? graph.zeros(value.shape))
}

/** Identity without a rule is `stopGradient`. */
function isDifferentiable(node: Node): boolean {
  return node.op !== 'Identity' || node.gradient !== undefined
}
