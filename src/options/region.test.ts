import { describe, expect, it } from 'vitest'
import { regionTexts } from './region.js'
import { resolveSettings } from './resolveSettings.js'
import type { GivenOptions } from './imageOptions.js'

const of = (given: GivenOptions) => regionTexts(resolveSettings([{ prompt: 'golden teapot', ...given }], () => 0))

describe('the region', () => {
  it('is what was given, or nothing with "none"', () => {
    expect(of({ region: ['teapot', 'pot'], source: 'cup' })).toEqual(['teapot', 'pot'])
    expect(of({ region: 'none', source: 'teapot' })).toEqual([])
    expect(of({ region: ' None ' })).toEqual([])
    expect(() => of({ region: ['none', 'teapot'] })).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID' }) as Error,
    )
  })

  it('is else the source, or what prompt and photo agree on, where the object is asked for', () => {
    expect(of({ source: 'teapot' })).toEqual(['teapot'])
    expect(of({})).toBe('agreed')
    for (const given of [{ relevancy: 'edges' }, { preset: 'reference' }, { preset: 'paper' }] as const)
      expect(of({ ...given, source: 'teapot' })).toEqual([])
  })
})
