import { describe, expect, it } from 'vitest'
import { colours } from './colours.js'
import { materials } from './materials.js'
import type { Pair } from './pairs.js'
import { phrasesOf, relation, shownIn } from './texts.js'
import { type Layer, everyPlainView, planViews } from './views.js'

const pair = (texts: string[], more: Partial<Pair> = {}): Pair => ({
  id: texts[0]!,
  shard: 'x',
  off: 0,
  len: 1,
  w: 128,
  h: 128,
  texts,
  kind: 'label',
  source: 'caltech101',
  ...more,
})
const plan = planViews(
  [
    pair(['tabby', 'cat']),
    pair(['red shirt', 'shirt'], { kind: 'caption', color: 'red' }),
    pair(['marble', 'marble texture'], { kind: 'texture', source: 'textures3d' }),
  ],
  2,
  {
    seed: 1,
    counts: everyPlainView,
  },
)
const layer = (index: number, more: Partial<Layer> = {}): Layer => ({
  pair: index,
  window: null,
  flip: false,
  look: null,
  within: null,
  ...more,
})
const gold = colours.findIndex(({ name }) => name === 'gold')
const marble = materials.findIndex(({ name }) => name === 'marble')
const blue = colours.findIndex(({ name }) => name === 'blue')
const tinted = (index: number) => ({ of: 'colour', index, shade: { hue: 0, light: 0 } }) as const
const say = (text: string, label: string | null, attribute: string | null) => ({ text, label, attribute })

describe('texts of a photo', () => {
  it('are its own, as written and in every template', () => {
    for (const label of ['tabby', 'cat']) {
      const texts = phrasesOf(layer(0), plan)
        .filter((phrase) => phrase.label === label)
        .map(({ text }) => text)
      expect(texts).toEqual([
        label,
        label,
        ...['a photo of', 'an image of', 'a photo of a', 'photo of'].map((start) => `${start} ${label}`),
      ])
    }
  })

  it('say the colour or the material that it was given', () => {
    const texts = phrasesOf(layer(0, { look: tinted(gold) }), plan).map(({ text }) => text)
    for (const said of ['gold tabby', 'golden tabby', 'tabby made of gold'])
      expect(texts.some((text) => text.endsWith(said))).toBe(true)
    for (const { text, attribute } of phrasesOf(
      layer(0, { look: { of: 'material', index: marble, picture: 2 } }),
      plan,
    )) {
      expect(text).toContain('marble')
      expect(attribute).toBe('marble')
    }
  })

  it('name the colour alone only where a person named it or all of the photo has it', () => {
    expect(phrasesOf(layer(1), plan)).toContainEqual(say('red', null, 'red'))
    const ellipse = { x: 0.5, y: 0.5, rx: 0.3, ry: 0.3 }
    for (let index = 0; index < colours.length; index++) {
      expect(
        phrasesOf(layer(0, { look: tinted(index), within: ellipse }), plan).every(({ label }) => label === 'tabby'),
      ).toBe(true)
    }
  })
})

describe('what a text tells of a photo', () => {
  const cat = shownIn(layer(0), plan)
  const blueCat = shownIn(layer(0, { look: tinted(blue) }), plan)
  const redShirt = shownIn(layer(1), plan)
  it.each([
    ['its label', say('a photo of cat', 'cat', null), cat, 'tells'],
    ['another label', say('dog', 'dog', null), cat, 'differs'],
    ['label and colour', say('blue cat', 'cat', 'blue'), blueCat, 'tells'],
    ['the label without the colour', say('cat', 'cat', null), blueCat, 'maybe'],
    ['another colour', say('red cat', 'cat', 'red'), blueCat, 'differs'],
    ['a colour that nobody named', say('red cat', 'cat', 'red'), cat, 'maybe'],
    ['a colour alone', say('blue', null, 'blue'), blueCat, 'tells'],
    ['a colour alone, of what may have it', say('blue', null, 'blue'), cat, 'maybe'],
    ['a colour that a person named otherwise', say('blue', null, 'blue'), redShirt, 'differs'],
    ['another label in the same colour', say('blue dog', 'dog', 'blue'), blueCat, 'differs'],
  ] as const)('%s', (_, phrase, shown, expected) => {
    expect(relation(phrase, shown)).toBe(expected)
  })
})
