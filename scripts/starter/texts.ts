import { colours } from './colours.js'
import { finishes } from './finishes.js'
import { materials, substances } from './materials.js'
import { objectLabel } from './objectMasks.js'
import type { Layer, Look, ViewPlan } from './views.js'

/**
 * A text to contrast pictures with, and what it claims: a label (one of the pair's own texts) and an attribute (a
 * colour or a material). Null: says nothing of it.
 */
export interface Phrase {
  readonly text: string
  readonly label: string | null
  readonly attribute: string | null
}

/** What a photo shows: its pair's texts, and the colour or material it was given or is known to have. */
export interface Shown {
  readonly texts: readonly string[]
  readonly attribute: string | null
}

const templates = ['a photo of {}', 'an image of {}', 'a photo of a {}', 'photo of {}']
/**
 * How a photo's own texts are said, twice as they are: were a text always to come in the same template, the template
 * alone would tell of it.
 */
const ways = ['{}', '{}', ...templates]

export function shownIn(layer: Layer, { pairs }: ViewPlan): Shown {
  const pair = pairs[layer.pair]!
  return { texts: pair.texts, attribute: attributeOf(layer) ?? pair.color ?? null }
}

function attributeOf({ look }: Layer): string | null {
  if (look === null) return null
  if (look.of === 'finish') return finishes[look.index]!.names[0]!
  return { colour: colours, material: materials, substance: substances }[look.of][look.index]!.name
}

/** How a thing with the look is said: "{}" is the thing. */
export function formsOf(look: Look): readonly string[] {
  if (look.of === 'material') return materials[look.index]!.forms
  if (look.of === 'substance') return substances[look.index]!.forms
  if (look.of === 'finish') return finishes[look.index]!.forms
  const colour = colours[look.index]!
  if (colour.name === 'gold') return ['gold {}', 'golden {}', '{} made of gold']
  return 'metal' in colour ? [`${colour.name} {}`, `{} made of ${colour.name}`] : [`${colour.name} {}`]
}

/**
 * The texts that may stand for a photo. The forms of one phrase are few and always the same, so that all can be encoded
 * beforehand.
 */
export function phrasesOf(layer: Layer, { pairs }: ViewPlan): Phrase[] {
  const pair = pairs[layer.pair]!
  if (layer.look === null) {
    const known = pair.color ?? null
    const own = pair.texts.flatMap((text): Phrase[] =>
      said(text).map((form) => ({
        text: form,
        label: text,
        attribute: known !== null && text.includes(known) ? known : null,
      })),
    )
    return known === null ? own : [...own, ...said(known).map((text) => ({ text, label: null, attribute: known }))]
  }
  const attribute = attributeOf(layer)!
  const label = objectLabel(pair) ?? pair.texts[0]!
  const whole = layer.within === null
  const own = formsOf(layer.look).map((form): Phrase => {
    const phrase = form.replace('{}', label)
    return { text: hash(phrase) % 2 === 0 ? phrase : templated(phrase), label, attribute }
  })
  // Only what is all of one look is simply "red".
  return whole && hash(`${attribute} ${label}`) % 3 === 0
    ? [...own, { text: hash(label) % 2 === 0 ? attribute : templated(attribute), label: null, attribute }]
    : own
}

/**
 * `tells`: a text that is true of the picture, as exactly as can be. `maybe`: true but less exact, or not known.
 * `differs`: false.
 */
export function relation(phrase: Phrase, shown: Shown): 'tells' | 'maybe' | 'differs' {
  const sameLabel = phrase.label === null || shown.texts.includes(phrase.label)
  if (!sameLabel) return 'differs'
  if (phrase.attribute === null) return shown.attribute === null ? 'tells' : 'maybe'
  if (shown.attribute === null) return 'maybe'
  return phrase.attribute === shown.attribute ? 'tells' : 'differs'
}

function said(text: string): string[] {
  return ways.map((way) => way.replace('{}', text))
}

function templated(text: string): string {
  return templates[hash(text) % templates.length]!.replace('{}', text)
}

/** FNV-1a. */
function hash(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return (h ^ (h >>> 15)) >>> 0
}
