import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import {
  bytes,
  disc,
  generator,
  guidance,
  oneSize,
  oneStep,
  photo,
  runtime,
  settingsOf,
  sharing,
  smallClip,
  withTrainer,
} from '../../test/support/smallTrainer.js'
import { toyStart } from '../../test/support/toyStart.js'
import { twoObjects } from '../../test/support/twoObjects.js'
import { randomStream } from '../engine/random.js'
import { flipHorizontal } from '../media/flipHorizontal.js'
import type { Runtime } from '../engine/runtime.js'
import type { FloatImage } from '../media/image.js'
import { generatorParameters } from '../models/generator.js'
import type { GuidanceModel } from '../models/guidance.js'
import type { FileSource } from '../models/fileSource.js'
import { loadGuidance } from '../models/loadGuidance.js'
import { folderSource } from '../models/node/folderSource.js'
import { unit } from '../models/phraseReading.js'
import type { GivenOptions, ImageSettings } from '../options/imageOptions.js'
import { presets, type PresetName } from '../options/presets.js'
import { drawExample, placeLike } from './internalExamples.js'
import { lossNames } from './losses.js'
import { bootstrapWeightAt, learningRateAt } from './schedule.js'
import { embedTexts, meanRow } from './textTargets.js'
import type { Trainer, TrainerNotice } from './trainer.js'

/** The weighted sum in the graph and the one of the reported losses, both float32. */
const TOTAL_TOLERANCE = 1e-4
const everywhere = (value: number): FloatImage => ({
  ...photo,
  channels: 1,
  data: new Float32Array(photo.width * photo.height).fill(value),
})

type Compiled = Extract<TrainerNotice, { type: 'compile' }>

