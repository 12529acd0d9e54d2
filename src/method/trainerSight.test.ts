import { describe, expect, it } from 'vitest'
import { bytes, disc, oneStep, photo, withTrainer } from '../../test/support/smallTrainer.js'
import type { FloatImage } from '../media/image.js'
import type { GivenOptions } from '../options/imageOptions.js'
import type { TrainerOptions } from './trainer.js'

describe('the surroundings of the object', () => {
  const n = photo.width * photo.height
  /** The photo with what lies outside the disc turned to its negative. */
  const elsewhere = { ...photo, data: photo.data.map((x, i) => (disc.map.data[i % n] === 0 ? 1 - x : x)) }
  const layerOf = (given: GivenOptions, seen: FloatImage, more: Partial<TrainerOptions> = { mask: disc.map }) =>
    withTrainer({ ...oneStep, region: [], ...given }, { ...more, photo: seen }, async (trainer) =>
      bytes((await trainer.layer()).data),
    )

  it('are hidden from the generator where the edit is bounded, and shown where it is not, or as asked', async () => {
    const same = async (given: GivenOptions, more?: Partial<TrainerOptions>) =>
      (await layerOf(given, photo, more)).equals(await layerOf(given, elsewhere, more))
    expect(await same({ surroundings: 'hidden' })).toBe(true)
    expect(await same({ surroundings: 'shown' })).toBe(false)
    expect(await same({ surroundings: 'hidden' }, {})).toBe(false)
  })

  it('are told to be shown where they were to be hidden from nothing', async () => {
    const told = async (given: GivenOptions, mask?: FloatImage) => {
      const notes: string[] = []
      await layerOf(given, photo, { ...(mask ? { mask } : {}), onNote: (note) => notes.push(note) })
      return notes.filter((note) => note.startsWith('surroundings'))
    }
    const unbounded = ['surroundings: shown, since neither a region nor a mask bounds the edit']
    expect(await told({ surroundings: 'hidden' })).toEqual(unbounded)
    expect(await told({ surroundings: 'hidden' }, disc.map)).toEqual([])
    expect(await told({ surroundings: 'shown' })).toEqual([])
    const words = { preset: 'fast', relevancy: 'object', region: ['disc'], surroundings: 'hidden' } as const
    expect(await told(words)).toEqual([])
    expect(await told({ ...words, regionBound: 0 })).toEqual(unbounded)
    const empty = { ...disc.map, data: new Float32Array(n) }
    expect(await told({ surroundings: 'hidden' }, empty)).toEqual([
      'surroundings: shown, since what bounds the edit leaves hardly anything of the picture',
    ])
  })

  it('are told once to be shown, when the mask that bounds the edit is taken away', async () => {
    const notes: string[] = []
    const more = { mask: disc.map, onNote: (note: string) => notes.push(note) }
    await withTrainer({ ...oneStep, region: [], surroundings: 'hidden' }, more, async (trainer) => {
      expect(notes).toEqual([])
      for (const mask of [null, disc.map, null]) await trainer.setMask(mask)
    })
    expect(notes).toEqual(['surroundings: shown, since neither a region nor a mask bounds the edit'])
  })

  it('are hidden from where the words find the object too, as far as they bound the edit', async () => {
    const words = { preset: 'fast', relevancy: 'object', region: ['disc'], surroundings: 'hidden' } as const
    const layers = []
    for (const given of [words, { ...words, surroundings: 'shown' as const }, { ...words, regionBound: 0 }])
      layers.push((await layerOf(given, photo, {})).toString('base64'))
    const [hidden, shown, unbounded] = layers
    expect(hidden).not.toBe(shown)
    // The bound changes the opacity only.
    const colours = (layer: string | undefined) => Buffer.from(layer!, 'base64').subarray(0, 12 * n)
    expect(colours(unbounded).equals(colours(shown))).toBe(true)
    expect(colours(hidden).equals(colours(shown))).toBe(false)
  })

  it('follow a mask that is given on the way, and are hidden in the steps as in the layer', async () => {
    const given = { ...oneStep, region: [], surroundings: 'hidden' } as const
    const other = { ...disc.map, data: disc.map.data.map((x, i) => (i % photo.width < photo.width / 2 ? x : 0)) }
    await withTrainer(given, { mask: disc.map }, async (trainer) => {
      await trainer.train()
      const state = await trainer.state()
      await trainer.setMask(other)
      const report = await trainer.train()
      await withTrainer(given, { mask: other, state }, async (told) => {
        expect(await told.train()).toEqual(report)
        expect(bytes((await told.layer()).data).equals(bytes((await trainer.layer()).data))).toBe(true)
      })
      await withTrainer({ ...given, surroundings: 'shown' }, { mask: other, state }, async (told) => {
        expect(await told.train()).not.toEqual(report)
      })
    })
  })
})

describe('the grain of a material', () => {
  const wooden = { ...oneStep, prompt: ['wooden disc'], region: [] } as const
  const noted = async (given: GivenOptions, more: Partial<TrainerOptions> = {}) => {
    const notes: string[] = []
    const layer = await withTrainer(
      { ...wooden, ...given },
      { onNote: (note) => notes.push(note), ...more },
      (trainer) => trainer.layer(),
    )
    return { layer, grain: notes.filter((note) => note.startsWith('grain')) }
  }

  it('is what the generator sees of the object, as its weight says, and told', async () => {
    const [plain, grained] = [
      await noted({ grain: 0 }, { mask: disc.map }),
      await noted({ grain: 1 }, { mask: disc.map }),
    ]
    expect(plain.grain).toEqual([])
    expect(grained.grain).toEqual(['grain: wood, as the prompt says; --grain 0 leaves it to the guidance'])
    expect(grained.layer.data).not.toEqual(plain.layer.data)
    expect((await noted({ prompt: ['golden disc'] }, { mask: disc.map })).grain).toEqual([])
  })

  it('needs an object', async () => {
    expect((await noted({ grain: 1 })).grain).toEqual([
      'grain: none, since without a region or a mask nothing is to be of wood',
    ])
  })

  it.each(['wooden disc', 'disc covered in snow'])(
    'is of a run that was stopped as of one that was not: %s',
    async (prompt) => {
      const given = { ...wooden, prompt: [prompt], steps: 2 }
      const [middle, whole] = await withTrainer(given, { mask: disc.map }, async (trainer) => {
        await trainer.train()
        return [await trainer.state(), await trainer.train()] as const
      })
      await withTrainer(given, { mask: disc.map, state: middle }, async (trainer) => {
        expect(await trainer.train()).toEqual(whole)
      })
      await withTrainer({ ...given, grain: 0 }, { mask: disc.map, state: middle }, async (trainer) => {
        expect((await trainer.train()).losses).not.toEqual(whole.losses)
      })
    },
  )
})
