import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createNodeRuntime } from '../../src/engine/node/createNodeRuntime.js'
import { randomStream } from '../../src/engine/random.js'
import { float32Tensor, writeSafetensors } from '../../src/formats/safetensors.js'
import { initialParameters } from '../../src/models/generator.js'
import {
  type LearnedStart,
  conditionedIndices,
  loadStart,
  readTexts,
  startParameters,
} from '../../src/models/learnedStart.js'
import { folderSource } from '../../src/models/node/folderSource.js'
import { noPhrases } from '../../src/models/phraseReading.js'
import { type Lesson, type Teaching, readTaught, teachStart } from './teachStart.js'
import { measureStart } from './measureStart.js'
import { exportStart } from './exportStart.js'
import { phraseTensors, randomStart, widened } from './trainStart.js'

const shape = { width: 8, skipWidth: 2, levels: 2 }
const names = ['netG.8.1.bias', 'netG.4.weight', 'netG.4.bias']
const embeddingWidth = 4
const start: LearnedStart = {
  shape,
  parameters: initialParameters(shape, 1),
  conditioned: {
    guidance: 'starter',
    embeddingWidth,
    names,
    weight: new Float32Array(conditionedIndices(shape, names).length * embeddingWidth),
    phrases: noPhrases,
  },
}

const size = 16
/** The fourth of netG.8.1.bias, which come first. */
const ALPHA_BIAS = 3
const looks = [
  { look: 'red', direction: Float32Array.of(1, 0, 0, 0), rgb: [0.9, 0.1, 0.1] },
  { look: 'blue', direction: Float32Array.of(0, 1, 0, 0), rgb: [0.1, 0.1, 0.9] },
] as const

/** Noise whose left half is to be red or blue, as the direction says. */
async function* lessons(from: number, count: number): AsyncGenerator<Lesson> {
  for (let i = from; i < from + count; i++) {
    const random = randomStream(3, 'lesson', i)
    const { look, direction, rgb } = looks[i % 2]!
    const n = size * size
    const photo = Float32Array.from({ length: 3 * n }, () => random.uniform(0, 1))
    const object = Float32Array.from({ length: n }, (_, at) => (at % size < size / 2 ? 1 : 0))
    const target = photo.map((x, at) => (object[at % n] === 1 ? rgb[Math.floor(at / n)]! : x))
    yield { look, size, photo, seen: photo, target, object, direction, literal: false }
  }
  await Promise.resolve()
}

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'text2live-teach-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** @returns what it said: a line for each checkpoint */
async function teach(
  name: string,
  then: (lines: number) => unknown = () => undefined,
  signal?: AbortSignal,
  given: Partial<Teaching> = {},
): Promise<string[]> {
  const said: string[] = []
  await teachStart({
    lessons,
    start,
    checkpoint: join(folder, name),
    steps: 160,
    learningRate: 0.05,
    between: 40,
    threads: 1,
    say: (line) => void then(said.push(line)),
    signal: signal ?? new AbortController().signal,
    ...given,
  })
  return said
}

test('a start learns to answer the direction of the words, and one that was stopped comes to the same bits', async () => {
  const said = await teach('whole')
  const colour = said.map((line) => Number(/colour (\S+)/.exec(line)![1]))
  // One picture for both directions, between red and blue, would be 0.13 away.
  expect(colour.at(-1)).toBeLessThan(0.07)

  const stop = new AbortController()
  await teach('parts', (lines) => lines === 2 && stop.abort(), stop.signal)
  expect(readTaught(join(folder, 'parts'), start).t).toBe(80)
  await teach('parts')
  expect(readTaught(join(folder, 'parts'), start)).toEqual(readTaught(join(folder, 'whole'), start))
})

test('a taught start leaves less of what its lessons show, look by look', async () => {
  await teach('measured')
  const { state } = readTaught(join(folder, 'measured'), start)
  const taught = {
    ...start,
    parameters: state.parameters,
    conditioned: { ...start.conditioned, weight: state.conditioned },
  }
  const runtime = createNodeRuntime({ device: 'cpu', threads: 1 })
  const before = await measureStart(start, lessons(1000, 6), runtime)
  const after = await measureStart(taught, lessons(1000, 6), runtime)
  expect(after.map(({ look, lessons: count }) => [look, count])).toEqual([
    ['blue', 3],
    ['red', 3],
  ])
  after.forEach(({ left }, i) => expect(left).toBeLessThan(0.7 * before[i]!.left))
  // A generator whose layer is transparent changes nothing.
  const still = { ...start, parameters: start.parameters.map((x, i) => (i === ALPHA_BIAS ? -1e3 : x)) }
  const unchanged = await measureStart(still, lessons(1000, 2), runtime)
  for (const { left } of unchanged) expect(left).toBeCloseTo(1, 5)
  const n = size * size
  for await (const { look, photo, target } of lessons(1000, 2)) {
    const off = photo.map((x, at) => x - target[at]!)
    const luma = off.reduce((sum, x, at) => sum + x * [0.299, 0.587, 0.114][Math.floor(at / n)]!, 0)
    const changed = off.reduce((sum, x) => sum + Math.abs(x), 0) / 3
    expect(unchanged.find((error) => error.look === look)!.level).toBeCloseTo(Math.abs(luma) / changed, 5)
  }
})

