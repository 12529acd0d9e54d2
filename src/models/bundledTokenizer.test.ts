import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { beforeAll, describe, expect, it } from 'vitest'
import { createBundledTokenizer } from './bundledTokenizer.js'
import { unescapeHtml } from './cleanText.js'
import { byteVocabulary, clipTokenizerJson } from './clipTokenizer.js'
import { readBundledVocabulary } from './node/readBundledVocabulary.js'
import { createTextTokenizer } from './textTokenizer.js'
import type { TextTokenizer } from './textTokenizer.js'

const folder = new URL('../../test/fixtures/clipTokenizer/', import.meta.url)
const unpacked = async (name: string): Promise<unknown> =>
  JSON.parse(gunzipSync(await readFile(new URL(name, folder))).toString('utf8'))

/** Ids without begin and end; null where they are those of `simple`. */
interface Reference {
  texts: string[]
  simple: number[][]
  published: (number[] | null)[]
  converted: (number[] | null)[]
}
type Layout = Record<string, unknown> & { model: Record<string, unknown> }

const [begin, end] = [49406, 49407]
/** So long that every text of the fixture fits. */
const roomy = 10_000
const bytes = await readBundledVocabulary()
const reference = (await unpacked('texts.json.gz')) as Reference
let clip: TextTokenizer

beforeAll(async () => {
  clip = await createBundledTokenizer(bytes, roomy)
})

/** Texts whose ids are not those of the reference, with both. */
function differences(
  tokenize: TextTokenizer,
  wanted: readonly (readonly number[])[],
): { text: string; ids: readonly number[]; wanted: readonly number[] }[] {
  return reference.texts
    .map((text, i) => ({ text, ids: tokenize(text).ids, wanted: [begin, ...wanted[i]!, end] }))
    .filter(({ ids, wanted: ours }) => ids.join() !== ours.join())
}

it('has 2,000 different enough texts to compare', () => {
  expect(reference.texts).toHaveLength(2000)
  expect(new Set(reference.simple.map((ids) => ids.join())).size).toBeGreaterThan(1600)
  expect(reference.simple.filter((ids) => ids.length > 75).length).toBeGreaterThan(50)
  expect(reference.published.filter((ids) => ids !== null).length).toBeGreaterThan(500)
})

describe('the bundled vocabulary', () => {
  it('gives the ids of the published SimpleTokenizer for every text', () => {
    expect(differences(clip, reference.simple)).toEqual([])
  })

  it.each<[string, number[]]>([
    ['golden horse', [3878, 4558]],
    ['golden horse over a green screen.', [3878, 4558, 962, 320, 1901, 3750, 269]],
    ["swan rubik's cube!", [12530, 27856, 330, 568, 11353, 256]],
  ])('%j', (text, ids) => {
    expect(clip(text).ids).toEqual([begin, ...ids, end])
  })

  it('cuts over-long texts to what fits, as a text that gives the same ids by itself', async () => {
    const tokenize = await createBundledTokenizer(bytes)
    let cut = 0
    for (const [i, text] of reference.texts.entries()) {
      if (reference.simple[i]!.length < 70) continue
      const { ids, overflow } = tokenize(text)
      const tokens = reference.simple[i]!.length + 2
      expect(overflow?.tokens ?? ids.length, text).toBe(tokens)
      expect(ids.length, text).toBeLessThanOrEqual(77)
      if (!overflow) continue
      cut++
      expect(text.startsWith(overflow.kept)).toBe(true)
      expect(tokenize(overflow.kept)).toEqual({ ids })
    }
    expect(cut).toBe(reference.simple.filter((ids) => ids.length > 75).length)
  })

  it('is read unpacked too', async () => {
    const tokenize = await createBundledTokenizer(new Uint8Array(gunzipSync(bytes)))
    expect(tokenize('golden horse').ids).toEqual([begin, 3878, 4558, end])
  })

  it.each<[string, Uint8Array, string]>([
    [
      'cut short',
      new Uint8Array(gunzipSync(bytes)).subarray(0, 10_000),
      'to be 48894 different merges of two parts each, it has 1',
    ],
    ['a broken gzip file', bytes.subarray(0, 1000), 'to be a gzip file, it cannot be unpacked'],
    [
      'something else',
      new TextEncoder().encode('<!doctype html>\n'.repeat(60_000)),
      'to be 48894 different merges of two parts each, it has 1.',
    ],
  ])('is refused when it is %s', async (_, broken, problem) => {
    await expect(createBundledTokenizer(broken)).rejects.toMatchObject({
      code: 'GUIDANCE_INVALID',
      message: expect.stringContaining(problem) as string,
    })
  })
})

describe('folders of CLIP, with the whole vocabulary', async () => {
  const layouts = JSON.parse(await readFile(new URL('layouts.json', folder), 'utf8')) as Record<
    'published' | 'converted',
    Layout
  >
  const merges = gunzipSync(bytes).toString('utf8').split('\n').slice(1, 48895)
  const vocab = byteVocabulary(49408)
  merges.forEach((merge, i) => {
    vocab[merge.replace(' ', '')] = 512 + i
  })
  const wanted = (name: 'published' | 'converted'): number[][] =>
    reference[name].map((ids, i) => ids ?? reference.simple[i]!)
  // A special token in capitals that is all of a text, or all up to another one: once in lower case the package takes
  // it for the token.
  const capitals = /<\|(?:STARTOFTEXT|EndOfText)\|>/

  const tokenizerConfig = {
    add_prefix_space: false,
    do_lower_case: true,
    errors: 'replace',
    model_max_length: 77,
    pad_token: '<|endoftext|>',
    tokenizer_class: 'CLIPTokenizer',
  }

  it.each(['strings', 'pairs'])('give the ids of Hugging Face for a tokenizer.json with merges as %s', (form) => {
    const model = {
      ...layouts.published.model,
      vocab,
      merges: form === 'pairs' ? merges.map((merge) => merge.split(' ')) : merges,
    }
    const different = differences(
      createTextTokenizer({ ...layouts.published, model }, tokenizerConfig, roomy, 'published'),
      wanted('published'),
    )
    expect(different.filter(({ text }) => !capitals.test(text))).toEqual([])
    expect(different.length).toBeLessThan(5)
  })

  it('give the ids of Hugging Face for vocab.json and merges.txt', () => {
    const json = clipTokenizerJson(vocab, `#version: 0.2\n${merges.join('\n')}\n`)
    const different = differences(createTextTokenizer(json, {}, roomy, 'converted'), wanted('converted'))
    expect(different.filter(({ text }) => !capitals.test(text))).toEqual([])
    expect(different.length).toBeLessThan(5)
  })

  it('are made into the layout that Hugging Face makes of them', () => {
    const { truncation, padding, ...rest } = layouts.converted
    expect([truncation, padding]).toEqual([null, null])
    const made = clipTokenizerJson(vocab, '') as Layout
    const { byte_fallback: fallback, ...model } = rest.model
    expect(fallback).toBe(false)
    expect(made).toEqual({ ...rest, model: { ...model, vocab, merges: [] } })
  })
})

it("unescapes HTML as Python's html.unescape does", async () => {
  const pairs = (await unpacked('html.json.gz')) as [string, string][]
  expect(pairs.length).toBeGreaterThan(10_000)
  expect(pairs.map(([text]) => [text, unescapeHtml(text)]).filter(([, came], i) => came !== pairs[i]![1])).toEqual([])
})
