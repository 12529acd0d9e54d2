import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { smallClipConfig } from '../../../test/support/smallClipConfig.js'
import { sharePrograms } from '../../../test/support/sharePrograms.js'
import { slidingClip } from '../../../test/support/slidingClip.js'
import { toyStart } from '../../../test/support/toyStart.js'
import type { LayerName } from '../../atlas/layeredAtlas.js'
import { createNodeRuntime } from '../../engine/node/createNodeRuntime.js'
import type { GuidanceModel } from '../../models/guidance.js'
import { folderSource } from '../../models/node/folderSource.js'
import { loadOutline, type OutlineModel } from '../../models/outline.js'
import { randomClip } from '../../models/randomClip.js'
import { resolveVideoSettings } from '../../options/resolveVideoSettings.js'
import type { GivenVideoOptions } from '../../options/videoOptions.js'
import { lossNames } from '../losses.js'
import { layerTexts } from './layerTexts.js'
import { type VideoTrainer, type VideoTrainerOptions, createVideoTrainer } from './videoTrainer.js'

/** One level is enough for a step; the smallest side stays that of the published seven. */
const generator = { width: 4, skipWidth: 2, levels: 1 }
const runtime = createNodeRuntime({ device: 'cpu', threads: 1 })
const sharing = sharePrograms(runtime)
const clip = slidingClip(168, 140, 5)
let guidance: GuidanceModel
let outline: OutlineModel
beforeAll(async () => {
  outline = await loadOutline(await folderSource(fileURLToPath(new URL('../../../models/outline', import.meta.url))))
  guidance = await randomClip(smallClipConfig(), runtime, { seed: 0 })
})

async function withTrainer<T>(
  given: GivenVideoOptions,
  layer: LayerName,
  more: Partial<VideoTrainerOptions>,
  use: (trainer: VideoTrainer) => Promise<T>,
): Promise<T> {
  const settings = resolveVideoSettings(
    [
      {
        prompt: 'golden disc',
        source: 'disc',
        region: ['disc'],
        seed: 11,
        views: 2,
        steps: 2,
        boxBorder: 5,
        size: 0,
        trainSize: 0,
        ...given,
      },
    ],
    () => 0,
  )
  const trainer = await createVideoTrainer({
    runtime: sharing,
    guidance: [guidance],
    ...clip,
    layer,
    settings,
    texts: layerTexts(settings, layer),
    outline,
    generator,
    ...more,
  })
  try {
    return await use(trainer)
  } finally {
    await trainer.dispose()
  }
}

