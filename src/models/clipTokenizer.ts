/** Where the vocabulary keeps what frames a text. */
export const clipBegin = '<|startoftext|>'
export const clipEnd = '<|endoftext|>'

/**
 * The `tokenizer.json` of CLIP's lower-cased byte-pair encoding, from its older form: `vocab.json` (token -> id) and
 * the lines of `merges.txt`.
 * @throws RangeError when the vocabulary lacks the begin or end token
 */
export function clipTokenizerJson(vocab: Readonly<Record<string, number>>, merges: string): object {
  const [begin, end] = [vocab[clipBegin], vocab[clipEnd]]
  if (begin === undefined || end === undefined)
    throw new RangeError(`vocab.json has no ${begin === undefined ? clipBegin : clipEnd}`)
  const special = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }
  return {
    version: '1.0',
    added_tokens: [
      { id: begin, content: clipBegin, ...special },
      { id: end, content: clipEnd, ...special },
    ],
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFC' },
        { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
        { type: 'Lowercase' },
      ],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        {
          type: 'Split',
          behavior: 'Removed',
          invert: true,
          pattern: { Regex: "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+" },
        },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: {
      type: 'RobertaProcessing',
      sep: [clipEnd, end],
      cls: [clipBegin, begin],
      trim_offsets: false,
      add_prefix_space: false,
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: clipEnd,
      continuing_subword_prefix: '',
      end_of_word_suffix: '</w>',
      fuse_unk: false,
      vocab,
      merges: merges.split('\n').filter((line) => line !== '' && !line.startsWith('#version')),
    },
  }
}

/**
 * CLIP's vocabulary before any merge: each byte, each byte that ends a word, begin and end as the last two of `size`
 * ids.
 */
export function byteVocabulary(size: number): Record<string, number> {
  const bytes = byteCharacters().sort()
  return Object.fromEntries([
    ...bytes.map((character, i) => [character, i] as const),
    ...bytes.map((character, i) => [`${character}</w>`, 256 + i] as const),
    [clipBegin, size - 2],
    [clipEnd, size - 1],
  ])
}

/**
 * The printable character that stands for each byte in byte-level vocabularies: itself where Latin-1 prints it, else
 * one from U+0100 on.
 */
function byteCharacters(): string[] {
  let spare = 256
  return Array.from({ length: 256 }, (_, byte) => {
    const prints = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174
    return String.fromCodePoint(prints ? byte : spare++)
  })
}
