import { rmSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readClip } from '../../src/media/node/readClip.js'
import { writeClip } from '../../src/media/node/writeClip.js'
import { commandFolder, cutCommand, docCommands, exampleFile, notRun, place } from '../support/docCommands.js'

const { folder, run } = commandFolder()
/** Side of the clip, px: as small as the generator takes. */
const height = 136

beforeAll(async () => {
  const { frames, timing } = await readClip(exampleFile('swan.mp4'), { frames: 5, size: height })
  const { width } = frames
  for (const name of ['swan', 'car', 'lake'])
    await writeClip(join(folder, `${name}.mp4`), { format: 'mp4', width, height, timing, frames: frames.pixels })
  const mask = sharp(exampleFile('swan-mask.png')).resize(width, height, { fit: 'fill' }).png()
  place(join(folder, 'car-mask.png'), await mask.toBuffer())
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test.each(docCommands().filter(({ text }) => notRun[text] === 'long'))(
  '$page: $text',
  async ({ text }) => {
    if (text.includes('painted.psd')) await paint()
    const ended = await run(cutCommand(text))
    expect(ended.status, ended.text).toBe(0)
  },
  600_000,
)

/** What somebody paints on the atlas; PNG, of which the name does not matter. */
async function paint(): Promise<void> {
  const atlas = sharp(join(folder, 'swan-atlas/inspect/foreground-atlas.png'))
  const { width, height } = await atlas.metadata()
  const gold = { r: 220, g: 170, b: 40, alpha: 0.5 }
  place(
    join(folder, 'painted.psd'),
    await sharp({ create: { width, height, channels: 4, background: gold } })
      .png()
      .toBuffer(),
  )
}
