import { Tokenizer } from '@huggingface/tokenizers'
import { Text2LiveError } from '../errors.js'
import { findUnreadParts, notUnderstood, type UnreadParts } from './unreadParts.js'

/** Where a text is cut to fit the context of a text tower. */
export interface TextOverflow {
  /** Tokens of the whole text, begin and end included. */
  readonly tokens: number
  /** Tokens that fit. */
  readonly limit: number
  /** The part that is kept: `text.slice(0, cutAt)`. */
  readonly cutAt: number
  readonly kept: string
}

export interface TokenizedText {
  /** Token ids of the text, or of the part that is kept; begin and end included. */
  readonly ids: readonly number[]
  /** Present when the text is too long. */
  readonly overflow?: TextOverflow
  /**
   * Present when the vocabulary has no words for a part of the text. Byte-level vocabularies, CLIP's, have tokens for
   * everything.
   */
  readonly unread?: UnreadParts
}

export type TextTokenizer = (text: string) => TokenizedText

/**
 * The tokenizer that a Hugging Face `tokenizer.json` describes (BPE of CLIP, WordPiece of BERT). A text too long is cut
 * at the end of its last word that fits, so that the kept part can be shown and typed again; a single endless word is
 * cut within.
 * @param contextLength tokens that fit, begin and end included
 * @throws GUIDANCE_INVALID when the description cannot be used
 */
export function createTextTokenizer(
  tokenizerJson: unknown,
  tokenizerConfig: unknown,
  contextLength: number,
  location: string,
): TextTokenizer {
  const tokenizer = loadTokenizer(tokenizerJson, tokenizerConfig, location)
  const frame = tokenizer.encode('').ids
  const [begin, end] = frame
  if (frame.length !== 2 || begin === undefined || end === undefined) {
    throw invalid(
      location,
      `expected it to put one begin and one end token around a text, it puts ${frame.length} tokens around an empty one`,
    )
  }
  const tokens = (text: string): readonly number[] => {
    const { ids } = tokenizer.encode(text, { add_special_tokens: false })
    if (ids.some((id) => !Number.isInteger(id)))
      throw invalid(location, `its vocabulary has no token for a part of ${JSON.stringify(text)}`)
    return ids
  }
  const fitted = fitTexts({ begin, end, contextLength }, tokens)
  const unknown = unknownToken(tokenizerJson, tokenizer)
  if (unknown === undefined || unknown === begin || unknown === end) return fitted
  return (text) => {
    const unread = findUnreadParts(text, { tokens, unknown })
    return { ...fitted(text), ...(unread === null ? {} : { unread }) }
  }
}

/** The token for what the vocabulary lacks, of the model of words that BERT has. */
function unknownToken(tokenizerJson: unknown, tokenizer: Encoder): number | undefined {
  const { model } = tokenizerJson as { readonly model?: { readonly type?: unknown; readonly unk_token?: unknown } }
  return model?.type === 'WordPiece' && typeof model.unk_token === 'string'
    ? tokenizer.token_to_id(model.unk_token)
    : undefined
}

/** What stands around the tokens of a text, and how many fit, both included. */
interface TextFrame {
  readonly begin: number
  readonly end: number
  readonly contextLength: number
}

/** The tokenizer that puts the ids `inner` gives between begin and end, and cuts what does not fit. */
export function fitTexts(
  { begin, end, contextLength }: TextFrame,
  inner: (text: string) => readonly number[],
): TextTokenizer {
  const limit = contextLength - 2
  return (text) => {
    const ids = inner(text)
    if (ids.length <= limit) return { ids: [begin, ...ids, end] }
    const kept = longestPrefix(text, limit, inner)
    return {
      ids: [begin, ...inner(kept), end],
      overflow: { tokens: ids.length + 2, limit: contextLength, cutAt: kept.length, kept },
    }
  }
}

/**
 * Token ids of every text.
 * @throws PROMPT_TOO_LONG for the first that does not fit, unless `truncate`; PROMPT_NOT_UNDERSTOOD for the first of
 *   which nothing is read
 */
export function tokenizeAll(
  texts: readonly string[],
  { name, tokenize }: { readonly name: string; readonly tokenize: TextTokenizer },
  truncate: boolean,
): (readonly number[])[] {
  return texts.map((text) => {
    const { ids, overflow, unread } = tokenize(text)
    if (unread?.whole === true) throw notUnderstood(text, name)
    if (overflow && !truncate) throw promptTooLong(text, overflow)
    return ids
  })
}

