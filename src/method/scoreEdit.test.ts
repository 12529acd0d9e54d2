import { expect, it } from 'vitest'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import { reduceMean, reshape, transpose } from '../engine/ops.js'
import type { FloatImage } from '../media/image.js'
import { everyAnswer, type GuidanceModel } from '../models/guidance.js'
import { resizePicture } from './clipViews.js'
import { scoreEdit } from './scoreEdit.js'

const runtime = createNodeRuntime({ device: 'cpu', threads: 1 })

/** What is said of a colour, as a direction in RGB. */
const words: Readonly<Record<string, readonly number[]>> = {
  red: [1, 0, 0],
  green: [0, 2, 0],
  grey: [1, 1, 1],
  dark: [0.1, 0.1, 0.1],
}

/** A guidance whose embeddings are mean colours, so that its scores can be worked out. */
const colours: GuidanceModel = {
  name: 'colours',
  answers: everyAnswer,
  embeddingWidth: 3,
  cell: 32,
  imageSize: 224,
  contextLength: 8,
  normalisation: { mean: [0, 0, 0], std: [1, 1, 1] },
  weights: new Map(),
  constants: new Set(),
  gainsByBatch: false,
  comparesTexts: true,
  embed: (views) => reshape(reduceMean(views, [2, 3]), [1, 3]),
  tokens: (image) => transpose(reshape(resizePicture(image, { height: 1, width: 2 }, true), [3, 2]), [1, 0]),
  relevancy: () => {
    throw new Error('not asked here')
  },
  relevancyText: (prompt) => prompt,
  tokenize: (text) => ({ ids: [text.length] }),
  encodeTexts: (texts) => Promise.resolve(Float32Array.from(texts.flatMap((text) => words[text]!))),
  holdTexts: (work) => work(),
}

/** Two halves of one colour each, side by side. */
function halves(left: readonly number[], right: readonly number[]): FloatImage {
  const [width, height] = [8, 6]
  return {
    width,
    height,
    channels: 3,
    data: Float32Array.from(
      { length: 3 * width * height },
      (_, i) => (i % width < width / 2 ? left : right)[Math.floor(i / (width * height))]!,
    ),
  }
}

const score = (photo: FloatImage, composite: FloatImage, prompt: string[], source: string[]) =>
  scoreEdit(photo, composite, { prompt, source }, false, colours, runtime)

it('takes the cosine of picture and prompt, of both changes, and the distance of the layouts', async () => {
  const photo = halves([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])
  const edited = halves([1, 0, 0], [0, 1, 0])
  const scores = await score(photo, edited, ['red'], ['grey'])
  // The edit is (.5, .5, 0) on the whole, the photo (.5, .5, .5).
  expect(scores.similarity).toBeCloseTo(Math.SQRT1_2, 4)
  // Change (0, 0, -.5) and text (0, -1, -1).
  expect(scores.directional).toBeCloseTo(Math.SQRT1_2, 4)
  // Two tokens, alike in the photo. In the edit each is 6/7 of its own half and 1/7 of the other, by the filter that
  // shrinks it: two of four entries fall.
  const cosine = (2 * 6 * 1) / (6 * 6 + 1 * 1)
  expect(Math.abs(scores.structureDistance - (1 - cosine) ** 2 / 2)).toBeLessThan(0.01)
})

it('averages over prompts and over pairs of prompt and source', async () => {
  const [photo, edited] = [halves([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]), halves([0.5, 1, 0.5], [0.5, 1, 0.5])]
  const both = await score(photo, edited, ['red', 'green'], ['grey', 'dark'])
  const [red, green] = [await score(photo, edited, ['red'], ['grey']), await score(photo, edited, ['green'], ['dark'])]
  expect(both.similarity).toBeCloseTo((red.similarity + green.similarity) / 2, 6)
  expect(both.directional).toBeCloseTo((red.directional + green.directional) / 2, 6)
  expect(green.directional).toBeGreaterThan(red.directional)
})

it('finds no direction where nothing changed', async () => {
  const photo = halves([0.5, 0.2, 0.1], [0.3, 0.5, 0.5])
  expect(await score(photo, photo, ['red'], ['grey'])).toMatchObject({ directional: 0, structureDistance: 0 })
})
