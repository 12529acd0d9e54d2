import { readFileSync } from 'node:fs'
import { unzipSync, zipSync } from 'fflate'
import { describe, expect, it } from 'vitest'
import { hashed } from '../../../test/support/hashed.js'
import { readFixtureJson, readFixtureTensors } from '../../../test/support/readFixture.js'
import { sizeOf } from '../../engine/graph.js'
import { createNodeRuntime } from '../../engine/node/createNodeRuntime.js'
import type { ClipFrames } from '../../media/clipFrames.js'
import { type FileSource, memorySource } from '../../models/fileSource.js'
import { evaluateAtlas } from '../evaluateAtlas.js'
import type { LayerName } from '../layeredAtlas.js'
import { networkNames, publishedNetworks, weightCount } from './atlasNetworks.js'
import { imlpParameters } from './imlp.js'
import { NetworkEvaluator } from './networkEvaluator.js'
import { NeuralAtlas } from './neuralAtlas.js'
import { type OpenPublishedAtlasOptions, openPublishedAtlas } from './openPublishedAtlas.js'

/** Of an atlas of 60 px: float32 positions. */
const POSITION_TOLERANCE = 2e-5
/** Opacity, whose highest frequency is 2^4 pi. */
const OPACITY_TOLERANCE = 2e-5
/** Colours: the highest frequency, 2^9 pi, takes the last digits of a float32 coordinate. */
const COLOUR_TOLERANCE = 5e-4

interface Expected {
  frames: number
  width: number
  height: number
  resolution: number
  boxes: Record<LayerName, [number, number, number, number]>
}

const runtime = createNodeRuntime({ device: 'cpu', threads: 1 })
const expected = readFixtureJson<Expected>('neuralAtlas/expected')
const tensor = readFixtureTensors('neuralAtlas/expected')
const layers: readonly LayerName[] = ['foreground', 'background']

