import { strToU8, zipSync, type Zippable } from 'fflate'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, expect, test } from 'vitest'
import { pixelImage } from '../../quantise.js'
import { encodePng } from '../encodePng.js'
import { readPaintedLayer } from '../readPaintedLayer.js'

const home = mkdtempSync(join(tmpdir(), 'text2live-painted-ora-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))

const [width, height] = [6, 4]
const solid = async (r: number, g: number, b: number, alpha: number, w = width, h = height) =>
  await encodePng(
    pixelImage(
      w,
      h,
      4,
      Uint8Array.from({ length: 4 * w * h }, (_, i) => [r, g, b, alpha][i % 4]!),
    ),
  )
const pictures = {
  'data/red.png': await solid(255, 0, 0, 255),
  'data/half.png': await solid(255, 0, 0, 51),
  'data/blue.png': await solid(0, 0, 255, 255),
  'data/small.png': await solid(0, 0, 255, 255, 2, 2),
  'data/grey.png': await solid(90, 90, 90, 255),
  'mergedimage.png': await solid(1, 2, 3, 255),
}

const image = (content: string) =>
  `<?xml version='1.0' encoding='UTF-8'?>\n<image w="${width}" h="${height}" version="0.0.3"><stack>${content}</stack></image>`
const layer = (name: string, src: string, more = '') => `<layer name="${name}" src="data/${src}.png" ${more}/>`
const photo = layer('photo', 'grey')
const edit = (more = '') => layer('edit layer', 'red', more)
const ora = (stack: string | Uint8Array, files: Zippable = {}) =>
  zipSync({
    mimetype: [strToU8('image/openraster'), { level: 0 }],
    'stack.xml': typeof stack === 'string' ? strToU8(stack) : stack,
    ...pictures,
    ...files,
  })

async function read(bytes: Uint8Array) {
  const path = join(home, 'painted.ora')
  writeFileSync(path, bytes)
  const notes: string[] = []
  const picture = await readPaintedLayer(path, { note: (message) => notes.push(message) })
  const at = (x = 0, y = 0): number[] =>
    [0, 1, 2, 3].map((c) => picture.data[(c * picture.height + y) * picture.width + x]!)
  return { picture, at, notes }
}
const close = (expected: readonly number[]): unknown => expected.map((value) => expect.closeTo(value, 6) as number)

test.each<[string, string, number[]]>([
  ['as it is', edit() + photo, [1, 0, 0, 1]],
  ['its own alpha', layer('edit layer', 'half') + photo, [1, 0, 0, 0.2]],
  ['opacity', edit('opacity="0.25"') + photo, [1, 0, 0, 0.25]],
  ['hidden', edit('visibility="hidden"') + photo, [0, 0, 0, 0]],
  ['a new layer above', layer('Layer 1', 'blue', 'opacity="0.5"') + edit() + photo, [0.5, 0, 0.5, 1]],
  [
    'a stack',
    `<stack name="g" opacity="0.5" isolation="isolate">${layer('Layer 1', 'blue')}${edit()}</stack>${photo}`,
    [0, 0, 1, 0.5],
  ],
  ['stacks in stacks', `<stack><stack opacity="0.5">${edit('opacity="0.5"')}</stack></stack>${photo}`, [1, 0, 0, 0.25]],
  ['a hidden stack', `<stack visibility="hidden">${layer('Layer 1', 'blue')}</stack>${edit()}${photo}`, [1, 0, 0, 1]],
  ['the base hidden', edit() + layer('photo', 'grey', 'visibility="hidden"'), [1, 0, 0, 1]],
  ['without a base, renamed', layer('paint', 'blue'), [0, 0, 1, 1]],
  [
    'single quotes, other order, entities, a comment',
    `<!-- <layer name="edit layer"/> --><layer  opacity='0.5'  src='data/red.png'\n name='&quot;a&quot; &amp; &#98; &lt;' composite-op='svg:src-over'></layer>${photo}`,
    [1, 0, 0, 0.5],
  ],
  [
    'attributes of other programs',
    edit('mypaint:selected="true" selected="true" edit-locked="false"') + photo,
    [1, 0, 0, 1],
  ],
])('what is seen is taken: %s', async (_, content, expected) => {
  expect((await read(ora(image(content)))).at()).toEqual(close(expected))
})

test('layers keep their place, over the edges too', async () => {
  const { at } = await read(
    ora(image(layer('Layer 1', 'small', 'x="-1" y="3"') + layer('edit layer', 'small', 'x="4" y="-1"') + photo)),
  )
  expect([at(0, 3), at(1, 3), at(0, 2), at(4, 0), at(5, 0), at(3, 0), at(4, 1)].map((values) => values[3])).toEqual([
    1, 0, 0, 1, 1, 0, 0,
  ])
})

test('16 bits are kept', async () => {
  const sixteen = await encodePng(
    pixelImage(
      width,
      height,
      4,
      Uint16Array.from({ length: 4 * width * height }, (_, i) => [12345, 1, 65534, 40000][i % 4]!),
    ),
  )
  expect((await read(ora(image(edit()), { 'data/red.png': sixteen }))).at()).toEqual(
    [12345, 1, 65534, 40000].map((value) => Math.fround(value / 65535)),
  )
})

test('the text of stack.xml may be UTF-16, have a mark, or say its encoding', async () => {
  const text = image(layer('été', 'red') + photo)
  const utf16 = Buffer.from(`\ufeff${text.replace('UTF-8', 'UTF-16')}`, 'utf16le')
  const latin1 = Buffer.from(text.replace('UTF-8', 'ISO-8859-1'), 'latin1')
  for (const stack of [strToU8(`\ufeff${text}`), utf16, latin1])
    expect((await read(ora(stack))).at()).toEqual([1, 0, 0, 1])
})

test('how a file was taken is told', async () => {
  expect((await read(ora(image(edit('visibility="hidden"') + photo)))).notes.join()).toMatch(/^Nothing is painted in/)
  const flat = await read(ora(image('')))
  expect(flat.at()).toEqual([1, 2, 3, 255].map((value) => Math.fround(value / 255)))
  expect(flat.notes.join()).toMatch(/has no layers: all of it is taken/)
})

test.each<[string, string, string]>([
  [
    'blend modes',
    layer('shade', 'blue', 'composite-op="svg:multiply"') + edit() + photo,
    'layer "shade" of .* has the blend mode "svg:multiply"',
  ],
  [
    'of a stack',
    `<stack name="g" composite-op="svg:screen">${edit()}</stack>${photo}`,
    'group "g" of .* has the blend mode "svg:screen"',
  ],
  ['filters', `<filter name="blur"/>${edit()}${photo}`, 'layer "blur" of .* is no layer of pixels \\(<filter>\\)'],
  [
    'a stack with a place',
    `<stack name="g" x="3">${edit()}</stack>${photo}`,
    'group "g" of .* is a group with a place of its own',
  ],
])('what is no colour and opacity is refused by name: %s', async (_, content, message) => {
  await expect(read(ora(image(content)))).rejects.toMatchObject({
    code: 'LAYER_UNSUPPORTED',
    message: expect.stringMatching(new RegExp(`^The ${message}`)) as string,
  })
})

test.each<[string, string, string]>([
  ['text that a backtracking pattern never ends with', '<layer '.repeat(75_000), 'INPUT_TRUNCATED'],
  [
    'entities that unfold',
    `<!DOCTYPE image [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>${image(layer('&b;', 'red')).slice(39)}`,
    'INPUT_TRUNCATED',
  ],
  ['nesting', image('<stack>'.repeat(100_000)), 'INPUT_TRUNCATED'],
  ['too many layers', image('<layer/>'.repeat(20_000)), 'INPUT_TRUNCATED'],
  ['no image', '<stack/>', 'INPUT_TRUNCATED'],
  [
    'a size without bound',
    image(edit()).replace('w="6"', 'w="999999"').replace('h="4"', 'h="999999"'),
    'INPUT_TOO_LARGE',
  ],
  ['a size that is none', image(edit()).replace('w="6"', 'w="1e3"'), 'INPUT_TRUNCATED'],
  ['opacity that is none', image(edit('opacity="none"')), 'INPUT_TRUNCATED'],
  ['a picture that is not there', image(layer('edit layer', 'gone')), 'INPUT_TRUNCATED'],
])('a stack.xml is refused with a code, soon: %s', async (_, stack, code) => {
  const started = performance.now()
  await expect(read(ora(stack))).rejects.toMatchObject({ code })
  expect(performance.now() - started).toBeLessThan(10_000)
})

test('what unfolds into more than it says, or into too much, is refused', async () => {
  const honest = ora(image(edit() + photo), { 'data/red.png': [new Uint8Array(5_000_000), { level: 1 }] })
  /** With another size in both places where it stands. */
  const claiming = (size: number) => {
    const bytes = Buffer.from(honest)
    for (let i = bytes.indexOf('data/red.png'); i >= 0; i = bytes.indexOf('data/red.png', i + 1)) {
      for (const [header, signature, field] of [
        [30, 0x04034b50, 22],
        [46, 0x02014b50, 24],
      ] as const)
        if (bytes.readUInt32LE(i - header) === signature) bytes.writeUInt32LE(size, i - header + field)
    }
    return bytes
  }
  await expect(read(claiming(2_000_000_000))).rejects.toMatchObject({
    code: 'INPUT_TOO_LARGE',
    message: expect.stringContaining('"data/red.png"') as string,
  })
  await expect(read(claiming(1000))).rejects.toMatchObject({
    code: 'INPUT_TRUNCATED',
    message: expect.stringContaining('too many bytes') as string,
  })
  const wide = await sharp({ create: { width: 5000, height: 4000, channels: 3, background: 'red' } })
    .toColourspace('b-w')
    .png({ compressionLevel: 1 })
    .toBuffer()
  await expect(read(ora(image(edit() + photo), { 'data/red.png': wide }))).rejects.toMatchObject({
    code: 'INPUT_TOO_LARGE',
    message: expect.stringContaining('5000x4000') as string,
  })
})

test('another zip archive, and every cut of a document, are refused with a code', async () => {
  await expect(read(zipSync({ 'word/document.xml': strToU8('<a/>') }))).rejects.toMatchObject({
    code: 'INPUT_NOT_IMAGE',
  })
  const whole = ora(image(edit() + photo))
  for (let length = 4; length < whole.length; length += 61)
    await expect(read(whole.subarray(0, length))).rejects.toMatchObject({ name: 'Text2LiveError' })
})
