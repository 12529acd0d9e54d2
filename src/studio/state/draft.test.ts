import { describe, expect, it } from 'vitest'
import { resolveSettings } from '../../options/resolveSettings.js'
import { photoDraft } from './draft.js'

describe('the edit that is described', () => {
  it('says of recalled settings only what would be another without being said', () => {
    const draft = photoDraft()
    draft.recall(resolveSettings([{ photo: 'p.jpg', prompt: ['golden teapot'], preset: 'preview', steps: 7 }], () => 5))
    expect(draft.preset.value).toBe('preview')
    expect(draft.said.value).toEqual({ steps: 7 })
  })

  it('tells of an option that follows another what that one is', () => {
    const draft = photoDraft()
    draft.say('steps', 30)
    expect(draft.defaultOf('bootstrapSteps')).toBe(30)
    draft.say('bootstrapSteps', 4)
    expect(draft.options.value).toMatchObject({ steps: 30, bootstrapSteps: 4 })
  })
})
