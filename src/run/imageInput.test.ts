import sharp from 'sharp'
import { expect, it } from 'vitest'
import { sharpCodec } from '../media/node/sharpCodec.js'
import { readImageInput } from '../session/imageInput.js'

const [width, height] = [64, 48]
const settings = { size: 0, scaleMin: 0.9, cropsMinCover: 0.9 }
const isObject = (i: number): boolean => i % width > 20 && i % width < 40
async function png(of: (i: number) => readonly number[]): Promise<Uint8Array> {
  const pixels = Array.from({ length: width * height * 16 }, (_, i) =>
    of(Math.floor((i % (4 * width)) / 4) + width * Math.floor(i / (16 * width))),
  )
  const image = sharp(Uint8Array.from(pixels.flat()), {
    raw: { width: 4 * width, height: 4 * height, channels: pixels[0]!.length as 1 | 3 | 4 },
  })
  return new Uint8Array(await (pixels[0]!.length === 1 ? image.toColourspace('b-w') : image).png().toBuffer())
}

it("the mask of a photo, however it is written, bounds the edit times the photo's own alpha, and what was read otherwise is told", async () => {
  const photo = await png((i) => [i % width, 90, 90])
  const cut = await png((i) => [i % width, 90, 90, i % width < 30 ? 255 : 0])
  const read = async (of: (i: number) => readonly number[], of2 = photo) => {
    const { bounds, notes } = await readImageInput(of2, await png(of), settings, sharpCodec)
    return { share: bounds!.data.reduce((sum, value) => sum + value, 0) / bounds!.data.length, notes: notes.length }
  }
  for (const [of, notes] of [
    [(i: number) => [isObject(i) ? 255 : 0], 0],
    [(i: number) => [isObject(i) ? 1 : 0], 1],
    [(i: number) => (isObject(i) ? [128, 0, 0] : [0, 0, 0]), 1],
    [(i: number) => [255, 255, 255, isObject(i) ? 255 : 0], 0],
    [(i: number) => [...(isObject(i) ? [255, 255, 255] : [0, 0, 0]), i < 4 ? 0 : 255], 1],
  ] as const) {
    expect(await read(of)).toEqual({ share: 19 / width, notes })
    expect((await read(of, cut)).share).toBe(9 / width)
  }
})