describe('a video trainer', () => {
  it.each([
    ['fast', 'foreground'],
    ['preview', 'background'],
    ['reference', 'foreground'],
    ['paper', 'background'],
  ] as const)('takes two steps of preset %s on the %s, the whole atlas in both', async (preset, layer) => {
    await withTrainer(
      { preset, wholeAtlasEvery: 1, backgroundRegion: ['ground'], wholeAtlasShrink: 1 },
      layer,
      {},
      async (trainer) => {
        const { tensors: before } = await trainer.state()
        for (const k of [0, 1]) {
          const { step, losses } = await trainer.train()
          expect(step).toBe(k + 1)
          expect(Object.keys(losses).sort()).toEqual([...lossNames, 'total'].sort())
          for (const name of lossNames) {
            expect(Number.isFinite(losses[name]), `${name} is ${losses[name]}`).toBe(true)
            if (name !== 'bootstrap' && name !== 'colour') expect(losses[name], name).toBeGreaterThan(0)
          }
        }
        const { tensors: after } = await trainer.state()
        const moved = after['parameters']!.data.filter((x, i) => x !== before['parameters']!.data[i]).length
        expect(moved / after['parameters']!.data.length, 'share of the parameters that moved').toBeGreaterThan(0.99)
        const edit = await trainer.edit()
        const image = await clip.atlas.image(layer)
        expect([edit.width, edit.height, edit.channels]).toEqual([image.width, image.height, 4])
        expect(edit.data.every((x) => x >= 0 && x <= 1)).toBe(true)
      },
    )
  })

  it('resumed after step 1 is bit for bit the one that went on', async () => {
    const given = { preset: 'fast' } as const
    const { state, losses, edit } = await withTrainer(given, 'foreground', {}, async (trainer) => {
      await trainer.train()
      const state = await trainer.state()
      return { state, losses: (await trainer.train()).losses, edit: await trainer.edit() }
    })
    await withTrainer(given, 'foreground', { state }, async (trainer) => {
      expect(trainer.step).toBe(1)
      expect((await trainer.train()).losses).toEqual(losses)
      expect((await trainer.edit()).data).toEqual(edit.data)
    })
  })

  it.each([
    ['foreground', 12, 2, 'hidden'],
    // The random model's answer would leave so little of the ground to be seen that all differences were rounding.
    ['background', 5, 100, 'shown'],
  ] as const)(
    'holds the %s to the colours of a start that reads the texts',
    async (layer, steps, growth, surroundings) => {
      const start = toyStart(generator, guidance.name)
      const colours = async (more: Partial<VideoTrainerOptions>, lambdaColour: number) =>
        await withTrainer(
          { preset: 'fast', steps, backgroundRegion: ['ground'], lambdaColour, surroundings },
          layer,
          more,
          async (trainer) => {
            const told: number[] = []
            while (trainer.step < trainer.steps) told.push((await trainer.train()).losses['colour']!)
            return told
          },
        )
      const hardly = await colours({ start }, 1e-3)
      // Not 0: what the start makes of a crop differs from its layer of the whole atlas; of a frame's crop, which has
      // the ground around the object, more.
      expect(hardly[0]).toBeGreaterThan(0)
      expect(hardly[0]).toBeLessThan(hardly.at(-1)! / growth)
      expect((await colours({ start }, 1e5)).at(-1)).toBeLessThan(hardly.at(-1)! / 2)
      expect(await colours({ start: toyStart(generator, 'another model') }, 1e3)).toEqual(hardly.map(() => 0))
      const masked = async (opacity: number) => {
        const mask = { width: 168, height: 140, channels: 1, data: new Float32Array(168 * 140).fill(opacity) } as const
        return (await colours({ start, mask }, 1e-3))[0]!
      }
      // Both layers with half their opacity: half the difference.
      expect((await masked(0.5)) / (await masked(1))).toBeCloseTo(0.25, 2)
    },
  )

  it.each([
    ['foreground', {}],
    ['background', { backgroundRegion: ['ground'] }],
  ] as const)('shows the generator of the %s what the edit can change', async (layer, more) => {
    const told = async (surroundings: 'hidden' | 'shown') =>
      await withTrainer({ preset: 'fast', ...more, surroundings }, layer, {}, async (trainer) => {
        const untrained = await trainer.edit()
        return { untrained, losses: (await trainer.train()).losses, edit: await trainer.edit() }
      })
    const [hidden, shown] = [await told('hidden'), await told('shown')]
    expect(hidden.untrained.data).not.toEqual(shown.untrained.data)
    expect(hidden.losses).not.toEqual(shown.losses)
    expect(hidden.edit.data).not.toEqual(hidden.untrained.data)
  })

  it('holds to those colours when it goes on, bit for bit', async () => {
    const given = { preset: 'fast', lambdaColour: 1000, steps: 2 } as const
    const start = toyStart(generator, guidance.name)
    const { state, losses } = await withTrainer(given, 'foreground', { start }, async (trainer) => {
      await trainer.train()
      return { state: await trainer.state(), losses: (await trainer.train()).losses }
    })
    expect(losses['colour']).toBeGreaterThan(0)
    await withTrainer(given, 'foreground', { start, state }, async (trainer) => {
      expect((await trainer.train()).losses).toEqual(losses)
    })
  })

  it('tells how its start reads the texts and what the generator sees, and a run that goes on only the latter', async () => {
    const { conditioned, ...rest } = toyStart(generator, guidance.name)
    const nothing = { texts: ['look {}'], directions: new Float32Array(8) }
    const start = { ...rest, conditioned: { ...conditioned, phrases: nothing } }
    const notes: string[] = []
    const more = { start, onNote: (note: string) => notes.push(note) }
    const given = { preset: 'fast', backgroundRegion: ['ground'], regionBound: 0 } as const
    const state = await withTrainer(given, 'background', more, async (trainer) => await trainer.state())
    const ofSight = 'surroundings: shown, since neither a region nor a mask bounds the edit'
    expect(notes.splice(0)).toEqual([ofSight, expect.stringContaining('start: learned; it was taught nothing like')])
    await withTrainer(given, 'background', { ...more, state }, () => Promise.resolve())
    expect(notes.splice(0)).toEqual([ofSight])
    // Of the background of which nothing is named, all is to be seen.
    await withTrainer({ preset: 'fast' }, 'background', { ...more, state }, () => Promise.resolve())
    expect(notes).toEqual([])
  })

  it('gives the edit at the size of an atlas that is finer than the training frames', async () => {
    const fine = slidingClip(400, 320, 3, { density: 1.5 })
    await withTrainer(
      { preset: 'fast', size: 320, trainSize: 160, bucket: 32 },
      'foreground',
      fine,
      async (trainer) => {
        await trainer.train()
        const edit = await trainer.edit()
        expect([edit.width, edit.height]).toEqual([609, 480])
      },
    )
  })

  it('trains where the foreground leaves, on portrait frames and on three of them', async () => {
    const tall = slidingClip(140, 168, 3, { absent: [0] })
    for (const layer of ['foreground', 'background'] as const) {
      await withTrainer({ preset: 'reference', sizes: 'buckets' }, layer, tall, async (trainer) => {
        expect(Number.isFinite((await trainer.train()).losses['total'])).toBe(true)
      })
    }
    const empty = slidingClip(168, 140, 3, { absent: [0, 1, 2] })
    await expect(withTrainer({}, 'foreground', empty, () => Promise.resolve())).rejects.toMatchObject({
      code: 'ATLAS_EMPTY',
    })
  })

  it('bounds the edit by a mask of the first frame', async () => {
    const mask = {
      width: 168,
      height: 140,
      channels: 1,
      data: new Float32Array(168 * 140).map((_, i) => (i % 168 < 84 ? 1 : 0)),
    } as const
    await withTrainer({ preset: 'fast', region: [], sizes: 'buckets' }, 'background', { mask }, async (trainer) => {
      await trainer.train()
      const { width, height, data } = await trainer.edit()
      const alpha = (x: number, y: number) => data[(3 * height + y) * width + x]!
      expect(alpha(20, 70)).toBeGreaterThan(0.1)
      expect(alpha(120, 70)).toBe(0)
      expect(alpha(width - 2, 70)).toBe(0)
    })
  })

  it('refuses a clip that the atlas was not made of', async () => {
    const other = slidingClip(168, 140, 4)
    await expect(
      withTrainer({}, 'foreground', { frames: other.frames }, () => Promise.resolve()),
    ).rejects.toMatchObject({ code: 'SHAPE_MISMATCH' })
  })
})
