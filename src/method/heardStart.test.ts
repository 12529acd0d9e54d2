import { describe, expect, it } from 'vitest'
import { toyStart } from '../../test/support/toyStart.js'
import type { GuidanceModel } from '../models/guidance.js'
import { hearStart, heardVectors, heldSettings, startNote } from './heardStart.js'

const shape = { width: 4, skipWidth: 2, levels: 1 }
const start = toyStart(shape, 'starter', 2)
/** What is asked of a model: its name and its width. */
const model = (name: string, embeddingWidth = 2) => ({ name, embeddingWidth }) as GuidanceModel
const target = (...data: number[]) => ({
  direction: { shape: [1, data.length] as const, data: Float32Array.from(data) },
})

describe('a start that a run hears', () => {
  it('reads the texts of its own model, whichever of them that is', () => {
    const own = hearStart(start, shape, [model('starter')], [target(0, 3)])!
    expect(own.reading).toEqual({ direction: Float32Array.of(0, 1), heard: [], share: 1 })
    const two = [model('clip'), model('starter2')]
    expect(hearStart(start, shape, two, [target(1, 0), target(0, 2)])).toEqual(own)
    expect(heardVectors(own).parameters).not.toEqual(start.parameters)
  })

  it('is the same for all texts of another model, holds nothing then, and says so', () => {
    for (const other of [model('clip'), model('starter', 3)]) {
      const heard = hearStart(start, shape, [other], [target(0, 1)])!
      expect(heard.reading).toBeNull()
      expect(heardVectors(heard).parameters).toEqual(start.parameters)
      expect(heldSettings({ lambdaColour: 100, steps: 2 }, heard)).toEqual({ lambdaColour: 0, steps: 2 })
      const note = 'start: learned with the starter model; with another one it is the same for all texts'
      expect(startNote(start, shape, heard, { lambdaColour: 100 })).toBe(`${note}; the edit is not held to its colours`)
      expect(startNote(start, shape, heard, { lambdaColour: 0 })).toBe(note)
    }
  })

  it('is none of a generator of another shape, which is said, and none where none was given', () => {
    const other = { ...shape, width: 8 }
    expect(hearStart(start, other, [model('starter')], [target(0, 1)])).toBeNull()
    expect(startNote(start, other, null, { lambdaColour: 100 })).toMatch(/^start: random, since .* 4 channels/)
    expect(hearStart(null, shape, [model('starter')], [target(0, 1)])).toBeNull()
    expect(startNote(undefined, shape, null, { lambdaColour: 100 })).toBeNull()
    expect(heldSettings({ lambdaColour: 100 }, null)).toEqual({ lambdaColour: 0 })
  })
})
