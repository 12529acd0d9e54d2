import { beforeAll, describe, expect, it } from 'vitest'
import { clipOf, texture } from '../../../test/support/movingTexture.js'
import type { ClipFlow, Flow } from '../clipFlow.js'
import { type ClipGraph, createClipGraph } from './clipGraph.js'
import { labelByColour } from './labelling.js'

const [width, height, count] = [72, 48, 3]
const breathe = () => Promise.resolve()
/** A reddish disc and, touching it on the right, a bluish one, before a greyish background; nothing moves. */
const radius = 11
const inRed = (x: number, y: number) => Math.hypot(x - 26, y - 24) < radius
const inBlue = (x: number, y: number) => Math.hypot(x - 48, y - 24) < radius
function colour(x: number, y: number): readonly [number, number, number] {
  const [r, g, b] = texture(x, y)
  return inRed(x, y) ? [0.5 + 0.5 * r, 0.4 * g, 0.4 * b] : inBlue(x, y) ? [0.4 * r, 0.4 * g, 0.5 + 0.5 * b] : [r, g, b]
}

let graph: ClipGraph
/** Share of each node that lies in the red disc. */
let red: Float32Array

beforeAll(async () => {
  const still: Flow = { data: new Int16Array(2 * width * height), valid: new Uint8Array(width * height).fill(1) }
  const directions = Array.from({ length: count - 1 }, () => still)
  const flow: ClipFlow = { width, height, forward: directions, backward: directions }
  graph = await createClipGraph(clipOf(width, height, count, colour), flow, breathe)
  red = new Float32Array(graph.count)
  graph.frames.forEach(({ labels }, t) => {
    labels.forEach((label, i) => {
      const node = graph.first[t]! + label
      if (inRed((i % width) + 0.5, Math.floor(i / width) + 0.5)) red[node]! += 1 / graph.area[node]!
    })
  })
})

/** A bell around (x, 24) at every node: `most` at its middle, with a standard deviation of `spread` px. */
const bell = (x: number, most: number, spread: number) =>
  Float32Array.from(
    { length: graph.count },
    (_, i) =>
      most * Math.exp(-((graph.centre[i]! - x) ** 2 + (graph.centre[graph.count + i]! - 24) ** 2) / (2 * spread ** 2)),
  )

/** Intersection over union with the red disc, by area. */
function overlap(labels: Float32Array): number {
  let [both, either] = [0, 0]
  labels.forEach((x, i) => {
    const [a, b] = [x > 0.5 ? 1 : 0, red[i]!]
    both += graph.area[i]! * a * b
    either += graph.area[i]! * Math.max(a, b)
  })
  return both / either
}

describe('labelByColour', () => {
  it('draws a vague answer to the outline of what has the colours of its middle', async () => {
    const prior = bell(26, 0.9, 16)
    expect(overlap(prior)).toBeLessThan(0.7)
    const labels = await labelByColour({ graph }, prior, breathe)
    expect(overlap(labels)).toBeGreaterThan(0.9)
    expect(labels.every((x) => x >= 0 && x <= 1)).toBe(true)
  })

  it('leaves out what touches the object and answers undecidedly, in other colours', async () => {
    const [object, beside] = [bell(26, 0.95, 9), bell(48, 0.48, 9)]
    const labels = await labelByColour(
      { graph },
      object.map((x, i) => Math.max(x, beside[i]!)),
      breathe,
    )
    expect(labels.some((x, i) => x > 0.5 && graph.centre[i]! > 40)).toBe(false)
    expect(overlap(labels)).toBeGreaterThan(0.9)
  })

  it('finds the object in a frame whose answer is undecided everywhere', async () => {
    const prior = bell(26, 0.95, 9).map((x, i) => (i < graph.first[2]! ? x : 0.5))
    const labels = await labelByColour({ graph }, prior, breathe)
    const last = labels.map((x, i) => (i < graph.first[2]! ? red[i]! : x))
    expect(overlap(last)).toBeGreaterThan(0.95)
  })

  it('labels nothing where nothing is likely', async () => {
    const labels = await labelByColour({ graph }, bell(26, 0.2, 9), breathe)
    expect(labels.every((x) => x < 0.5)).toBe(true)
  })
})
