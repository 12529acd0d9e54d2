import { type Node, sizeOf } from './graph.js'

/** One computation of a node. */
export interface Scheduled {
  readonly node: Node
  /** It was computed before, and is computed again for what comes much later. */
  readonly again: boolean
  /** Nodes whose second results it reads. */
  readonly reads: ReadonlySet<Node>
}

/** When a node is computed a second time. */
export interface Repeating {
  /** Numbers that its result has at least. */
  readonly numbers: number
  /** How many nodes farther from what is fed its later readers are at least. */
  readonly later: number
}

/**
 * Operators that only copy and mix numbers of their first input, or scale them: for the backward pass they are computed
 * again instead of being held (rematerialisation, Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost").
 */
const CHEAP: ReadonlySet<string> = new Set(['Pad', 'Resize', 'Slice', 'InstanceNormalization', 'LeakyRelu'])
/** An input of at most this share of the result may be held in its place. */
const SMALL = 0.5

/**
 * The nodes, given in order of creation, in the order of their longest way from what is fed; some of them twice.
 * ONNX Runtime goes back from the outputs, the last first, and computes of a node's inputs the one first that was
 * written last (those that its optimizers make anew, on the CPU convolutions in its blocked layout, count as last). So
 * it is the deepest: a cotangent, behind which all the losses lie, comes before what its rule makes anew of the forward
 * pass, which would else be held all the while.
 */
export function scheduled(
  nodes: readonly Node[],
  isFed: (node: Node) => boolean,
  repeating: Repeating = { numbers: 8e6, later: 64 },
): readonly Scheduled[] {
  const read = (node: Node): readonly Node[] => (isFed(node) ? [] : node.inputs.map((input) => input.node))
  const depths = new Map<Node, number>()
  for (const node of nodes)
    depths.set(node, 1 + read(node).reduce((most, input) => Math.max(most, depths.get(input)!), 0))
  const { repeated, isLate } = repetitions(nodes, isFed, depths, repeating)
  const reads = (node: Node, again: boolean): ReadonlySet<Node> =>
    new Set(read(node).filter((input) => repeated.has(input) && (again || isLate(node, input))))
  const all = nodes.flatMap((node): Scheduled[] => {
    const first = { node, again: false, reads: reads(node, false) }
    return repeated.has(node) ? [first, { node, again: true, reads: reads(node, true) }] : [first]
  })
  const places = new Map([...depths, ...joinedInOrder(nodes, depths)])
  return all.sort((a, b) => places.get(a.node)! - places.get(b.node)!)
}

/**
 * Inputs that are to be computed in their order and that nothing else reads go right before their reader, the first of
 * them last. So the gradients of the parameters, joined in the order of the backward pass, are computed in it: the last
 * layer's, computed at the end, would keep its cotangents and results until then.
 */
function joinedInOrder(nodes: readonly Node[], depths: ReadonlyMap<Node, number>): ReadonlyMap<Node, number> {
  const readers = new Map<Node, number>()
  for (const { inputs } of nodes) for (const { node } of inputs) readers.set(node, (readers.get(node) ?? 0) + 1)
  const places = new Map<Node, number>()
  for (const join of nodes) {
    if (!join.inOrder) continue
    join.inputs.forEach(({ node }, i) => {
      if (node.kind === 'op' && readers.get(node) === 1)
        places.set(node, depths.get(join)! - (i + 1) / (join.inputs.length + 1))
    })
  }
  return places
}

/**
 * Nodes that are computed a second time: cheap ones that are read at once and much later, where what they read is held
 * for others too, or small, or computed a second time itself. And by whom they are read later.
 */
function repetitions(
  nodes: readonly Node[],
  isFed: (node: Node) => boolean,
  depths: ReadonlyMap<Node, number>,
  { numbers, later }: Repeating,
): { readonly repeated: ReadonlySet<Node>; readonly isLate: (reader: Node, node: Node) => boolean } {
  /** When a node's result is first read: it is not computed before that needs it. */
  const needed = new Map<Node, number>()
  const timeOf = (node: Node) => Math.max(depths.get(node)!, (needed.get(node) ?? 0) - 1)
  const isLate = (reader: Node, node: Node) => timeOf(reader) > depths.get(node)! + later
  const [soon, late, repeated] = [new Set<Node>(), new Set<Node>(), new Set<Node>()]
  const isCheap = ({ op, outputs }: Node) => CHEAP.has(op) && sizeOf(outputs[0]!.shape) >= numbers
  /** What it reads is held for others too, or small, or made again in its turn. */
  const pays = (node: Node): boolean => {
    const { node: input, shape } = node.inputs[0]!
    if (isFed(input) || late.has(input) || sizeOf(shape) <= SMALL * sizeOf(node.outputs[0]!.shape)) return true
    return isCheap(input) && (soon.has(input) || !isLate(node, input)) && pays(input)
  }
  for (const node of [...nodes].reverse()) {
    if (isFed(node)) continue
    const again = soon.has(node) && late.has(node) && isCheap(node) && pays(node)
    if (again) repeated.add(node)
    for (const { node: input } of node.inputs) {
      needed.set(input, Math.min(needed.get(input) ?? Infinity, timeOf(node)))
      const seen = isLate(node, input) ? late : soon
      seen.add(input)
      if (again) late.add(input)
    }
  }
  return { repeated, isLate }
}