describe('a trainer', () => {
  it.each(Object.keys(presets) as PresetName[])('takes two steps of preset %s', async (preset) => {
    const compiled: Compiled[] = []
    const notice = (told: TrainerNotice): void => {
      if (told.type === 'compile') compiled.push(told)
    }
    await withTrainer({ preset }, { notice }, async (trainer, settings) => {
      const { tensors: before } = await trainer.state()
      expect([trainer.step, trainer.steps, trainer.device]).toEqual([0, 2, 'cpu'])
      const first = await trainer.train()
      const inFirstStep = compiled.length
      const reports = [first, await trainer.train()]
      expect(trainer.step).toBe(2)
      reports.forEach(({ step, losses, learningRate }, k) => {
        expect(step).toBe(k + 1)
        expect(learningRate).toBe(learningRateAt(k, settings))
        expect(Object.keys(losses).sort()).toEqual([...lossNames, 'total'].sort())
        for (const [name, loss] of Object.entries(losses))
          expect(Number.isFinite(loss), `${name} is ${loss}`).toBe(true)
        // Random first weights have no colours to hold to.
        expect(losses['colour']).toBe(0)
        for (const name of lossNames)
          if (name !== 'colour' && (name !== 'bootstrap' || k === 0)) expect(losses[name], name).toBeGreaterThan(0)
      })
      expect(reports[1]!.losses).not.toEqual(reports[0]!.losses)
      const { tensors: after } = await trainer.state()
      const count = generatorParameters(generator).reduce((n, { shape }) => n + shape.reduce((a, b) => a * b, 1), 0)
      expect(after.parameters!.shape).toEqual([count])
      expect(after.initial!.data).toEqual(before.parameters!.data)
      const moved = after.parameters!.data.filter((x, i) => x !== before.parameters!.data[i]).length
      expect(moved / count, 'share of the parameters that moved').toBeGreaterThan(0.99)
      const layer = await trainer.layer()
      expect([layer.width, layer.height, layer.channels]).toEqual([photo.width, photo.height, 4])
      expect([...layer.data].every((x) => x >= 0 && x <= 1)).toBe(true)

      // Step 0 has the whole photo in it: beside the example, three graphs each, or with few sizes in its place.
      const sizes = (notices: readonly Compiled[]) =>
        notices.filter(({ width, height }) => width === photo.width && height === photo.height).length
      expect([sizes(compiled.slice(0, 1)), inFirstStep]).toEqual(settings.sizes === 'exact' ? [1, 6] : [1, 1])
      expect(compiled.every(({ seconds }) => seconds > 0)).toBe(true)
    })
  })

  it('does in order what is asked of it at once, and nothing once it is gone', async () => {
    await withTrainer(
      { ...oneSize, preset: 'fast', relevancy: 'model', sizes: 'exact', scaleMin: 0.9 },
      {},
      async (trainer) => {
        const asked = [trainer.train(), trainer.layer(), trainer.train(), trainer.layer(), trainer.state()] as const
        const [, first, , second, state] = await Promise.all(asked)
        expect(state.step).toBe(2)
        await withTrainer(
          { ...oneSize, preset: 'fast', relevancy: 'model', sizes: 'exact', scaleMin: 0.9 },
          {},
          async (alone) => {
            await alone.train()
            expect((await alone.layer()).data).toEqual(first.data)
            await alone.train()
            expect((await alone.layer()).data).toEqual(second.data)
          },
        )
        const [step, gone, layer] = [trainer.train(), trainer.dispose(), trainer.layer()]
        await expect(layer).rejects.toMatchObject({ code: 'INTERNAL' })
        expect((await step).step).toBe(3)
        await gone
      },
    )
  })

  it.each(['none', 'another'])('given a mask where it had %s, goes on as one that has it', async (had) => {
    const given = { ...oneSize, preset: 'fast', relevancy: 'model' } as const
    const left = {
      ...everywhere(1),
      data: everywhere(1).data.map((_, i) => (i % photo.width < photo.width / 2 ? 1 : 0)),
    }
    const before = had === 'none' ? {} : { mask: everywhere(0.5) }
    await withTrainer(given, before, async (trainer) => {
      await trainer.train()
      const state = await trainer.state()
      await trainer.setMask(left)
      const report = await trainer.train()
      const layer = await trainer.layer()
      expect(layer.data.subarray(3 * photo.width * photo.height).some((x, i) => left.data[i] === 0 && x !== 0)).toBe(
        false,
      )
      await withTrainer(given, { mask: left, state }, async (other) => {
        expect(await other.train()).toEqual(report)
        expect((await other.layer()).data).toEqual(layer.data)
      })
      await trainer.setMask(null)
      const free = (await trainer.layer()).data.subarray(3 * photo.width * photo.height)
      expect(free.some((x, i) => left.data[i] === 0 && x !== 0)).toBe(true)
      await expect(trainer.setMask({ ...left, width: 1 })).rejects.toMatchObject({ code: 'SHAPE_MISMATCH' })
    })
  })

  it('resumed after step 1 is bit for bit the one that went on', async () => {
    const given = { ...oneSize, preset: 'fast', relevancy: 'model' } as const
    const going = await withTrainer(given, { runtime }, async (trainer) => {
      await trainer.train()
      const halfway = await trainer.state()
      const report = await trainer.train()
      return { halfway, report, end: await trainer.state(), layer: await trainer.layer() }
    })
    expect(going.halfway.step).toBe(1)
    await withTrainer(given, { runtime, state: going.halfway }, async (trainer) => {
      expect(trainer.step).toBe(1)
      expect(await trainer.train()).toEqual(going.report)
      const end = await trainer.state()
      expect(end.step).toBe(2)
      for (const name of ['parameters', 'initial', 'gradientSum', 'squareSum']) {
        expect(Buffer.compare(bytes(end.tensors[name]!.data), bytes(going.end.tensors[name]!.data)), name).toBe(0)
      }
      expect(bytes((await trainer.layer()).data)).toEqual(bytes(going.layer.data))
    })
  })

  it('repeats itself for a seed and differs for another', async () => {
    const run = (seed: number) =>
      withTrainer({ ...oneStep, seed }, {}, async (trainer) => [await trainer.train(), await trainer.train()])
    const first = await run(11)
    expect(await run(11)).toEqual(first)
    expect((await run(12))[0]!.losses).not.toEqual(first[0]!.losses)
  })
})