test('texts are read by the phrases, but for literal ones; those of a checkpoint are kept', async () => {
  const phrases = { texts: ['red {}', 'blue {}'], directions: Float32Array.of(1, 0, 0, 0, 0, 1, 0, 0) }
  const reading = { ...start, conditioned: { ...start.conditioned, phrases } }
  /** As the lessons are, with something in their texts that is not of the look. */
  const noisy = (literal: boolean) =>
    async function* (from: number, count: number): AsyncGenerator<Lesson> {
      for await (const lesson of lessons(from, count)) {
        const direction = lesson.direction.map((x, i) => (i === 2 ? -0.6 : 0.8 * x))
        yield { ...lesson, direction, literal }
      }
    }
  const taught = async (name: string, given: Partial<Teaching>) => {
    await teach(name, undefined, undefined, { steps: 4, between: 2, ...given })
    return readTaught(join(folder, name), start)
  }
  const clean = await taught('clean', {})
  const read = await taught('read', { start: reading, lessons: noisy(false) })
  expect(read.state).toEqual(clean.state)
  expect(read.phrases).toEqual(phrases)
  const plain = await taught('noisy', { lessons: noisy(false) })
  const literal = await taught('literal', { start: reading, lessons: noisy(true) })
  expect(literal.state).toEqual(plain.state)
  expect(literal.state).not.toEqual(read.state)

  // The rate falls with the share of the lessons that are done: two of four, then the others.
  const stop = new AbortController()
  await teach('kept', () => stop.abort(), stop.signal, { start: reading, lessons: noisy(false), steps: 4, between: 2 })
  expect(readTaught(join(folder, 'kept'), start).t).toBe(2)
  expect(await taught('kept', { lessons: noisy(false) })).toEqual(read)
})

test('an exported start loads with its phrases', async () => {
  const { parameters, conditioned } = randomStart(5)
  const phrases = {
    texts: ['red {}', '{} made of ice'],
    directions: Float32Array.from({ length: 2 * 256 }, (_, i) => (i === 3 || i === 256 + 7 ? 1 : 0)),
  }
  const tensors = new Map([
    ['parameters', float32Tensor([parameters.length], parameters)],
    ['conditioned', float32Tensor([conditioned.weight.length / 256, 256], conditioned.weight)],
    ...phraseTensors(phrases),
  ])
  const [checkpoint, out] = [join(folder, 'whole.safetensors'), join(folder, 'exported')]
  await writeFile(checkpoint, writeSafetensors(tensors, { k: '9', phrases: JSON.stringify(phrases.texts) }))
  await exportStart(checkpoint, 5, out)
  const loaded = await loadStart(await folderSource(out))
  expect(loaded.conditioned.phrases).toEqual(phrases)
  expect(loaded.conditioned.names).toEqual(conditioned.names)
  loaded.parameters.forEach((x, i) => expect(Math.abs(x - parameters[i]!)).toBeLessThan(1e-3))
})

test('a start with room for more offsets gives the same weights', () => {
  const full = { width: 64, skipWidth: 4, levels: 7 }
  const narrow: LearnedStart = {
    shape: full,
    parameters: initialParameters(full, 1),
    conditioned: {
      ...start.conditioned,
      weight: Float32Array.from({ length: conditionedIndices(full, names).length * embeddingWidth }, (_, i) => i / 1e3),
    },
  }
  const wide = widened(narrow)
  expect(wide.conditioned.names.length).toBeGreaterThan(names.length)
  expect(wide.conditioned.phrases).toBe(narrow.conditioned.phrases)
  const direction = Float32Array.of(1, -2, 3, 0.5)
  const bytes = (of: LearnedStart): Buffer => Buffer.from(startParameters(of, readTexts(of, direction)).buffer)
  expect(bytes(wide).equals(bytes(narrow))).toBe(true)
})
