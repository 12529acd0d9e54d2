import { gunzipSync, strFromU8 } from 'fflate'
import { Text2LiveError } from '../errors.js'
import { cleanText } from './cleanText.js'
import { byteVocabulary, clipBegin, clipEnd, clipTokenizerJson } from './clipTokenizer.js'
import { fitTexts, loadTokenizer } from './textTokenizer.js'
import type { TextTokenizer } from './textTokenizer.js'

/** Tokens of CLIP: 512 bytes, merges, begin and end. */
const vocabularySize = 49408
const mergeCount = vocabularySize - 514

/**
 * CLIP's own tokenizer (`clip/simple_tokenizer.py`), for weights that come without `tokenizer.json`: OpenAI's `.pt`
 * files. Words are looked for in the whole cleaned text, special tokens included, as there; their bytes are merged as a
 * `tokenizer.json` says.
 * @param vocabulary bytes of `models/clip-bpe/bpe_simple_vocab_16e6.txt.gz`, or of the text in it: some web servers
 *   unpack it on the way
 * @param contextLength tokens that fit, begin and end included
 * @throws GUIDANCE_INVALID when these are not those bytes
 */
export async function createBundledTokenizer(vocabulary: Uint8Array, contextLength = 77): Promise<TextTokenizer> {
  // Large, and wanted for such weights only.
  const { fix_text: fixText } = await import('ftfy-js')
  const merges = readMerges(vocabulary)
  const ids = byteVocabulary(vocabularySize)
  merges.forEach((merge, i) => {
    ids[merge.replace(' ', '')] = 512 + i
  })
  const specials = new Map([clipBegin, clipEnd].map((token) => [token, ids[token]!]))
  const words = loadTokenizer(
    {
      ...clipTokenizerJson(ids, merges.join('\n')),
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
    },
    {},
    'the bundled vocabulary',
  )
  const tokens = (word: string): number[] => {
    const special = specials.get(word)
    return special === undefined ? words.encode(word, { add_special_tokens: false }).ids : [special]
  }
  return fitTexts({ begin: specials.get(clipBegin)!, end: specials.get(clipEnd)!, contextLength }, (text) =>
    (cleanText(text, fixText).match(word) ?? []).flatMap(tokens),
  )
}

/**
 * A word, a digit or a run of other characters. The published pattern ignores case, by which an "ſ" is an "s" and
 * U+0345, whose capital is a letter, is nothing at all. After cleaning, the space is the only whitespace.
 */
const word = /<\|[sſ]tartoftext\|>|<\|endoftext\|>|'[sſ]|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^ \p{L}\p{N}\u0345]+/gu

/** The lines after the first that are CLIP's; the file goes on with merges that it does not use. */
function readMerges(vocabulary: Uint8Array): string[] {
  const lines = strFromU8(unpack(vocabulary))
    .split('\n')
    .slice(1, mergeCount + 1)
  const merges = new Set(lines.filter((line) => line.split(' ').length === 2))
  if (merges.size < mergeCount)
    throw unusable(`${mergeCount} different merges of two parts each, it has ${merges.size}`)
  return lines
}

/** Bytes, unpacked: the file has 3.2 MB. */
export const longestVocabulary = 2 ** 24

function unpack(bytes: Uint8Array): Uint8Array {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes
  try {
    // The package writes no more than its array holds.
    return gunzipSync(bytes, { out: new Uint8Array(longestVocabulary) })
  } catch (error) {
    throw unusable(`a gzip file, it cannot be unpacked (${error instanceof Error ? error.message : String(error)})`)
  }
}

function unusable(expectation: string): Text2LiveError {
  return new Text2LiveError(
    'GUIDANCE_INVALID',
    `Expected CLIP's vocabulary bpe_simple_vocab_16e6.txt.gz to be ${expectation}. Take the file of the package.`,
  )
}
