import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { byteVocabulary, clipTokenizerJson } from './clipTokenizer.js'
import { createTextTokenizer, promptTooLong } from './textTokenizer.js'

const folder = new URL('../../test/fixtures/clipTokenizer/', import.meta.url)
const vocab = JSON.parse(await readFile(new URL('vocab.json', folder), 'utf8')) as Record<string, number>
const merges = await readFile(new URL('merges.txt', folder), 'utf8')
const clip = createTextTokenizer(clipTokenizerJson(vocab, merges), {}, 77, 'clipTokenizer')

describe('CLIP byte-pair encoding', () => {
  it.each<[string, number[]]>([
    ['golden horse', [49406, 3878, 4558, 49407]],
    ['photo of golden horse.', [49406, 1125, 539, 3878, 4558, 269, 49407]],
    ['golden horse over a green screen.', [49406, 3878, 4558, 962, 320, 1901, 3750, 269, 49407]],
    ['golden horse...', [49406, 3878, 4558, 678, 49407]],
    ["swan rubik's cube!", [49406, 12530, 27856, 330, 568, 11353, 256, 49407]],
    ['swarovski blue crystal swan', [49406, 28515, 1746, 6517, 12530, 49407]],
    ['  Golden\n\tHORSE ', [49406, 3878, 4558, 49407]],
    ['', [49406, 49407]],
  ])('%j', (text, ids) => {
    expect(clip(text)).toEqual({ ids })
  })

  it('reads merges that stand as pairs in tokenizer.json too', () => {
    const json = clipTokenizerJson(vocab, merges) as { model: { merges: string[] } }
    const pairs = { ...json, model: { ...json.model, merges: json.model.merges.map((line) => line.split(' ')) } }
    expect(createTextTokenizer(pairs, {}, 77, 'x')('golden horse').ids).toEqual([49406, 3878, 4558, 49407])
  })
})

describe('lower case', () => {
  it("is each character's own, as for Hugging Face: no final sigma", async () => {
    const starter = new URL('../../models/starter/', import.meta.url)
    const [json, config] = await Promise.all(
      ['tokenizer.json', 'tokenizer_config.json'].map(
        async (name) => JSON.parse(await readFile(new URL(name, starter), 'utf8')) as unknown,
      ),
    )
    const tokenize = createTextTokenizer(json, config, 77, 'starter')
    expect(tokenize('ΣΑΣ').ids).toEqual([101, 1173, 14608, 29733, 102])
    expect(tokenize('ΌΣΟΣ ΟΣ.').ids).toEqual([101, 1169, 29733, 29730, 29733, 1169, 29733, 1012, 102])
  })
})

describe('a text that does not fit', () => {
  const short = createTextTokenizer(clipTokenizerJson(vocab, merges), {}, 5, 'clipTokenizer')

  it('is cut after its last word that fits', () => {
    expect(short('golden horse swan')).not.toHaveProperty('overflow')
    expect(short('golden horse  blue swan.')).toEqual({
      ids: [49406, 3878, 4558, 1746, 49407],
      overflow: { tokens: 7, limit: 5, cutAt: 18, kept: 'golden horse  blue' },
    })
  })

  it('is cut within its first word when that alone is too long', () => {
    const bytes = createTextTokenizer(clipTokenizerJson(byteVocabulary(600), ''), {}, 6, 'bytes')
    expect(bytes('abcdefgh ij').overflow).toEqual({ tokens: 12, limit: 6, cutAt: 4, kept: 'abcd' })
    expect(bytes('ééé').overflow).toMatchObject({ kept: 'éé' })
    expect(bytes('🦢🦢').overflow).toMatchObject({ cutAt: 2, kept: '🦢' })
  })

  it('is always cut to a prefix whose tokens are the ids, and which fits by itself', () => {
    const bytes = createTextTokenizer(clipTokenizerJson(byteVocabulary(600), ''), {}, 12, 'bytes')
    let cut = 0
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 14 }), { maxLength: 8 }), (words) => {
        const text = words.join(' ')
        const { ids, overflow } = bytes(text)
        expect(ids.length).toBeLessThanOrEqual(12)
        if (!overflow) return
        cut++
        expect(text.startsWith(overflow.kept)).toBe(true)
        expect(text.slice(0, overflow.cutAt)).toBe(overflow.kept)
        expect(bytes(overflow.kept)).toEqual({ ids })
      }),
      { numRuns: 100 },
    )
    expect(cut).toBeGreaterThan(20)
  })

  it('is an error that shows the place', () => {
    const text = 'golden horse  blue swan.'
    const error = promptTooLong(text, short(text).overflow!)
    expect(error.code).toBe('PROMPT_TOO_LONG')
    expect(error.message).toBe(
      'Expected at most 5 tokens, which is what the text model reads; this text has 7. It would be cut at the bar, after character 18: ' +
        '"golden horse  blue| swan.". Shorten it, or pass --truncate to cut it there.',
    )
  })
})

describe('descriptions that cannot be used', () => {
  it.each<[string, unknown, string]>([
    ['a list', [], 'expected its tokenizer files to hold JSON objects'],
    ['no model', {}, 'cannot be used'],
    ['an unknown model', { model: { type: 'Nope', vocab: {} } }, 'cannot be used'],
    [
      'no begin and end',
      { ...clipTokenizerJson(vocab, merges), post_processor: null },
      'puts 0 tokens around an empty one',
    ],
  ])('%s', (_, json, problem) => {
    expect(() => createTextTokenizer(json, {}, 77, 'folder')).toThrow(
      expect.objectContaining({ code: 'GUIDANCE_INVALID', message: expect.stringContaining(problem) as string }),
    )
  })

  it('names the text that the vocabulary cannot spell', () => {
    const words = {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      vocab: { '<|startoftext|>': 0, '<|endoftext|>': 1, a: 2 },
    }
    const json = {
      ...clipTokenizerJson({ '<|startoftext|>': 0, '<|endoftext|>': 1 }, ''),
      pre_tokenizer: { type: 'BertPreTokenizer' },
      model: words,
    }
    const tokenizer = createTextTokenizer(json, {}, 77, 'folder')
    expect(tokenizer('a').ids).toEqual([0, 2, 1])
    expect(() => tokenizer('b')).toThrow('its vocabulary has no token for a part of "b"')
  })
})