describe('several guidance models', () => {
  const state = (trainer: Trainer) => trainer.state().then(({ tensors }) => tensors.parameters!.data)

  it.each(['model', 'edges'] as const)('give the means of their losses, relevancy %s', async (relevancy) => {
    const other = await smallClip({}, 1)
    const given = { ...oneStep, relevancy, regionBound: 0 }
    const first = (models: readonly GuidanceModel[]) =>
      withTrainer(given, { runtime, guidance: models }, async (trainer, settings) => {
        const { losses } = await trainer.train()
        expectTotal(losses, settings)
        return losses
      })
    const [a, b, both] = [await first([guidance]), await first([other]), await first([guidance, other])]
    for (const name of lossNames) {
      // A map sharpened along edges is averaged before it is sharpened.
      if (name === 'bootstrap' && relevancy === 'edges') continue
      expect(both[name], name).toBeCloseTo((a[name]! + b[name]!) / 2, 5)
      if (name !== 'sparsity' && name !== 'colour') expect(Math.abs(a[name]! - b[name]!), name).toBeGreaterThan(1e-6)
    }
  })

  it('that are one model twice move the parameters as it does alone', async () => {
    const after = (models: readonly GuidanceModel[]) =>
      withTrainer(oneStep, { runtime, guidance: models }, async (trainer) => {
        await trainer.train()
        return await state(trainer)
      })
    const [once, twice] = [await after([guidance]), await after([guidance, guidance])]
    twice.forEach((x, i) => expect(x).toBeCloseTo(once[i]!, 4))
  })

  it('see the views each at its own size, but none below 224', async () => {
    const [large, small] = [await smallClip({ image_size: 256 }), await smallClip({ image_size: 64 })]
    const shapes = new Map<string, readonly number[]>()
    const watched: Runtime = {
      ...runtime,
      compile: async (...args) => {
        const program = await runtime.compile(...args)
        for (const { name, shape } of program.inputs) shapes.set(name, shape)
        return program
      },
    }
    await withTrainer(oneStep, { runtime: watched, guidance: [guidance, large, small] }, async (trainer) => {
      const { losses } = await trainer.train()
      expect(losses.total).toBeGreaterThan(0)
    })
    const views = [...shapes].filter(([name]) => name.endsWith('.rows'))
    expect(new Map(views)).toEqual(
      new Map([
        ['composition.rows', [2, 224, photo.height]],
        ['composition256.rows', [2, 256, photo.height]],
      ]),
    )
    for (const i of [1, 2, 3]) expect(shapes.get(`text.clip${i}.composition`)).toEqual([14, 8])
  })
})

describe('the losses', () => {
  it.each([
    ['two regions that CLIP locates', { region: ['disc', 'ball'], relevancy: 'model' }],
    ['a region with a sharpened map', { region: ['disc'], relevancy: 'edges', sparsityMap: 4 }],
    ['no region', { region: [] }],
  ] as const)('with %s sum up to the total', async (_, given) => {
    await withTrainer({ ...oneStep, ...given }, {}, async (trainer, settings) => {
      const { losses } = await trainer.train()
      expect(losses.bootstrap! > 0).toBe(given.region.length > 0)
      expectTotal(losses, settings)
    })
  })

  it('are means over the example and the whole photo; the published code counts the bootstrap of the last item only', async () => {
    const base = {
      ...oneStep,
      sizes: 'exact',
      flipProbability: 0,
      jitterProbability: 0,
      wholeImageEvery: 1,
      lambdaDirectional: 0,
      lambdaScreen: 0,
    } as const
    const first = (given: GivenOptions) =>
      withTrainer({ ...base, ...given }, {}, async (trainer) => (await trainer.train()).losses)
    const [alone, all, last] = [
      await first({ wholeImageEvery: 0 }),
      await first({ bootstrapItems: 'all' }),
      await first({ bootstrapItems: 'last' }),
    ]
    // Both items show the whole photo here, so what needs no views is the same.
    for (const name of ['structure', 'sparsity', 'bootstrap']) expect(all[name]! / alone[name]!, name).toBeCloseTo(1, 5)
    expect(last.bootstrap! / alone.bootstrap!).toBeCloseTo(0.5, 5)
    for (const losses of [all, last]) expectTotal(losses, settingsOf(base))
    expect(last.composition).toBe(all.composition)
  })

  it('with weight 0 are left out', async () => {
    const given = { lambdaScreen: 0, lambdaStructure: 0, lambdaDirectional: 0, region: [] }
    const { losses } = await withTrainer({ ...oneStep, ...given }, {}, (trainer) => trainer.train())
    expect([losses.screen, losses.structure, losses.directional, losses.bootstrap]).toEqual([0, 0, 0, 0])
    expect(losses.composition).toBeGreaterThan(0)
  })
})

