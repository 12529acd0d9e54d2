import sharp from 'sharp'
import { expect, test } from 'vitest'
import { sniffFormat } from './sniffFormat.js'

const bytes = (text: string): Uint8Array => Uint8Array.from({ length: text.length }, (_, i) => text.charCodeAt(i))
const box = (major: string, ...compatible: string[]): Uint8Array =>
  bytes(`\0\0\0${String.fromCharCode(16 + 4 * compatible.length)}ftyp${major}\0\0\0\0${compatible.join('')}rest`)

/** A TIFF file of one directory; a value of the type SHORT or LONG stands in its entry. */
function tiff(
  little: boolean,
  entries: readonly (readonly [tag: number, count: number, value: number, type?: number])[],
  sub: readonly (readonly [number, number, number, number?])[] = [],
): Uint8Array {
  const at = 8 + 6 + 12 * entries.length
  const view = new DataView(new ArrayBuffer(at + 6 + 12 * sub.length))
  view.setUint16(0, little ? 0x4949 : 0x4d4d)
  view.setUint16(2, 42, little)
  view.setUint32(4, 8, little)
  for (const [start, list] of [
    [8, entries],
    [at, sub],
  ] as const) {
    view.setUint16(start, list.length, little)
    for (const [i, [tag, count, value, type = 3]] of list.entries()) {
      const entry = start + 2 + 12 * i
      view.setUint16(entry, tag, little)
      view.setUint16(entry + 2, type, little)
      view.setUint32(entry + 4, count, little)
      if (type === 3) view.setUint16(entry + 8, value, little)
      else view.setUint32(entry + 8, value === -1 ? at : value, little)
    }
  }
  return new Uint8Array(view.buffer)
}

test.each([
  ['HEIC', box('heic', 'mif1', 'heic'), /HEIC/, /sips .*heif-convert .*Most Compatible/],
  ['HEIC of a burst', box('hevc'), /HEIC/, /sips/],
  ['HEIC under a neutral name', box('mif1', 'heic'), /HEIC/, /sips/],
  ['JPEG XL', bytes('\xff\x0a\xfa\x1f'), /JPEG XL/, /djxl/],
  ['JPEG XL in boxes', bytes('\0\0\0\x0cJXL \r\n\x87\n'), /JPEG XL/, /djxl/],
  ['GIF', bytes('GIF89a'), /GIF/, /text2live video/],
  ['BMP', bytes('BM\0\0\0\0'), /BMP/, /magick/],
  ['SVG', bytes('<svg xmlns="http://www.w3.org/2000/svg"/>'), /SVG/, /rsvg-convert/],
  [
    'SVG with a declaration',
    bytes('\xef\xbb\xbf<?xml version="1.0"?>\n<!DOCTYPE svg PUBLIC "a" "b">\n<!-- made -->\n<svg/>'),
    /SVG/,
    /rsvg-convert/,
  ],
  ['a clip', box('isom', 'mp41'), /a video or other media container \("isom"\)/, /text2live video/],
  ['WebM', bytes('\x1aE\xdf\xa3'), /a video/, /text2live video/],
  ['CR3', box('crx ', 'crx '), /a camera raw file/, /darktable/],
  ['CR2', bytes('II*\0\x10\0\0\0CR\x02\0'), /a camera raw file/, /16-bit TIFF/],
  ['RAF', bytes('FUJIFILMCCD-RAW'), /a camera raw file/, /darktable/],
  [
    'DNG',
    tiff(true, [
      [254, 1, 1, 4],
      [50706, 4, 1, 4],
    ]),
    /a camera raw file/,
    /darktable/,
  ],
  [
    'NEF: a thumbnail, the samples in a directory below',
    tiff(
      false,
      [
        [262, 1, 2],
        [330, 1, -1, 4],
      ],
      [[262, 1, 32803]],
    ),
    /a camera raw file/,
    /darktable/,
  ],
])('%s is named, with the way out', (_, file, looksLike, remedy) => {
  const sniffed = sniffFormat(file)
  expect(sniffed.format).toBeUndefined()
  expect(sniffed.looksLike).toMatch(looksLike)
  expect(sniffed.remedy).toMatch(remedy)
})

test('a TIFF file, also one of damaged directories, is none of a camera', async () => {
  const picture = { create: { width: 8, height: 8, channels: 3 as const, background: '#345' } }
  expect(sniffFormat(await sharp(picture).tiff().toBuffer()).format).toBe('tiff')
  expect(
    sniffFormat(await sharp(picture).tiff({ pyramid: true, tile: true, tileWidth: 16, tileHeight: 16 }).toBuffer())
      .format,
  ).toBe('tiff')
  // A directory that names itself as the next one.
  expect(sniffFormat(tiff(true, [[330, 2 ** 31, 8, 4]])).format).toBe('tiff')
  expect(sniffFormat(bytes('MM\0*\0\0')).format).toBe('tiff')
})

test('AVIF under a neutral name is AVIF', async () => {
  expect(
    sniffFormat(
      await sharp({ create: { width: 8, height: 8, channels: 3, background: '#345' } })
        .avif()
        .toBuffer(),
    ).format,
  ).toBe('avif')
  expect(sniffFormat(box('mif1', 'avif', 'miaf')).format).toBe('avif')
})
