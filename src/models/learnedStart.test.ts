import { describe, expect, it } from 'vitest'
import { float32Tensor, writeSafetensors } from '../formats/safetensors.js'
import { memorySource } from './fileSource.js'
import { parameterCount } from './generator.js'
import {
  type LearnedStart,
  conditionedIndices,
  loadStart,
  readTexts,
  startFits,
  startParameters,
} from './learnedStart.js'

const shape = { width: 4, skipWidth: 2, levels: 2 }
const count = parameterCount(shape)
const names = ['netG.4.bias', 'netG.8.1.bias']

function folder(config: object = {}, rows = 8, phrases?: Float32Array) {
  const parameters = Float32Array.from({ length: count }, (_, i) => i / count)
  const weight = Float32Array.from({ length: rows * 3 }, (_, i) => i)
  const text = JSON.stringify({
    format: 'text2live-start-1',
    generator: shape,
    conditioned: { guidance: 'starter', embedding_width: 3, names },
    ...config,
  })
  const file = writeSafetensors(
    new Map([
      ['parameters', float32Tensor([count], parameters)],
      ['conditioned', float32Tensor([rows, 3], weight)],
      ...(phrases ? [['phrases', float32Tensor([phrases.length / 3, 3], phrases)] as const] : []),
    ]),
  )
  return memorySource(
    new Map([
      ['config.json', new TextEncoder().encode(text)],
      ['start.safetensors', file],
    ]),
  )
}

/** The first weights for texts of this direction. */
const told = (start: LearnedStart, ...direction: number[]): Float32Array =>
  startParameters(start, readTexts(start, Float32Array.from(direction)))

describe('a learned start', () => {
  it('is offset in the named parameters by the direction of the texts, whatever its length', async () => {
    const start = await loadStart(folder())
    expect(startFits(start, shape)).toBe(true)
    expect(startFits(start, { ...shape, width: 8 })).toBe(false)
    expect(startParameters(start, null)).toEqual(start.parameters)
    expect(told(start, 0, 0, 0)).toEqual(start.parameters)
    const indices = conditionedIndices(shape, names)
    // The output's bias comes first in the flat vector, then the norm's.
    expect(indices).toEqual([0, 1, 2, 3, ...indices.slice(4)])
    const moved = told(start, 0, 5, 0)
    indices.forEach((at, row) => expect(moved[at]! - start.parameters[at]!).toBeCloseTo(3 * row + 1, 4))
    expect(moved.filter((x, i) => x !== start.parameters[i])).toHaveLength(8)
    expect(told(start, 0, 1, 0)).toEqual(moved)
  })

  it('reads the direction by the phrases that it was taught, where its folder has any', async () => {
    const conditioned = { guidance: 'starter', embedding_width: 3, names, phrases: ['red {}', 'wooden {}'] }
    const start = await loadStart(folder({ conditioned }, 8, Float32Array.of(0, 1, 0, 1, 0, 0)))
    expect(start.conditioned.phrases.texts).toEqual(['red {}', 'wooden {}'])
    const plain = told(await loadStart(folder()), 0, 1, 0)
    expect(told(start, 0, 4, 3)).toEqual(plain)
    const refused = async (said: object, rows: Float32Array, why: string) =>
      await expect(loadStart(folder({ conditioned: { ...conditioned, ...said } }, 8, rows))).rejects.toMatchObject({
        code: 'GUIDANCE_INVALID',
        message: expect.stringContaining(why) as string,
      })
    await refused({}, Float32Array.of(0, 1, 0), 'phrases')
    await refused({}, Float32Array.of(0, 1, 0, 0, 0, 0), '"wooden {}" is not of length 1')
    await refused({ phrases: [] }, Float32Array.of(0, 1, 0), 'lists none')
    await refused({ phrases: ['red {}', 'red {}'] }, Float32Array.of(0, 1, 0, 1, 0, 0), 'twice')
    await refused({ phrases: ['red', 'wooden {}'] }, Float32Array.of(0, 1, 0, 1, 0, 0), 'one {}')
    await expect(loadStart(folder({ conditioned }))).rejects.toMatchObject({
      code: 'GUIDANCE_INVALID',
      message: expect.stringContaining('phrases') as string,
    })
  })

  it('is refused by name where a file is missing or damaged', async () => {
    await expect(loadStart(memorySource(new Map()))).rejects.toMatchObject({ code: 'GUIDANCE_INVALID' })
    await expect(loadStart(folder({ format: 'other' }))).rejects.toMatchObject({ code: 'GUIDANCE_INVALID' })
    await expect(loadStart(folder({}, 7))).rejects.toMatchObject({
      code: 'GUIDANCE_INVALID',
      message: expect.stringContaining('conditioned') as string,
    })
    await expect(
      loadStart(folder({ conditioned: { guidance: 'starter', embedding_width: 3, names: ['netG.99'] } })),
    ).rejects.toMatchObject({ message: expect.stringContaining('netG.99') as string })
  })
})