describe('a mask', () => {
  it('bounds alpha: 0 where it is 0, untouched where it is 1', async () => {
    const train = (mask: FloatImage | null) =>
      withTrainer(oneStep, mask ? { mask } : {}, async (trainer) => ({
        ...(await trainer.train()),
        layer: await trainer.layer(),
      }))
    const n = photo.width * photo.height
    const alpha = ({ layer }: { layer: FloatImage }) => layer.data.subarray(3 * n)
    const bounded = alpha(await train(disc.map))
    disc.map.data.forEach((inside, i) => {
      if (inside === 0) expect(bounded[i]).toBe(0)
      else expect(bounded[i]).toBeGreaterThan(0)
    })
    const [open, none] = [await train(everywhere(1)), await train(null)]
    expect(open.losses).toEqual(none.losses)
    expect(alpha(open)).toEqual(alpha(none))

    const closed = await train(everywhere(0))
    expect(alpha(closed).every((x) => x === 0)).toBe(true)
    // Nothing is edited: the composite is the photo, in the graph as well.
    expect([closed.losses.sparsity, closed.losses.structure]).toEqual([0, 0])
    expect(none.losses.sparsity).toBeGreaterThan(0)
  })

  it.each([0, 1])('lies on the example as it lies on the photo (flip %i)', async (flipProbability) => {
    const strip = {
      ...everywhere(0),
      data: everywhere(0).data.map((_, i) => (i % photo.width < photo.width / 4 ? 1 : 0)),
    }
    const given = {
      ...oneStep,
      scaleMin: 0.8,
      scaleMax: 1.2,
      cropsMinCover: 0.7,
      flipProbability,
      region: [],
      lambdaComposition: 0,
      lambdaScreen: 0,
      lambdaStructure: 0,
      lambdaAlphaL1: 1,
      lambdaAlphaL0: 0,
    } as const
    // Without weights the generator is grey and half opaque everywhere: the sparsity loss is half the mean of the mask.
    const blank = await withTrainer(given, {}, async (trainer) => {
      const { step, tensors } = await trainer.state()
      return {
        step,
        tensors: Object.fromEntries(
          Object.entries(tensors).map(([name, { shape, data }]) => [name, { shape, data: data.fill(0) }]),
        ),
      }
    })
    await withTrainer(given, { mask: strip, state: blank }, async (trainer, settings) => {
      const placed = placeLike(strip, drawExample(randomStream(settings.seed, 'example', 0), photo, settings))
      const mean = placed.data.reduce((a, b) => a + b, 0) / placed.data.length
      expect((await trainer.train()).losses.sparsity).toBeCloseTo(mean / 2, 6)
      const mirrored = placeLike(
        flipHorizontal(strip),
        drawExample(randomStream(settings.seed, 'example', 0), photo, settings),
      )
      expect(
        Math.abs(mirrored.data.reduce((a, b) => a + b, 0) / placed.data.length - mean),
        'a mask the wrong way round would show',
      ).toBeGreaterThan(0.01)
    })
  })
})

