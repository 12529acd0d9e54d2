import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { type PixelImage, dequantise, pixelImage } from '../quantise.js'
import { encodeOra } from '../encodeOra.js'
import { encodePng } from './encodePng.js'
import { encodePsd } from '../encodePsd.js'
import { readPaintedLayer } from './readPaintedLayer.js'
import { writePsdLayers } from '../writePsdLayers.js'

const home = mkdtempSync(join(tmpdir(), 'text2live-painted-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))

const picture = (channels: 3 | 4, seed: number): PixelImage =>
  pixelImage(
    40,
    30,
    channels,
    Uint8Array.from({ length: 40 * 30 * channels }, (_, i) =>
      channels === 4 && i % 4 === 3 ? 255 : (i * seed + (i >> 4)) % 256,
    ),
  )
const [photo, edit, composite] = [picture(3, 7), picture(4, 13), picture(3, 29)]

async function read(name: string, bytes: Uint8Array) {
  writeFileSync(join(home, name), bytes)
  return await readPaintedLayer(join(home, name))
}

test('the edit layer of what we write comes back: PNG, PSD, ORA', async () => {
  const expected = dequantise(edit)
  expect(await read('edit.png', await encodePng(edit))).toEqual(expected)
  expect(await read('layers.psd', encodePsd({ photo, edit, composite }))).toEqual(expected)
  expect(await read('layers.ora', await encodeOra({ photo, edit, composite }, encodePng))).toEqual(expected)
  expect(
    await read(
      'atlas.psd',
      writePsdLayers(composite, [
        { name: 'atlas', image: photo },
        { name: 'edit layer', image: edit },
        { name: 'mask', image: photo, hidden: true },
      ]),
    ),
  ).toEqual(expected)
})

test('a picture without alpha is opaque; a PSD without an edit layer counts as a whole', async () => {
  const opaque = await read('photo.png', await encodePng(photo))
  expect([...opaque.data.subarray(0, 3600)]).toEqual([...dequantise(photo).data])
  expect(opaque.data.subarray(3600).every((value) => value === 1)).toBe(true)
  expect((await read('flat.psd', writePsdLayers(photo, [{ name: 'painting', image: photo }]))).data).toEqual(
    opaque.data,
  )
})

test('files that are damaged, missing or something else are refused with a code', async () => {
  const psd = encodePsd({ photo, edit, composite })
  await expect(read('cut.psd', psd.subarray(0, psd.length / 2))).rejects.toMatchObject({ code: 'INPUT_TRUNCATED' })
  const ora = await encodeOra({ photo, edit, composite }, encodePng)
  await expect(read('cut.ora', ora.subarray(0, ora.length / 2))).rejects.toMatchObject({ code: 'INPUT_TRUNCATED' })
  await expect(read('words.txt', new TextEncoder().encode('hello'))).rejects.toMatchObject({ code: 'INPUT_NOT_IMAGE' })
  await expect(readPaintedLayer(join(home, 'gone.png'))).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' })
})