/** The error for a text that does not fit, with the place where it would be cut marked by a bar. */
export function promptTooLong(text: string, { tokens, limit, cutAt }: TextOverflow): Text2LiveError {
  const before = text.slice(0, cutAt)
  const after = text.slice(cutAt)
  const shown = `${before.length > 400 ? `…${before.slice(-400)}` : before}|${after.length > 80 ? `${after.slice(0, 80)}…` : after}`
  return new Text2LiveError(
    'PROMPT_TOO_LONG',
    `Expected at most ${limit} tokens, which is what the text model reads; this text has ${tokens}. It would be cut at the bar, after ` +
      `character ${cutAt}: "${shown}". Shorten it, or pass --truncate to cut it there.`,
  )
}

/**
 * Words never share a token, so the longest run of whole words that fits is found by halving; then characters, if not
 * even one word fits.
 */
function longestPrefix(text: string, limit: number, inner: (text: string) => readonly number[]): string {
  const wordEnds = Array.from(text.matchAll(/\S+/gu), (match) => match.index + match[0].length)
  const words = halve(wordEnds.length, (count) => inner(text.slice(0, wordEnds[count - 1])).length <= limit)
  if (words > 0) return text.slice(0, wordEnds[words - 1])
  const characters = Array.from(text)
  let count = halve(characters.length, (n) => inner(characters.slice(0, n).join('')).length <= limit)
  while (count > 0 && inner(characters.slice(0, count).join('')).length > limit) count--
  return characters.slice(0, count).join('')
}

/** The largest n in [0, count] that `fits`, where whatever fits also fits with less. */
function halve(count: number, fits: (n: number) => boolean): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (fits(middle)) low = middle
    else high = middle - 1
  }
  return low
}

/**
 * What we use of the package. Its own declarations import without file endings, so that Node's module rules find none
 * of them.
 */
interface Encoder {
  encode(text: string, options?: { add_special_tokens: boolean }): { ids: number[] }
  token_to_id(token: string): number | undefined
}
const HuggingFaceTokenizer = Tokenizer as unknown as new (tokenizerJson: object, tokenizerConfig: object) => Encoder

/** @throws GUIDANCE_INVALID when the description cannot be used */
export function loadTokenizer(tokenizerJson: unknown, tokenizerConfig: unknown, location: string): Encoder {
  if (!isObject(tokenizerJson) || !isObject(tokenizerConfig))
    throw invalid(location, 'expected its tokenizer files to hold JSON objects')
  try {
    const optional = { added_tokens: [], decoder: null, post_processor: null, pre_tokenizer: null, normalizer: null }
    const description = { ...optional, ...tokenizerJson }
    const steps = {
      normalizer: asReference(description.normalizer),
      pre_tokenizer: asReference(description.pre_tokenizer),
    }
    return new HuggingFaceTokenizer({ ...description, ...steps }, tokenizerConfig)
  } catch (error) {
    throw invalid(location, error instanceof Error ? error.message : String(error))
  }
}

/**
 * Two steps of Hugging Face's reference that the package takes otherwise. The reference makes each character lower case
 * by itself: no final sigma, which JavaScript writes at the end of a word. And U+FEFF is no whitespace where it looks
 * for words.
 */
function asReference(step: unknown): unknown {
  if (!isObject(step)) return step
  if ('normalizers' in step && Array.isArray(step.normalizers))
    return { ...step, normalizers: step.normalizers.map(asReference) }
  if ('pretokenizers' in step && Array.isArray(step.pretokenizers))
    return { ...step, pretokenizers: step.pretokenizers.map(asReference) }
  if (!('type' in step)) return step
  const makesLower =
    step.type === 'Lowercase' || (step.type === 'BertNormalizer' && 'lowercase' in step && step.lowercase === true)
  if (makesLower)
    return { type: 'Sequence', normalizers: [{ type: 'Replace', pattern: { String: 'Σ' }, content: 'σ' }, step] }
  const looksForWords = step.type === 'ByteLevel' && (!('use_regex' in step) || step.use_regex === true)
  if (!looksForWords || ('add_prefix_space' in step && step.add_prefix_space === true)) return step
  return { type: 'Sequence', pretokenizers: [byteLevelWords, { ...step, use_regex: false }] }
}

/** The words of `ByteLevel`: GPT-2's. */
const byteLevelWords = {
  type: 'Split',
  behavior: 'Removed',
  invert: true,
  pattern: { Regex: "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+" },
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function invalid(location: string, problem: string): Text2LiveError {
  return new Text2LiveError(
    'GUIDANCE_INVALID',
    `The tokenizer in ${location} cannot be used: ${problem}. Copy or download the model's tokenizer files again.`,
  )
}