describe('refusals', () => {
  it('a loss that is not finite ends the step and keeps the state', async () => {
    await withTrainer(oneStep, {}, async (trainer) => {
      await trainer.train()
      const state = await trainer.state()
      const broken = new Map(
        [...guidance.weights].map(([name, weight]) => [
          name,
          name === 'class' ? { ...weight, data: weight.data.map(() => NaN) } : weight,
        ]),
      )
      await withTrainer(oneStep, { state, guidance: [{ ...guidance, weights: broken }] }, async (stuck) => {
        await expect(stuck.train()).rejects.toMatchObject({
          code: 'LOSS_NOT_FINITE',
          message: expect.stringMatching(/step 2: .*composition.*total/) as unknown,
        })
        await expect(stuck.train()).rejects.toMatchObject({ code: 'LOSS_NOT_FINITE' })
        expect(stuck.step).toBe(1)
        const kept = await stuck.state()
        expect(kept).toEqual(state)
        expect(kept.tensors.parameters!.data.every(Number.isFinite)).toBe(true)
      })
    })
  })

  it('a NaN among the parameters is found in the step that it spoils', async () => {
    await withTrainer(oneStep, {}, async (trainer) => {
      const state = await trainer.state()
      state.tensors.parameters!.data[5] = NaN
      await withTrainer(oneStep, { state }, async (stuck) => {
        await expect(stuck.train()).rejects.toMatchObject({ code: 'LOSS_NOT_FINITE' })
        expect(stuck.step).toBe(0)
      })
    })
  })

  it('a photo smaller than the generator takes', async () => {
    const small = twoObjects(128, 300).photo
    await expect(withTrainer(oneStep, { photo: small }, (trainer) => trainer.train())).rejects.toMatchObject({
      code: 'INPUT_TOO_SMALL',
      message: expect.stringMatching(/at least 129 px .* 300x128/) as unknown,
    })
  })

  it('a state without one of its vectors', async () => {
    const state = await withTrainer(oneStep, {}, (trainer) => trainer.state())
    const { squareSum: _, ...tensors } = state.tensors
    await expect(
      withTrainer(oneStep, { state: { ...state, tensors } }, (trainer) => trainer.train()),
    ).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
      message: expect.stringContaining('"squareSum"') as unknown,
    })
  })
})

/** The total of step 0 is the weighted sum of the reported losses. */
function expectTotal(losses: Readonly<Record<string, number>>, settings: ImageSettings): void {
  const sum = weightedSum(losses, settings)
  expect(Math.abs(losses.total! - sum) / sum).toBeLessThan(TOTAL_TOLERANCE)
}

function weightedSum(losses: Readonly<Record<string, number>>, settings: ImageSettings): number {
  const weights: Record<string, number> = {
    composition: settings.lambdaComposition,
    directional: settings.lambdaDirectional,
    screen: settings.lambdaScreen,
    structure: settings.lambdaStructure,
    sparsity: settings.lambdaSparsity,
    bootstrap: bootstrapWeightAt(0, settings),
    colour: settings.lambdaColour,
  }
  return lossNames.reduce((total, name) => total + weights[name]! * losses[name]!, 0)
}

