import { writePsdUint8Array, type Layer, type Psd } from 'ag-psd'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { afterAll, expect, test } from 'vitest'
import type { FloatImage } from '../../image.js'
import { readPaintedLayer } from '../readPaintedLayer.js'

const home = mkdtempSync(join(tmpdir(), 'text2live-painted-psd-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))

const [width, height] = [6, 4]
type Colour = readonly [number, number, number, number]
const [red, blue, grey, clear]: Colour[] = [
  [255, 0, 0, 255],
  [0, 0, 255, 255],
  [90, 90, 90, 255],
  [0, 0, 0, 0],
]
const solid = (colour: Colour = grey!, w = width, h = height) => ({
  width: w,
  height: h,
  data: Uint8ClampedArray.from({ length: 4 * w * h }, (_, i) => colour[i % 4]!),
})
const photo: Layer = { name: 'photo', imageData: solid() }
const edit = (more: Layer = {}): Layer => ({ name: 'edit layer', imageData: solid(red), ...more })
const layer = (name: string, colour: Colour, more: Layer = {}): Layer => ({ name, imageData: solid(colour), ...more })
const mask = (value: number, more: NonNullable<Layer['mask']> = {}): Pick<Layer, 'mask'> => ({
  mask: {
    top: 0,
    left: 0,
    bottom: height,
    right: width,
    defaultColor: 0,
    imageData: solid([value, value, value, 255]),
    ...more,
  },
})
const psd = (children: Layer[], more: Partial<Psd> = {}) =>
  writePsdUint8Array({ width, height, imageData: solid(), children, ...more }, { noBackground: true })

async function read(bytes: Uint8Array, base?: FloatImage) {
  const path = join(home, 'painted.psd')
  writeFileSync(path, bytes)
  const notes: string[] = []
  const image = await readPaintedLayer(path, { ...(base ? { base } : {}), note: (message) => notes.push(message) })
  /** RGBA of a pixel. */
  const at = (x = 0, y = 0): number[] => [0, 1, 2, 3].map((c) => image.data[(c * image.height + y) * image.width + x]!)
  return { image, at, notes }
}

/** Of a document whose layers are all the same everywhere. */
const pixel = async (children: Layer[]): Promise<number[]> => (await read(psd(children))).at()
const close = (expected: readonly number[]): unknown => expected.map((value) => expect.closeTo(value, 6) as number)
const half = 128 / 255

test.each<[string, Layer[], number[]]>([
  ['as it is', [photo, edit()], [1, 0, 0, 1]],
  ['opacity', [photo, edit({ opacity: 0.5 })], [1, 0, 0, half]],
  ['opacity and fill', [photo, edit({ opacity: 0.5, fillOpacity: 0.5 })], [1, 0, 0, (half * 127) / 255]],
  ['hidden', [photo, edit({ hidden: true })], [0, 0, 0, 0]],
  ['a mask that hides all', [photo, edit(mask(0))], [1, 0, 0, 0]],
  ['a grey mask', [photo, edit(mask(51))], [1, 0, 0, 0.2]],
  ['a disabled mask', [photo, edit(mask(0, { disabled: true }))], [1, 0, 0, 1]],
  ['a mask with density', [photo, edit(mask(0, { userMaskDensity: 0.6 }))], [1, 0, 0, 0.4]],
  [
    'a mask that begins beside the pixel, white there',
    [photo, edit(mask(0, { left: 2, right: 4, defaultColor: 255, imageData: solid([0, 0, 0, 255], 2) }))],
    [1, 0, 0, 1],
  ],
  ['a new layer above an empty one', [photo, edit({ imageData: solid(clear) }), layer('Layer 1', blue!)], [0, 0, 1, 1]],
  ['a new layer at 50 % above', [photo, edit(), layer('Layer 1', blue!, { opacity: 0.5 })], [1 - half, 0, half, 1]],
  [
    'two half layers',
    [photo, edit({ opacity: 0.5 }), layer('Layer 1', blue!, { opacity: 0.5 })],
    [(half * (1 - half)) / (half + half * (1 - half)), 0, half / (half + half * (1 - half)), half + half * (1 - half)],
  ],
  ['below the edit layer', [photo, layer('Layer 1', blue!), edit({ opacity: 0.5 })], [half, 0, 1 - half, 1]],
  [
    'a group',
    [photo, { name: 'g', opacity: 0.5, blendMode: 'normal', children: [edit(), layer('Layer 1', blue!)] }],
    [0, 0, 1, half],
  ],
  [
    'a group that is passed through',
    [photo, edit(), { name: 'g', opacity: 0.5, blendMode: 'pass through', children: [layer('Layer 1', blue!)] }],
    [1 - half, 0, half, 1],
  ],
  ['a masked group', [photo, { name: 'g', children: [edit()], ...mask(51) }], [1, 0, 0, 0.2]],
  ['a hidden group', [photo, edit(), { name: 'g', hidden: true, children: [layer('Layer 1', blue!)] }], [1, 0, 0, 1]],
  ['everything in a group, the base too', [{ name: 'g', children: [photo, edit({ opacity: 0.5 })] }], [1, 0, 0, half]],
  [
    'clipped',
    [photo, edit({ imageData: solid([255, 0, 0, 51]) }), layer('Layer 1', blue!, { clipping: true })],
    [0, 0, 1, 0.2],
  ],
  [
    'clipped at 50 %',
    [photo, edit({ ...mask(51) }), layer('Layer 1', blue!, { clipping: true, opacity: 0.5 })],
    [1 - half, 0, half, 0.2],
  ],
  [
    'clipped to a hidden layer',
    [photo, edit({ hidden: true }), layer('Layer 1', blue!, { clipping: true })],
    [0, 0, 0, 0],
  ],
  [
    'clipped to the base',
    [
      photo,
      edit({ imageData: solid(clear) }),
      { ...photo, name: 'atlas' },
      layer('Layer 1', blue!, { clipping: true, opacity: 0.5 }),
    ],
    [0, 0, 1, half],
  ],
  ['the base hidden', [{ ...photo, hidden: true }, edit()], [1, 0, 0, 1]],
  ['the base deleted', [edit()], [1, 0, 0, 1]],
  ['the edit layer renamed', [photo, layer('my paint', blue!)], [0, 0, 1, 1]],
  ['under the base', [edit(), photo], [1, 0, 0, 0]],
  ['under the base, which is hidden', [edit(), { ...photo, hidden: true }], [1, 0, 0, 1]],
  ['beside the canvas', [photo, edit({ left: width, top: 0 })], [0, 0, 0, 0]],
])('what is seen is taken: %s', async (_, children, expected) => {
  expect(await pixel(children)).toEqual(close(expected))
})

test('layers keep their place, over the edges too, and masks theirs', async () => {
  const { at } = await read(
    psd([
      photo,
      edit({ left: -3, top: 2 }),
      layer('Layer 1', blue!, {
        left: 4,
        top: -1,
        ...mask(0, { left: 5, top: 0, right: 9, bottom: 1, defaultColor: 255, imageData: solid([0, 0, 0, 255], 4, 1) }),
      }),
    ]),
  )
  expect([at(2, 1), at(2, 2), at(3, 2), at(4, 2), at(5, 0)]).toEqual([
    [0, 0, 0, 0],
    [1, 0, 0, 1],
    [0, 0, 0, 0],
    [0, 0, 1, 1],
    [0, 0, 1, 0],
  ])
})

test('large documents (PSB) and packed layers are the same', async () => {
  const children = [photo, edit({ opacity: 0.5 })]
  const document = { width, height, imageData: solid(), children }
  for (const options of [{ psb: true }, { compress: true }])
    expect((await read(writePsdUint8Array(document, { noBackground: true, ...options }))).at()).toEqual(
      close([1, 0, 0, half]),
    )
})

test('how a file was taken is told', async () => {
  const base: FloatImage = { width, height, channels: 3, data: new Float32Array(3 * width * height).fill(90 / 255) }
  const told = async (children: Layer[]) => (await read(psd(children), base)).notes.join('\n')
  const small = edit({ imageData: solid(red, 2, 2) })
  expect(await told([photo, small])).toBe('')
  expect(await told([photo, edit({ hidden: true })])).toMatch(
    /^Nothing is painted in ".*painted\.psd": no visible layer besides the base shows anything\.$/,
  )
  expect(await told([photo, edit()])).toMatch(/covers all of the picture: nothing of the clip shows through/)
  expect(await told([layer('Background', grey!), small])).toMatch(
    /^The layer "Background" of .* is the atlas image as it was, and stands for the clip\.$/,
  )
  expect(await told([layer('atlas', blue!), small])).toMatch(
    /^The layer "atlas" of .* differs from the atlas image in 100 % of its pixels\. .*what is painted on it is not taken: paint on "edit layer" or on a new layer/,
  )
  expect(await told([{ ...photo, opacity: 0.5 }, small])).toMatch(
    /^The layer "photo" .* stands for the clip, which stays as it is: its opacity, mask and effects are not taken/,
  )
  expect(await told([small, photo])).toMatch(/what lies under the base is hidden by it and left out/)
  expect(await told([photo, small, layer('mask', grey!)])).toMatch(
    /^The layer "mask" .* is left out\. Rename it if it is painted\.$/,
  )
  expect(await told([layer('atlas', blue!)])).toMatch(
    /has no layer besides "atlas": that is taken as the painted layer/,
  )
  expect(await told([])).toMatch(/has no layers: all of it is taken/)
})

test('a layer that is the picture painted over is no paint, whatever it is called', async () => {
  const base: FloatImage = { width, height, channels: 3, data: new Float32Array(3 * width * height).fill(90 / 255) }
  const { at } = await read(psd([layer('Background', grey!), edit({ imageData: solid(red, 2, 2) })]), base)
  expect([at(1, 1), at(2, 2)]).toEqual([
    [1, 0, 0, 1],
    [0, 0, 0, 0],
  ])
})

test.each<[string, Layer, string]>([
  [
    'a blend mode',
    layer('shade', blue!, { blendMode: 'multiply' }),
    'layer "shade" of .* has the blend mode "multiply"',
  ],
  ['of a group', { name: 'g', blendMode: 'screen', children: [edit()] }, 'group "g" of .* has the blend mode "screen"'],
  [
    'clipped',
    layer('shade', blue!, { blendMode: 'soft light', clipping: true }),
    'layer "shade" of .* has the blend mode "soft light"',
  ],
  [
    'an adjustment',
    { name: 'Levels 1', adjustment: { type: 'invert' } },
    'layer "Levels 1" of .* is an adjustment layer \\(invert\\)',
  ],
  [
    'a fill layer without pixels',
    { name: 'Fill', vectorFill: { type: 'color', color: { r: 1, g: 2, b: 3 } } },
    'layer "Fill" of .* is a fill layer \\(solid color\\) without pixels',
  ],
  [
    'effects',
    layer('glow', blue!, {
      effects: { dropShadow: [{ enabled: true, size: { units: 'Pixels', value: 3 }, opacity: 1 }] },
    }),
    'layer "glow" of .* has layer effects',
  ],
  ['a knockout', layer('hole', blue!, { knockout: true }), 'layer "hole" of .* is a knockout'],
  [
    'a feathered mask',
    layer('soft', blue!, mask(128, { userMaskFeather: 2 })),
    'layer "soft" of .* has a feathered mask',
  ],
  [
    'a vector mask',
    layer('path', blue!, {
      vectorMask: { paths: [{ open: false, operation: 'combine', fillRule: 'even-odd', knots: [] }] },
    }),
    'layer "path" of .* has a vector mask',
  ],
  [
    'Blend If',
    layer('if', blue!, {
      blendingRanges: {
        compositeGrayBlendSource: [10, 10, 255, 255],
        compositeGraphBlendDestinationRange: [0, 0, 255, 255],
        ranges: [],
      },
    }),
    'layer "if" of .* is blended by brightness',
  ],
])('what is no colour and opacity is refused by name: %s', async (_, one, message) => {
  await expect(read(psd([photo, edit(), one]))).rejects.toMatchObject({
    code: 'LAYER_UNSUPPORTED',
    message: expect.stringMatching(new RegExp(`^The ${message}`)) as string,
  })
  expect((await read(psd([photo, edit(), { ...one, hidden: true }]))).at()).toEqual([1, 0, 0, 1])
})

test('what is switched off or shows nothing is not refused', async () => {
  expect(
    await pixel([
      photo,
      edit({ effects: { dropShadow: [{ enabled: false, size: { units: 'Pixels', value: 3 }, opacity: 1 }] } }),
    ]),
  ).toEqual([1, 0, 0, 1])
  expect(await pixel([photo, edit(), layer('shade', clear!, { blendMode: 'multiply' })])).toEqual([1, 0, 0, 1])
})

/** The parts of a PSD, each with its length before it but for the last. */
function document(
  header: { depth?: number; mode?: number; channels?: number; width?: number; height?: number },
  resources: Buffer,
  layers: Buffer,
  merged: Buffer,
): Buffer {
  const head = Buffer.alloc(26)
  head.write('8BPS\0\x01', 'latin1')
  head.writeUInt16BE(header.channels ?? 3, 12)
  head.writeUInt32BE(header.height ?? 2, 14)
  head.writeUInt32BE(header.width ?? 2, 18)
  head.writeUInt16BE(header.depth ?? 8, 22)
  head.writeUInt16BE(header.mode ?? 3, 24)
  return Buffer.concat([head, counted(Buffer.alloc(0)), counted(resources), counted(layers), merged])
}

const counted = (bytes: Uint8Array): Buffer => Buffer.concat([u32(bytes.length), bytes])
const u32 = (...values: number[]): Buffer =>
  Buffer.concat(
    values.map((value) => {
      const out = Buffer.alloc(4)
      out.writeInt32BE(value | 0)
      return out
    }),
  )
const u16 = (...values: number[]): Buffer =>
  Buffer.concat(
    values.map((value) => {
      const out = Buffer.alloc(2)
      out.writeUInt16BE(value & 0xffff)
      return out
    }),
  )
const resource = (id: number, bytes: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from('8BIM'), u16(id, 0), u32(bytes.length), bytes, Buffer.alloc(bytes.length % 2)])

/** Layer info of one layer, "edit layer", whose channels are given as the file holds them. */
function oneLayer(
  place: readonly [number, number, number, number],
  channels: readonly (readonly [number, Buffer])[],
  lengths = channels.map(([, bytes]) => bytes.length),
): Buffer {
  const name = Buffer.from('\x0aedit layer\0', 'latin1')
  const record = Buffer.concat([
    u32(...place),
    u16(channels.length),
    ...channels.map(([id], i) => Buffer.concat([u16(id), u32(lengths[i]!)])),
    Buffer.from('8BIMnorm\xff\0\0\0', 'latin1'),
    counted(Buffer.concat([u32(0, 0), name])),
  ])
  return Buffer.concat([u16(1), record, ...channels.map(([, bytes]) => bytes)])
}

test('16 bits are read as they are: merged, raw and packed, and layers in each compression', async () => {
  const samples = [
    [0x8000, 0xff00, 0x4000, 1],
    [0, 65535, 257, 12345],
    [65534, 2, 3, 4],
  ]
  const plane = (values: number[]) => values.map((value) => Math.fround(value / 65535))
  const planes = samples.map((values) => u16(...values))
  // Each row of two samples as four literal bytes.
  const packed = planes.map((bytes) =>
    Buffer.concat([u16(5, 5), Buffer.from([3]), bytes.subarray(0, 4), Buffer.from([3]), bytes.subarray(4)]),
  )
  const lengths = Buffer.concat(packed.map((bytes) => bytes.subarray(0, 4)))
  const rows = Buffer.concat(packed.map((bytes) => bytes.subarray(4)))
  const flat = [Buffer.concat([u16(0), ...planes]), Buffer.concat([u16(1), lengths, rows])]
  for (const merged of flat) {
    const { image } = await read(document({ depth: 16 }, Buffer.alloc(0), Buffer.alloc(0), merged))
    expect([...image.data]).toEqual([...samples.flatMap(plane), 1, 1, 1, 1])
  }
  const differences = samples.map((values) =>
    u16(values[0]!, values[1]! - values[0]!, values[2]!, values[3]! - values[2]!),
  )
  const compressed = [
    planes,
    packed,
    planes.map((bytes) => deflateSync(bytes)),
    differences.map((bytes) => deflateSync(bytes)),
  ]
  for (const [compression, channels] of compressed.entries()) {
    const info = oneLayer(
      [0, 0, 2, 2],
      channels.map((bytes, id) => [id, Buffer.concat([u16(compression), bytes])]),
    )
    // Where a document of 16 bits has its layers: in a block behind an empty layer info and an empty mask info.
    const layers = Buffer.concat([u32(0, 0), Buffer.from('8BIMLr16'), counted(info)])
    const { image } = await read(document({ depth: 16 }, Buffer.alloc(0), layers, flat[0]!))
    expect([...image.data]).toEqual([...samples.flatMap(plane), 1, 1, 1, 1])
  }
})

test('greyscale is read, and a fourth channel of a flat document is its transparency, over white', async () => {
  const grey = await read(
    document({ mode: 1, channels: 1 }, Buffer.alloc(0), Buffer.alloc(0), Buffer.from([0, 0, 0, 51, 102, 255])),
  )
  expect(grey.at(1, 0)).toEqual(close([0.2, 0.2, 0.2, 1]))
  const pixels = [
    [255, 255, 255, 255],
    [204, 255, 255, 255],
    [204, 255, 255, 255],
    [51, 255, 0, 255],
  ]
  const { at } = await read(
    document({ channels: 4 }, Buffer.alloc(0), Buffer.alloc(0), Buffer.from([0, 0, ...pixels.flat()])),
  )
  expect(at()).toEqual(close([1, 0, 0, 0.2]))
})

test('colours are converted by the profile of the document', async () => {
  const icc = async (profile: string) =>
    (
      await sharp({ create: { width: 1, height: 1, channels: 3, background: 'red' } })
        .withIccProfile(profile)
        .png()
        .toBuffer()
        .then((png) => sharp(png).metadata())
    ).icc!
  const merged = Buffer.from([0, 0, ...[234, 51, 35].flatMap((value) => Array.from({ length: 4 }, () => value))])
  const p3 = await read(document({}, resource(1039, await icc('p3')), Buffer.alloc(0), merged))
  for (const [c, value] of [255, 0, 0, 255].entries()) expect(Math.abs(p3.at()[c]! * 255 - value)).toBeLessThan(3.5)
  const srgb = await read(document({}, resource(1039, await icc('srgb')), Buffer.alloc(0), merged))
  expect(srgb.at()).toEqual([234, 51, 35, 255].map((value) => Math.fround(value / 255)))
  const cmyk = Buffer.from(await icc('p3'))
  cmyk.write('CMYK', 16)
  await expect(read(document({}, resource(1039, cmyk), Buffer.alloc(0), merged))).rejects.toMatchObject({
    code: 'INPUT_TRUNCATED',
    message: expect.stringContaining('"CMYK"') as string,
  })
  await expect(
    read(document({}, resource(1039, Buffer.from('nothing')), Buffer.alloc(0), merged)),
  ).rejects.toMatchObject({ code: 'INPUT_TRUNCATED' })
})

test('other colour modes and depths are refused', async () => {
  const of = (header: Parameters<typeof document>[0]) =>
    read(document(header, Buffer.alloc(0), Buffer.alloc(0), Buffer.alloc(100)))
  for (const [header, words] of [
    [{ mode: 4, channels: 4 }, 'CMYK'],
    [{ mode: 9 }, 'Lab'],
    [{ mode: 2, channels: 1 }, 'indexed'],
    [{ mode: 0, channels: 1, depth: 1 }, 'bitmap'],
    [{ depth: 32 }, '32 bits'],
  ] as const) {
    await expect(of(header)).rejects.toMatchObject({
      code: 'INPUT_NOT_IMAGE',
      message: expect.stringContaining(words) as string,
    })
  }
})

test('what a file claims takes no memory: sizes, rows, layers and packed bytes are checked first', async () => {
  const none = Buffer.alloc(0)
  const one = (place: [number, number, number, number], bytes: Buffer, lengths?: number[]) => {
    const info = oneLayer(
      place,
      [0, 1, 2].map((id) => [id, bytes] as const),
      lengths,
    )
    return read(document({}, none, counted(info), Buffer.alloc(14)))
  }
  const before = process.memoryUsage().arrayBuffers
  await expect(
    read(document({ width: 30_000, height: 30_000 }, none, none, Buffer.alloc(200_000))),
  ).rejects.toMatchObject({ code: 'INPUT_TOO_LARGE' })
  await expect(
    read(document({ width: 4000, height: 4000 }, none, none, Buffer.concat([u16(1), Buffer.alloc(24_000)]))),
  ).rejects.toMatchObject({ code: 'INPUT_TRUNCATED' })
  await expect(
    one([0, 0, 30_000, 30_000], Buffer.concat([u16(2), deflateSync(Buffer.alloc(1000))])),
  ).rejects.toMatchObject({ code: 'INPUT_TOO_LARGE' })
  await expect(one([0, 0, 3000, 3000], Buffer.concat([u16(2), deflateSync(Buffer.alloc(1000))]))).rejects.toMatchObject(
    { code: 'INPUT_TRUNCATED' },
  )
  await expect(
    one([0, 0, 2, 2], Buffer.concat([u16(2), deflateSync(Buffer.alloc(100_000_000))])),
  ).rejects.toMatchObject({ code: 'INPUT_TRUNCATED' })
  await expect(one([0, 0, 2, 2], Buffer.alloc(6), [6, 6, 2 ** 31])).rejects.toMatchObject({ code: 'INPUT_TRUNCATED' })
  await expect(one([0, 0, -2, 2], Buffer.alloc(6))).rejects.toMatchObject({ code: 'INPUT_TRUNCATED' })
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(500_000_000)
  const base: FloatImage = { width: 3, height: 2, channels: 3, data: new Float32Array(18) }
  await expect(read(document({}, none, none, none), base)).rejects.toMatchObject({
    code: 'SHAPE_MISMATCH',
    message: expect.stringMatching(/3x2, but ".*" is 2x2/) as string,
  })
})

test('every cut of a document is refused with a code, or gives a picture', async () => {
  const whole = psd([photo, { name: 'g', children: [edit(mask(51))] }])
  let refused = 0
  for (let length = 1; length < whole.length; length += 7) {
    await read(whole.subarray(0, length)).then(undefined, (error: unknown) => {
      refused++
      expect(error).toMatchObject({ name: 'Text2LiveError' })
    })
  }
  expect(refused).toBeGreaterThan(whole.length / 14)
})
