import { expect, test } from 'vitest'
import type { Clip, ReadClipOptions } from './clip.js'
import { readClip } from './node/readClip.js'
import { streamFrames } from './streamFrames.js'

const path = new URL('../../test/fixtures/clips/variable.mp4', import.meta.url).pathname
const clip = (options: ReadClipOptions): Promise<Clip> => readClip(path, options)

test('gives the frames that readClip gives, in order', async () => {
  const { frames } = await readClip(path, { frames: 6 })
  const streamed: Uint8Array[] = []
  for await (const { pixels } of streamFrames(clip, { frames: 6 })) streamed.push(pixels)
  expect(streamed).toEqual(frames.pixels)
})

test('a reader that has seen enough ends the reading', async () => {
  for await (const { pixels } of streamFrames(clip)) {
    expect(pixels.length).toBeGreaterThan(0)
    break
  }
})

test('what is no clip is refused where the first frame is asked for', async () => {
  await expect(streamFrames((options) => readClip('nowhere.mp4', options)).next()).rejects.toMatchObject({
    code: 'INPUT_NOT_FOUND',
  })
})
