import { copyFileSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { commandFolder, cutCommand, docCommands, exampleFile, notRun, place } from '../support/docCommands.js'

const { folder, run } = commandFolder()
beforeAll(async () => {
  for (const name of ['swan', 'car', 'lake']) copyFileSync(exampleFile('swan.mp4'), join(folder, `${name}.mp4`))
  place(join(folder, 'car-mask.png'), readFileSync(exampleFile('swan-mask.png')))
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
  const atlas = sharp(join(folder, 'swan-atlas/inspect/foreground.png'))
  const { width, height } = await atlas.metadata()
  const gold = { r: 220, g: 170, b: 40, alpha: 0.5 }
  place(
    join(folder, 'painted.psd'),
    await sharp({ create: { width, height, channels: 4, background: gold } })
      .png()
      .toBuffer(),
  )
}
