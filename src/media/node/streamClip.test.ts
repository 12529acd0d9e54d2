import { expect, test } from 'vitest'
import { readClip } from './readClip.js'
import { streamClip } from './streamClip.js'

const clip = new URL('../../../test/fixtures/clips/variable.mp4', import.meta.url).pathname

test('gives the frames that readClip gives, in order', async () => {
  const { frames } = await readClip(clip, { frames: 6 })
  const streamed: Uint8Array[] = []
  for await (const frame of streamClip(clip, { frames: 6 })) streamed.push(frame)
  expect(streamed).toEqual(frames.pixels)
})

test('a reader that has seen enough ends the reading', async () => {
  for await (const frame of streamClip(clip)) {
    expect(frame.length).toBeGreaterThan(0)
    break
  }
})

test('what is no clip is refused where the first frame is asked for', async () => {
  await expect(streamClip('nowhere.mp4').next()).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' })
})
