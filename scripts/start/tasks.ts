import { randomStream } from '../../src/engine/random.js'
import type { PairFolder } from '../starter/pairs.js'

/** What a task asks for: one picture and an edit of it. */
export interface Task {
  /** Index of the picture in the folder's pairs. */
  readonly pair: number
  readonly prompt: string
  readonly source: string
  readonly region: string
  readonly seed: number
  /** Where the square crop lies in the longer side, [0, 1]. */
  readonly place: number
}

const colours = [
  'red',
  'orange',
  'yellow',
  'green',
  'blue',
  'purple',
  'pink',
  'brown',
  'black',
  'white',
  'grey',
  'golden',
  'silver',
  'bronze',
  'copper',
  'turquoise',
  'dark blue',
  'pale blue',
  'maroon',
]
const materials = [
  'wooden',
  'leather',
  'knitted',
  'crochet',
  'marble',
  'brick',
  'stone',
  'rusty',
  'glass',
  'stained glass',
  'furry',
  'plastic',
  'paper',
  'ceramic',
  'metal',
  'chrome',
  'mossy',
  'icy',
  'snowy',
  'burning',
]
const phrases = [
  '{} made of wood',
  '{} made of gold',
  '{} made of ice',
  '{} made of glass',
  '{} made of stone',
  '{} made of leather',
  '{} covered in snow',
  '{} on fire',
  '{} made of marble',
  '{} made of flowers',
  '{} covered in moss',
  '{} made of chocolate',
]

/**
 * Photos of things with a ground around them, each labelled with one noun; drawings, faces and flat symbols are left
 * out.
 */
export function taskPairs(folder: PairFolder): number[] {
  const unsuited = /^(cartoon|face of a person|yin yang|dollar bill|model of a brain|trilobite)/
  return folder.pairs.flatMap(({ source, kind, texts }, i) =>
    source === 'caltech101' && kind === 'label' && !unsuited.test(texts[0]!) ? [i] : [],
  )
}

/** The k-th task: its own random stream, so that a training goes on from any task. */
export function drawTask(k: number, seed: number, folder: PairFolder, pairs: readonly number[]): Task {
  const random = randomStream(seed, 'task', k)
  const pick = <T>(list: readonly T[]): T => list[random.integer(0, list.length)]!
  const pair = pick(pairs)
  const texts = folder.pairs[pair]!.texts
  const noun = pick(texts.slice(0, 2)).replace(/^(red|yellow|wooden|brass) /, '')
  const kind = random.uniform(0, 1)
  const prompt =
    kind < 0.45
      ? `${pick(colours)} ${noun}`
      : kind < 0.75
        ? `${pick(materials)} ${noun}`
        : pick(phrases).replace('{}', noun)
  // Most people say what the photo shows; the others have "image".
  const source = random.uniform(0, 1) < 0.75 ? noun : 'image'
  return { pair, prompt, source, region: noun, seed: random.integer(0, 2 ** 31), place: random.uniform(0, 1) }
}
