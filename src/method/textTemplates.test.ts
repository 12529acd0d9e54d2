import { expect, it } from 'vitest'
import { fillTemplates, screenTemplates, textTemplates } from './textTemplates.js'

it('are the 14 of the supplement and the two of the published code', () => {
  expect(fillTemplates(['ice'], textTemplates)).toEqual([
    'photo of ice.',
    'high quality photo of ice.',
    'a photo of ice.',
    'the photo of ice.',
    'image of ice.',
    'an image of ice.',
    'high quality image of ice.',
    'a high quality image of ice.',
    'the ice.',
    'a ice.',
    'ice.',
    'ice',
    'ice!',
    'ice...',
  ])
  expect(fillTemplates(['ice'], screenTemplates)).toEqual([
    'ice over a green screen.',
    'ice in front of a green screen.',
  ])
})

it('take prompts in turn, each in every template, and prompts as they are', () => {
  expect(fillTemplates(['a', 'b'], ['{}!', 'the {}'])).toEqual(['a!', 'the a', 'b!', 'the b'])
  expect(fillTemplates(['$& of $1'], ['the {}.'])).toEqual(['the $& of $1.'])
  expect(fillTemplates([], textTemplates)).toEqual([])
})
