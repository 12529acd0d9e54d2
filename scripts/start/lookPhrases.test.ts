import { expect, test } from 'vitest'
import { createNodeRuntime } from '../../src/engine/node/createNodeRuntime.js'
import { loadGuidance } from '../../src/models/loadGuidance.js'
import { folderSource } from '../../src/models/node/folderSource.js'
import { colours } from '../starter/colours.js'
import { finishes } from '../starter/finishes.js'
import { materials, substances } from '../starter/materials.js'
import { lookForms, phraseDirections } from './lookPhrases.js'

test('every form by which lessons say a look is a phrase', () => {
  const forms = lookForms()
  for (const { names, forms: own } of finishes) for (const form of own) expect(forms, names[0]).toContain(form)
  for (const { name, forms: own } of [...materials, ...substances])
    for (const form of own) expect(forms, name).toContain(form)
  for (const { name } of colours) expect(forms).toContain(`${name} {}`)
  for (const form of ['red {}', 'golden {}', '{} made of ice', 'brick {}', '{} on fire']) expect(forms).toContain(form)
  expect(forms.filter((form) => form.split('{}').length !== 2)).toEqual([])
})

test('a phrase has the direction in which it changes the names of things, of others than it was said of too', async () => {
  const guidance = await loadGuidance(
    await folderSource('models/starter'),
    createNodeRuntime({ device: 'cpu', threads: 2 }),
  )
  const forms = ['red {}', 'golden {}', '{} made of wood', '{} covered in snow']
  const known = await phraseDirections(guidance, forms, ['vase', 'chair', 'horse', 'jacket'])
  const unknown = await phraseDirections(guidance, forms, ['bicycle', 'church'])
  const d = guidance.embeddingWidth
  const cosine = (i: number, k: number): number =>
    Array.from({ length: d }, (_, j) => known.directions[i * d + j]! * unknown.directions[k * d + j]!).reduce(
      (sum, x) => sum + x,
    )
  forms.forEach((form, i) =>
    forms.forEach((other, k) => {
      if (i === k) expect(cosine(i, k), form).toBeGreaterThan(0.8)
      else expect(cosine(i, k), `${form}, ${other}`).toBeLessThan(0.5)
    }),
  )
})