describe('the colours of a learned start', () => {
  const start = (model: string) => toyStart(generator, model)
  /** The colour losses of the first step and of the sixth. */
  const colours = (given: GivenOptions, model: string) =>
    withTrainer({ ...oneStep, steps: 6, ...given }, { start: start(model) }, async (trainer) => {
      const losses: number[] = []
      while (trainer.step < trainer.steps) losses.push((await trainer.train()).losses['colour']!)
      return [losses[0]!, losses.at(-1)!]
    })

  it('are where the edit begins, and it is held to them as its weight says', async () => {
    const [before, after] = await colours({}, guidance.name)
    // Not 0: an example is a part of the photo, and what the start makes of a part differs a little.
    expect(before).toBeLessThan(after! / 10)
    expect((await colours({ lambdaColour: 1e5 }, guidance.name))[1]).toBeLessThan(after!)
    expect(await colours({ lambdaColour: 0 }, guidance.name)).toEqual([0, 0])
  })

  it('of a start that does not read the texts say nothing of the prompt: nothing is held to them', async () => {
    expect(await colours({}, 'another model')).toEqual([0, 0])
  })

  it('hold as far as they are read by phrases, which a run that begins tells', async () => {
    const { prompt, screen, source, region } = settingsOf(oneStep)
    const { direction } = await embedTexts(guidance, { prompt, screen, source, region }, false)
    const said = unit(meanRow(direction))
    const across = unit(said.map((x, d) => (d % 2 === 0 ? -said[d + 1]! : said[d - 1]!)))
    const turned = (far: number): Float32Array => said.map((x, d) => Math.sqrt(1 - far ** 2) * x + far * across[d]!)
    const told = async (...directions: Float32Array[]) => {
      const { conditioned, ...rest } = start(guidance.name)
      const texts = directions.map((_, i) => `look ${i} {}`)
      const phrases = { texts, directions: Float32Array.from(directions.flatMap((row) => [...row])) }
      const given = { ...oneStep, lambdaColour: 1e4, lambdaBootstrap: 0, steps: 2 }
      const notes: string[] = []
      const more = {
        start: { ...rest, conditioned: { ...conditioned, phrases } },
        onNote: (note: string) => notes.push(note),
      }
      const { state, share } = await withTrainer(given, more, async (trainer) => {
        const { losses } = await trainer.train()
        const others = { ...settingsOf(given), lambdaColour: 0 }
        const left = losses['total']! - weightedSum(losses, others)
        return { state: await trainer.state(), share: losses['colour'] === 0 ? 0 : left / losses['colour']! / 1e4 }
      })
      const begun = notes.splice(0).filter((note) => note.startsWith('start: '))
      await withTrainer(given, { ...more, state }, () => Promise.resolve())
      expect(notes.filter((note) => note.startsWith('start: '))).toEqual([])
      return { begun, share }
    }
    const wholly = { share: expect.closeTo(1, 2) as number }
    expect(await told()).toEqual({ ...wholly, begun: [] })
    expect(await told(across, said)).toEqual({ ...wholly, begun: ['start: learned; the prompt is read as "look 1 …"'] })
    // Of a cosine of .6, two fifths of the way from .5 to .75.
    expect(await told(turned(0.8))).toEqual({
      share: expect.closeTo(0.4, 2) as number,
      begun: [
        'start: learned; the prompt is read as something near "look 0 …"; the edit is held to its colours by 40 %',
      ],
    })
    expect(await told(turned(0.7), turned(-0.71))).toEqual({
      ...wholly,
      begun: ['start: learned; the prompt is read as "look 0 …" and "look 1 …"'],
    })
    expect(await told(across)).toEqual({
      share: 0,
      begun: [
        expect.stringMatching(/taught nothing like what the prompt changes.*; the edit is not held to its colours$/),
      ],
    })
  })

  it('hold a run that was stopped as one that was not', async () => {
    const held = { start: start(guidance.name) }
    const given = { ...oneStep, steps: 3 }
    const whole = await withTrainer(given, held, async (trainer) => {
      const reports = [await trainer.train(), await trainer.train(), await trainer.train()]
      return { state: await trainer.state(), last: reports[2]! }
    })
    const middle = await withTrainer(given, held, async (trainer) => {
      await trainer.train()
      return await trainer.state()
    })
    await withTrainer(given, { ...held, state: middle }, async (trainer) => {
      await trainer.train()
      expect(await trainer.train()).toEqual(whole.last)
      const { tensors } = await trainer.state()
      expect(bytes(tensors['parameters']!.data).equals(bytes(whole.state.tensors['parameters']!.data))).toBe(true)
    })
    expect(whole.last.losses['colour']).toBeGreaterThan(0)
  })
})

it('reads the text tower once, however often texts are encoded to find the region', async () => {
  const folder = await folderSource(fileURLToPath(new URL('../../models/starter', import.meta.url)))
  const read: string[] = []
  const source: FileSource = {
    ...folder,
    read: (name, start, end) => {
      read.push(`${name} ${start}`)
      return folder.read(name, start, end)
    },
  }
  const starter = await loadGuidance(source, sharing)
  read.length = 0
  const notes: string[] = []
  // The names in the prompt, then all texts with the nearest of them, then, since the photo shows no such thing,
  // without it.
  const { prompt, screen, source: shown } = settingsOf({ prompt: ['brown horse'], source: [], region: [] })
  await withTrainer(
    { preset: 'preview' },
    {
      guidance: [starter],
      onNote: (message) => notes.push(message),
      texts: { prompt, screen, source: shown, region: 'agreed' },
    },
    () => Promise.resolve(),
  )
  expect(notes).toEqual([expect.stringMatching(/^region: none/), expect.stringMatching(/^surroundings: shown/)])
  expect(read.length).toBeGreaterThan(50)
  expect(read.length).toBe(new Set(read).size)
})
