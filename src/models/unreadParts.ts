import { Text2LiveError } from '../errors.js'

/** What a text model cannot read of a text. */
export interface UnreadParts {
  /** As they stand in the text, in its order. */
  readonly parts: readonly string[]
  /** There is no other word in the text. */
  readonly whole: boolean
}

/** The vocabulary of a text model that was trained on English. */
interface WordVocabulary {
  /** Tokens of a text, without what frames it. */
  readonly tokens: (text: string) => readonly number[]
  /** The token that stands for what the vocabulary lacks. */
  readonly unknown: number
}

/**
 * Finds what such a model cannot read. A vocabulary of pieces of words has letters of many scripts, so that a word of
 * those has tokens of which the model knows nothing: such a word is unread unless it is a token itself, as symbols are
 * ("π"). So is a word in other forms of its letters ("ﬁre").
 * @returns null where all of the text is read
 */
export function findUnreadParts(text: string, vocabulary: WordVocabulary): UnreadParts | null {
  const parts: string[] = []
  let [read, end] = [0, -1]
  for (const { 0: unit, index } of text.matchAll(units)) {
    const tokens = vocabulary.tokens(unit)
    if (tokens.length === 0) continue
    if (!isUnread(unit, tokens, vocabulary)) {
      read++
      continue
    }
    // Signs of scripts without spaces between words are shown as they stand, side by side.
    if (index === end) parts.push(`${parts.pop() ?? ''}${unit}`)
    else parts.push(unit)
    end = index + unit.length
  }
  return parts.length === 0 ? null : { parts, whole: read === 0 }
}

/** Where a BERT looks for words: a Han sign is one, punctuation none. */
const units = /\p{Script=Han}|[^\s\p{P}\p{Script=Han}]+/gu
const foreignLetter = /[^\P{L}\p{Script=Latin}\p{Script=Common}\p{Script=Inherited}]/u

function isUnread(unit: string, tokens: readonly number[], { tokens: tokenize, unknown }: WordVocabulary): boolean {
  if (tokens.includes(unknown)) return true
  if (tokens.length > 1 && foreignLetter.test(unit)) return true
  const plain = unit.replace(/\p{L}/gu, (letter) => letter.normalize('NFKC'))
  return tokens.length > 1 && plain !== unit && tokenize(plain).join() !== tokens.join()
}

/** A model of which only its name and its tokenizer are asked. */
interface TextReader {
  readonly name: string
  readonly tokenize: (text: string) => { readonly unread?: UnreadParts }
}

/**
 * Checks texts as a person typed them, before they are put into templates.
 * @param onNote is told of each text of which a part means nothing to the model
 * @throws PROMPT_NOT_UNDERSTOOD for the first that the model can read nothing of
 */
export function checkTextsAreRead(
  model: TextReader,
  texts: readonly string[],
  onNote: (message: string) => void = () => undefined,
): void {
  for (const text of new Set(texts)) {
    const { unread } = model.tokenize(text)
    if (unread === undefined) continue
    if (unread.whole) throw notUnderstood(text, model.name)
    onNote(
      `the ${model.name} model cannot read ${quoted(unread.parts)} in ${JSON.stringify(shortened(text))}; it goes by the rest. It reads English words in Latin letters`,
    )
  }
}

export const notUnderstood = (text: string, model: string): Text2LiveError =>
  new Text2LiveError(
    'PROMPT_NOT_UNDERSTOOD',
    `Expected a text that the ${model} model can read; it knows no word of ${JSON.stringify(shortened(text))}${lookAlike(text)}, so any other such text would mean the same to it. ` +
      'It reads English words in Latin letters: say it in English.',
  )

const shortened = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}…` : text)

function quoted(parts: readonly string[]): string {
  const shown = [...new Set(parts)].map((part) => JSON.stringify(shortened(part)) + lookAlike(part))
  return shown.length > 8 ? `${shown.slice(0, 8).join(', ')} and ${shown.length - 8} more` : shown.join(', ')
}

/** Names the letter of another script in a word of Latin letters: to the eye the word is right. */
function lookAlike(part: string): string {
  const letter = /\p{Script=Latin}/u.test(part) ? foreignLetter.exec(part)?.[0] : undefined
  return letter === undefined
    ? ''
    : ` (its "${letter}" is U+${letter.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}, of another script)`
}
