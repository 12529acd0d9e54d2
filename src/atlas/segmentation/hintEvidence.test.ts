import { expect, it } from 'vitest'
import type { FloatImage } from '../../media/image.js'
import type { ClipGraph } from './clipGraph.js'
import { grownEvidence, probabilityEvidence, relevancyEvidence } from './hintEvidence.js'
import type { ClipScene } from './labelling.js'

const [width, frames] = [10, 3]
const count = frames * width

/** Frames of one row whose pixels are regions, with these speeds against the background; nothing looks alike. */
function sceneOf(speed: Float32Array): ClipScene {
  const none = { start: new Int32Array(count + 1), neighbour: new Int32Array(0), weight: new Float32Array(0) }
  const region = { count: width, labels: Int32Array.from({ length: width }, (_, x) => x) }
  const graph: ClipGraph = {
    width,
    height: 1,
    frames: Array.from({ length: frames }, () => region),
    first: Int32Array.from({ length: frames + 1 }, (_, t) => t * width),
    count,
    area: new Float32Array(count).fill(1),
    colour: new Float32Array(3 * count),
    centre: new Float32Array(2 * count),
    ...none,
  }
  return {
    graph,
    alike: none,
    motion: { velocity: new Float32Array(2 * count), speed, share: new Float32Array(count).fill(1) },
  }
}

/** A frame in which these regions have the second value, and the others the first. */
const mapOf = (at: readonly number[], [others, own]: readonly [number, number] = [0, 1]): FloatImage => ({
  width,
  height: 1,
  channels: 1,
  data: Float32Array.from({ length: width }, (_, x) => (at.includes(x) ? own : others)),
})

it('relevancyEvidence measures what moves within each frame: an object that runs, then walks, then stands', () => {
  // Regions 4 and 5 are the object, regions 5 and 6 answer: the background shakes by less than the error of the flow.
  const object = [24, 4, 0]
  const speed = Float32Array.from({ length: count }, (_, i) =>
    i % width === 4 || i % width === 5 ? object[Math.floor(i / width)]! : 0.2 * (i % 3),
  )
  const map = mapOf([5, 6])
  const likely = relevancyEvidence(
    sceneOf(speed),
    new Map([
      [0, map],
      [1, map],
      [2, map],
    ]),
  )
  for (const t of [0, 1]) {
    expect(likely[t * width + 5]).toBeGreaterThan(0.9)
    expect(likely[t * width + 6]).toBeLessThan(0.2)
    expect(likely[t * width + 4]).toBeLessThan(0.5)
  }
  // Nothing moves in the last frame: the answers alone decide.
  expect(likely[2 * width + 5]).toBeCloseTo(likely[2 * width + 6]!, 6)
  expect(likely[2 * width + 5]).toBeGreaterThan(0.5)
})

it('probabilityEvidence takes what the guidance answers together with where an object may be', () => {
  const scene = sceneOf(new Float32Array(count))
  const unsure = (at: readonly number[]) => mapOf(at, [0.1, 0.9])
  const each = (map: FloatImage) => new Map([0, 1, 2].map((t) => [t, map]))
  const [either, answers] = [each(unsure([2, 6])), each(unsure([6]))]
  const unasked = probabilityEvidence(scene, either)
  expect([unasked[2], unasked[6], unasked[4]].map((x) => Math.round(10 * x!))).toEqual([9, 9, 1])
  const asked = probabilityEvidence(scene, either, answers)
  expect(asked[6]).toBeGreaterThan(0.97)
  expect(asked[2]).toBeLessThan(0.3)
  // Answers that are the same everywhere say nothing.
  expect(probabilityEvidence(scene, either, each(unsure([])))).toEqual(unasked)
  // What no map tells of is the object's as often as what they tell of.
  const far = probabilityEvidence(scene, new Map([[0, unsure([2, 6])]]))
  expect(far.slice(width).map((x) => Math.round(100 * x))).toEqual(new Float32Array(2 * width).fill(26))
})

it('grownEvidence takes what stands out for what grew from a point where the two meet', () => {
  const scene = sceneOf(new Float32Array(count))
  // Grown: regions 2 to 5 in all frames. Standing out: 2 and 3 in the first, something else in the second.
  const labels = Float32Array.from({ length: count }, (_, i) => (i % width >= 2 && i % width <= 5 ? 1 : 0))
  const likely = grownEvidence(
    scene,
    labels,
    new Map([
      [0, mapOf([2, 3])],
      [1, mapOf([8, 9])],
    ]),
  )
  const object = (t: number) =>
    [...likely.slice(t * width, (t + 1) * width).keys()].filter((x) => likely[t * width + x]! > 0.5)
  expect([0, 1, 2].map(object)).toEqual([
    [2, 3],
    [2, 3, 4, 5],
    [2, 3, 4, 5],
  ])
})
