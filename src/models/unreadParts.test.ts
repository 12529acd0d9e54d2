import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import { embedRegion, embedTexts } from '../method/textTargets.js'
import { createBundledTokenizer } from './bundledTokenizer.js'
import type { GuidanceModel } from './guidance.js'
import { loadGuidance } from './loadGuidance.js'
import { folderSource } from './node/folderSource.js'
import { readBundledVocabulary } from './node/readBundledVocabulary.js'

let starter: GuidanceModel
beforeAll(async () => {
  const folder = fileURLToPath(new URL('../../models/starter', import.meta.url))
  starter = await loadGuidance(await folderSource(folder), createNodeRuntime({ device: 'cpu', threads: 1 }))
})

describe('what the starter model cannot read', () => {
  it.each([
    '茶壶',
    '飞机',
    '茶壶!',
    'чайник',
    'τσαγιέρα',
    'إبريق الشاي',
    'קומקום',
    'กาน้ำชา',
    '주전자',
    'ティーポット',
    'चायदानी',
    '🫖',
    '🫖 🫖',
    'ｔｅａｐｏｔ',
    '𝓽𝓮𝓪𝓹𝓸𝓽',
    't\u0435apot',
  ])('nothing of %s', (text) => {
    expect(starter.tokenize(text).unread?.whole).toBe(true)
  })

  it.each([
    ['golden 茶壶', ['茶壶']],
    ['a teapot, 飞机 and чайник', ['飞机', 'чайник']],
    ['golden t\u0435apot', ['t\u0435apot']],
    ['teapot🫖 of gold', ['teapot🫖']],
    ['gold 🫖', ['🫖']],
    ['golden ｔｅａｐｏｔ', ['ｔｅａｐｏｔ']],
    ['on \ufb01re', ['\ufb01re']],
  ])('a part of %s', (text, parts) => {
    expect(starter.tokenize(text).unread).toEqual({ parts, whole: false })
  })

  it.each([
    'golden teapot',
    'GOLDEN Teapot',
    'théière',
    'the\u0301ie\u0300re',
    'Straße',
    'smørrebrød',
    'Việt Nam',
    'π',
    '★ 100 %',
    '25° "wow"!',
    'teapot™',
    '10€',
    'well-known',
    '...',
    '',
  ])('all of %s is read', (text) => {
    expect(starter.tokenize(text).unread).toBeUndefined()
  })

  it('is an error or a note, before a text is put into templates', async () => {
    const notes: string[] = []
    const texts = { prompt: ['golden teapot'], screen: ['golden teapot'], source: ['teapot'], region: ['teapot'] }
    for (const name of ['prompt', 'screen', 'source', 'region'] as const) {
      await expect(embedTexts(starter, { ...texts, [name]: ['teapot', '茶壶'] }, false), name).rejects.toMatchObject({
        code: 'PROMPT_NOT_UNDERSTOOD',
        message: expect.stringContaining('"茶壶"') as string,
      })
    }
    await expect(embedRegion(starter, ['чайник'], false)).rejects.toMatchObject({ code: 'PROMPT_NOT_UNDERSTOOD' })
    await expect(starter.encodeTexts(['茶壶'])).rejects.toMatchObject({ code: 'PROMPT_NOT_UNDERSTOOD' })
    await embedRegion(starter, ['golden 茶壶', 'golden 茶壶'], false, (message) => notes.push(message))
    expect(notes).toEqual([expect.stringMatching(/^the starter model cannot read "茶壶" in "golden 茶壶"/)])
    await expect(embedRegion(starter, ['t\u0435apot'], false)).rejects.toMatchObject({
      message: expect.stringContaining('U+0435') as string,
    })
    await embedRegion(starter, ['golden théière'], false, (message) => notes.push(message))
    expect(notes).toHaveLength(1)
  })
})

it('CLIP has tokens for every text: nothing is said', async () => {
  const tokenize = await createBundledTokenizer(await readBundledVocabulary())
  for (const text of ['茶壶', '🫖', 'чайник']) expect(tokenize(text).unread).toBeUndefined()
})
