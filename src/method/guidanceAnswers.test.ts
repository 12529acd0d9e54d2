import { expect, it } from 'vitest'
import { everyAnswer, type GuidanceAnswers } from '../models/guidance.js'
import { resolveSettings } from '../options/resolveSettings.js'
import { answerableRegion } from './guidanceAnswers.js'

const settings = resolveSettings([{ prompt: ['golden teapot'] }], () => 0)
const model = (name: string, answers: Partial<GuidanceAnswers>) => ({
  name,
  answers: { texts: false, structure: false, relevancy: false, ...answers },
})
const starter = { name: 'starter', answers: everyAnswer }

it('takes the region as it was asked where the models together answer everything', () => {
  const notes: string[] = []
  const ask = (region: readonly string[] | 'agreed') =>
    answerableRegion([model('layout', { structure: true }), starter], settings, region, (note) => notes.push(note))
  expect(ask(['teapot'])).toEqual(['teapot'])
  expect(ask('agreed')).toBe('agreed')
  expect(notes).toEqual([])
})

it('refuses a run whose texts nobody reads, or whose region nobody finds', () => {
  expect(() => answerableRegion([model('layout', { structure: true })], settings, [])).toThrow(
    expect.objectContaining({
      code: 'GUIDANCE_INCAPABLE',
      message: expect.stringContaining('none of layout reads texts') as string,
    }),
  )
  expect(() => answerableRegion([model('words', { texts: true })], settings, ['teapot'])).toThrow('--region none')
  const silent = { ...settings, lambdaComposition: 0, lambdaDirectional: 0, lambdaScreen: 0 }
  expect(answerableRegion([model('layout', { structure: true })], silent, [])).toEqual([])
})

it('tells of a structure loss that is left out, and of a region that is not looked for', () => {
  const notes: string[] = []
  const words = [model('words', { texts: true })]
  expect(answerableRegion(words, settings, 'agreed', (note) => notes.push(note))).toEqual([])
  expect(notes).toEqual([
    expect.stringContaining('structure loss: weight 0, since none of words'),
    expect.stringContaining('region: none, since none of words'),
  ])
  expect(answerableRegion(words, { ...settings, lambdaStructure: 0 }, [], (note) => notes.push(note))).toEqual([])
  expect(notes).toHaveLength(2)
})
