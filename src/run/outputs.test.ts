import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { composeOutputs } from '../media/composeOutputs.js'
import type { FloatImage } from '../media/image.js'
import { encodeOra } from '../media/encodeOra.js'
import { encodePng } from '../media/node/encodePng.js'
import { encodePsd } from '../media/encodePsd.js'
import { decodeMask } from '../media/node/decodeMask.js'
import { refineLayer } from '../media/refineLayer.js'
import { outputFiles, type OutputName, type RunEvent } from '../session/events.js'
import { readImageInput } from '../session/imageInput.js'
import { collectOutputs, makeOutputs, writeOutputs } from '../session/outputs.js'
import { filesOf } from './editResult.js'
import { lookIn } from './runFolder.js'
import { sharpCodec } from '../media/node/sharpCodec.js'

const [width, height] = [91, 67]
const plane = width * height
const names = Object.keys(outputFiles) as OutputName[]
const noise = (i: number): number => Math.imul(i + 1, 0x9e3779b1) >>> 16
const settings = { size: 40, scaleMin: 1, cropsMinCover: 1 }

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'text2live-outputs-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

async function photo(channels: 3 | 4, bits: 8 | 16): Promise<Buffer> {
  const data =
    bits === 8
      ? Uint8Array.from({ length: channels * plane }, (_, i) => noise(i))
      : Uint16Array.from({ length: channels * plane }, (_, i) => noise(i))
  return await sharp(data, { raw: { width, height, channels } })
    .toColourspace(bits === 8 ? 'srgb' : 'rgb16')
    .png()
    .toBuffer()
}

const mask = () =>
  sharp(
    Uint8Array.from({ length: plane }, (_, i) => (i % width) * 2),
    { raw: { width, height, channels: 1 } },
  )
    .toColourspace('b-w')
    .png()
    .toBuffer()

function layerOf({ width: w, height: h }: FloatImage): FloatImage {
  const n = w * h
  return {
    width: w,
    height: h,
    channels: 4,
    data: Float32Array.from({ length: 4 * n }, (_, i) =>
      i < 3 * n ? (noise(i) % 500) / 499 : Math.max(0, Math.sin((i % w) / 9)),
    ),
  }
}

for (const [channels, bits, masked] of [
  [3, 8, false],
  [3, 8, true],
  [4, 8, true],
  [3, 16, true],
  [4, 16, false],
] as const) {
  it(`a photo of ${channels} channels with ${bits} bits${masked ? ' and a mask' : ''}: strip by strip the files are those of the whole picture`, async () => {
    const maskBytes = masked ? await mask() : null
    const input = await readImageInput(await photo(channels, bits), maskBytes, settings, sharpCodec)
    const { rgb, alpha, bitDepth, pixels } = input.photo
    const layer = layerOf(input.training.photo)
    const files = await collectOutputs(makeOutputs(input, layer, [], sharpCodec))

    const full = refineLayer(rgb, layer, input.training.photo)
    const given = maskBytes && (await decodeMask(maskBytes, width, height)).image.data
    for (let i = 0; i < plane; i++)
      full.data[3 * plane + i] = full.data[3 * plane + i]! * Math.fround((given?.[i] ?? 1) * (alpha?.data[i] ?? 1))
    const whole = composeOutputs(rgb, full, bitDepth, alpha)
    const layers = { photo: whole.photo, edit: whole.edit, composite: whole.composite }
    expect(
      Buffer.compare(
        Buffer.from(pixels.data.buffer, pixels.data.byteOffset, pixels.data.byteLength),
        Buffer.from(whole.photo.data.buffer),
      ),
    ).toBe(0)
    const expected = {
      composite: await encodePng(whole.composite),
      edit: await encodePng(whole.edit),
      alpha: await encodePng(whole.alpha),
      editOnGreenscreen: await encodePng(whole.greenscreen),
      layersPsd: encodePsd(layers),
      layersOra: await encodeOra(layers, encodePng),
    }
    for (const [name, bytes] of Object.entries(expected))
      expect(Buffer.compare(files[name as OutputName], bytes), name).toBe(0)
  })
}

it('in a folder each is written before the next is made, and read from there when it is asked for', async () => {
  const input = await readImageInput(await photo(3, 8), null, settings, sharpCodec)
  const layer = layerOf(input.training.photo)
  const held = lookIn(folder)
  expect(await held.has(outputFiles.alpha)).toBe(false)
  const order: string[] = []
  async function* watched() {
    for await (const output of makeOutputs(input, layer, [], sharpCodec)) {
      order.push(`made ${output[0]}`)
      yield output
    }
  }
  const events: RunEvent[] = []
  await writeOutputs(held, watched(), (event) => {
    events.push(event)
    if (event.type === 'output') order.push(`wrote ${event.name}`)
  })
  expect(order).toEqual(names.flatMap((name) => [`made ${name}`, `wrote ${name}`]))
  const kept = await collectOutputs(makeOutputs(input, layer, [], sharpCodec))
  const files = filesOf(held)
  expect(Object.keys(files)).toEqual(names)
  for (const [i, name] of names.entries()) {
    expect(Buffer.compare(files[name], kept[name]), name).toBe(0)
    expect(readFileSync(join(folder, outputFiles[name])).length).toBe(kept[name].length)
    expect(events[i]).toEqual({ type: 'output', name, path: join(folder, outputFiles[name]), bytes: kept[name].length })
  }
  expect(await held.has(outputFiles.alpha)).toBe(true)
})