const fixture = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../../../test/fixtures/neuralAtlas/${name}`, import.meta.url)))
const files = { checkpoint: fixture('checkpoint'), 'config.json': fixture('config.json') }
const sourceOf = (changed: Partial<Record<keyof typeof files, Uint8Array | null>> = {}): FileSource =>
  memorySource(
    new Map(
      Object.entries({ ...files, ...changed }).flatMap(([name, bytes]) => (bytes ? [[name, bytes] as const] : [])),
    ),
    'swan',
  )

const { width, height, resolution } = expected
const bytes = Uint8Array.from(tensor('clip').data)
const clip: ClipFrames = {
  width,
  height,
  pixels: Array.from({ length: expected.frames }, (_, t) =>
    bytes.subarray(3 * width * height * t, 3 * width * height * (t + 1)),
  ),
}
const open = (options: Partial<OpenPublishedAtlasOptions> = {}, source = sourceOf()) =>
  openPublishedAtlas(source, { runtime, frames: clip, resolution, ...options })
const changedConfig = (change: object) =>
  new TextEncoder().encode(
    JSON.stringify({ ...(JSON.parse(new TextDecoder().decode(files['config.json'])) as object), ...change }),
  )

describe('a published atlas', () => {
  it.each(['reference', 'fixed'] as const)(
    'maps, covers and colours as the PyTorch modules do (%s)',
    async (behaviour) => {
      const atlas = await open({ behaviour })
      expect([atlas.frames, atlas.width, atlas.height]).toEqual([expected.frames, width, height])
      for (const layer of layers) {
        const { x, y, width: w, height: h } = await atlas.box(layer)
        expect([x, y, w, h]).toEqual(expected.boxes[layer])
        const image = await atlas.image(layer)
        expect([image.width, image.height]).toEqual([w, h])
        expect(largestDifference(image.data, tensor(`${layer}.image.${behaviour}`).data)).toBeLessThan(COLOUR_TOLERANCE)
        for (let t = 0; t < expected.frames; t++) {
          expect(
            largestDifference((await atlas.mapping(layer, t)).data, frameOf(`${layer}.mapping`, t)),
            `${layer} ${t}`,
          ).toBeLessThan(POSITION_TOLERANCE)
        }
      }
      for (let t = 0; t < expected.frames; t++)
        expect(largestDifference((await atlas.opacity(t)).data, frameOf('opacity', t))).toBeLessThan(OPACITY_TOLERANCE)
      await atlas.dispose()
    },
  )

  it('is the same after it was written and read, and when little is kept in memory', async () => {
    const atlas = await open({ behaviour: 'reference' })
    const unprepared = atlas.toTensors()
    const again = NeuralAtlas.fromTensors(unprepared, { runtime, cacheBytes: 1 })
    await again.prepare()
    const mapped: number[] = []
    const prepared = NeuralAtlas.fromTensors(again.toTensors(), { runtime })
    await prepared.prepare({ onProgress: (done) => mapped.push(done) })
    expect(mapped, 'with its boxes known no frame is mapped for them').toEqual([])
    expect(await prepared.box('background')).toEqual(await atlas.box('background'))
    expect(again.behaviour).toBe('reference')
    expect(await again.image('foreground')).toEqual(await atlas.image('foreground'))
    expect(await again.mapping('background', 3)).toEqual(await atlas.mapping('background', 3))
    expect(await again.opacity(4)).toEqual(await atlas.opacity(4))
    expect(() => NeuralAtlas.fromTensors(new Map(), { runtime })).toThrow(/Expected a neural atlas/)
    const lacking = atlas.toTensors()
    lacking.delete('atlas.hidden.3.bias')
    expect(() => NeuralAtlas.fromTensors(lacking, { runtime })).toThrow(/atlas.hidden.3.bias is missing/)
  })

  it('looks its colours up half a pixel beside where the reference renders them, and in place when fixed (D1)', async () => {
    const psnr = async (behaviour: 'reference' | 'fixed') =>
      (await evaluateAtlas(await open({ behaviour, resolution: 700 }), clip)).meanPsnr
    expect(await psnr('fixed')).toBeGreaterThan((await psnr('reference')) + 3)
  })

  it('stops when it is told to while it maps the frames, and can go on', async () => {
    const atlas = await open()
    const control = new AbortController()
    await expect(
      atlas.prepare({
        signal: control.signal,
        onProgress: () => {
          control.abort()
        },
      }),
    ).rejects.toThrow()
    const seen: number[] = []
    await atlas.prepare({ onProgress: (done, total) => seen.push(done / total) })
    expect(seen.at(-1)).toBe(1)
  })
})

describe('what is no published atlas of the clip is refused:', () => {
  const reason = async (options: Partial<OpenPublishedAtlasOptions>, source?: FileSource) => {
    const error: unknown = await open(options, source).then(
      () => null,
      (e: unknown) => e,
    )
    return error as { code: string; message: string }
  }

  it('a missing file', async () => {
    expect(await reason({}, sourceOf({ 'config.json': null }))).toMatchObject({
      code: 'INPUT_NOT_FOUND',
      message: expect.stringContaining('swan') as string,
    })
    expect(await reason({}, sourceOf({ checkpoint: null }))).toMatchObject({
      code: 'INPUT_NOT_FOUND',
      message: expect.stringContaining('no checkpoint') as string,
    })
  })

  it('a config that is none', async () => {
    expect(await reason({}, sourceOf({ 'config.json': new TextEncoder().encode('{"resx": 24') }))).toMatchObject({
      code: 'CONFIG_INVALID',
    })
    const lacking = await reason(
      {},
      sourceOf({ 'config.json': changedConfig({ maximum_number_of_frames: undefined }) }),
    )
    expect(lacking).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('maximum_number_of_frames') as string,
    })
  })

  it('another size of frames', async () => {
    const wide = { ...clip, width: 32, pixels: clip.pixels.map(() => new Uint8Array(32 * height * 3)) }
    expect((await reason({ frames: wide })).message).toContain('clip at 24x16')
  })

  it('more frames than it was fitted to', async () => {
    const error = await reason({ frames: { ...clip, pixels: [...clip.pixels, ...clip.pixels] } })
    expect(error).toMatchObject({ code: 'ATLAS_MISMATCH', message: expect.stringContaining('--frames 5') as string })
  })

  it('a part of the clip it was fitted to; but a clip with fewer frames than the published code would take is right', async () => {
    const error = await reason({ frames: { ...clip, pixels: clip.pixels.slice(0, 3) } })
    expect(error).toMatchObject({
      code: 'ATLAS_MISMATCH',
      message: expect.stringContaining('a clip of 5 frames, as many as the atlas was fitted to; it has 3') as string,
    })
    expect((await open({}, sourceOf({ 'config.json': changedConfig({ maximum_number_of_frames: 70 }) }))).frames).toBe(
      5,
    )
  })

  it('weights of other shapes, or missing ones', async () => {
    const wider = await reason({}, sourceOf({ 'config.json': changedConfig({ number_of_channels_alpha: 16 }) }))
    expect(wider).toMatchObject({
      code: 'ATLAS_INVALID',
      message: expect.stringContaining(
        'model_F_alpha_state_dict.hidden.0.weight has shape [8, 30], its config.json asks for [16, 30]',
      ) as string,
    })
    const deeper = await reason({}, sourceOf({ 'config.json': changedConfig({ number_of_layers_mapping1: 7 }) }))
    expect(deeper.code).toBe('ATLAS_INVALID')
    const renamed = await reason(
      {},
      sourceOf({
        checkpoint: withPickle((pickle) => replaced(pickle, 'model_F_alpha_state_dict', 'model_G_alpha_state_dict')),
      }),
    )
    expect(renamed.message).toContain('no tensor model_F_alpha_state_dict.hidden.0.weight')
  })

  it('a checkpoint that is cut', async () => {
    expect((await reason({}, sourceOf({ checkpoint: files.checkpoint.subarray(0, 30000) }))).code).toBe(
      'PYTORCH_FILE_INVALID',
    )
  })

  it('a checkpoint that would call os.system: it is named and not called', async () => {
    const hostile = await reason(
      {},
      sourceOf({
        checkpoint: withPickle(() => Buffer.from('\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.', 'latin1')),
      }),
    )
    expect(hostile).toMatchObject({ code: 'PICKLE_UNSAFE', message: expect.stringContaining('os.system') as string })
  })
})

describe('the published networks', () => {
  it('have 1,217,152 parameters', () => {
    expect(networkNames.map((name) => weightCount(publishedNetworks[name]))).toEqual([264706, 133122, 402945, 416379])
  })

  it('at full width give what PyTorch gives', async () => {
    const full = readFixtureTensors('neuralAtlasFull')
    let k = 0
    for (const name of networkNames) {
      const weights = new Map(
        imlpParameters(publishedNetworks[name]).map(({ name: parameter, shape, fanIn }) => [
          parameter,
          { shape, data: Float32Array.from(hashed(sizeOf(shape), k++), (x) => (x * 2) / Math.sqrt(fanIn)) },
        ]),
      )
      const points = full(`${name}.points`)
      // A chunk that the points do not fill.
      const evaluator = new NetworkEvaluator(runtime, publishedNetworks[name], weights, 32)
      const { inputs } = publishedNetworks[name]
      const output = await evaluator.evaluate(40, (out, from, to) => {
        out.set(points.data.subarray(from * inputs, to * inputs))
      })
      expect(largestDifference(output, full(`${name}.output`).data), name).toBeLessThan(COLOUR_TOLERANCE)
      await evaluator.dispose()
    }
  })
})

function frameOf(name: string, t: number): Float32Array {
  const { shape, data } = tensor(name)
  const size = sizeOf(shape.slice(1))
  return data.subarray(t * size, (t + 1) * size)
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length)
  return a.reduce((worst, x, i) => Math.max(worst, Math.abs(x - b[i]!)), 0)
}

function withPickle(change: (pickle: Uint8Array) => Uint8Array): Uint8Array {
  const entries = unzipSync(files.checkpoint)
  const name = Object.keys(entries).find((entry) => entry.endsWith('data.pkl'))!
  return zipSync({ ...entries, [name]: change(entries[name]!) }, { level: 0 })
}

function replaced(pickle: Uint8Array, from: string, to: string): Uint8Array {
  return Buffer.from(Buffer.from(pickle).toString('latin1').replace(from, to), 'latin1')
}
