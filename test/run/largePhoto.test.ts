import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'

// The built package, in a process whose peak memory is its own.
const built = (name: string): string => JSON.stringify(new URL(`../../dist/${name}`, import.meta.url).href)
async function peakOf(script: string): Promise<number> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '-e', `${script}\nconsole.log(process.resourceUsage().maxRSS * 1024)`],
    { cwd: fileURLToPath(new URL('../..', import.meta.url)) },
  )
  return Number(stdout)
}

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'text2live-large-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function flat(width: number, height: number): Promise<string> {
  const path = join(folder, `${width}x${height}.png`)
  await sharp({ create: { width, height, channels: 3, background: '#4080c0' }, limitInputPixels: false })
    .png()
    .toFile(path)
  return JSON.stringify(path)
}

test('a photo of 100 megapixels is held as bytes: a quarter of its float planes', async () => {
  const path = await flat(12500, 8000)
  const peak = await peakOf(`
    const { sharpCodec } = await import(${built('media/node/sharpCodec.js')})
    const { readImageInput } = await import(${built('session/imageInput.js')})
    const { training } = await readImageInput(${path}, null, { size: 64, scaleMin: 1, cropsMinCover: 1 }, sharpCodec)
    if (Math.round(training.photo.data[0] * 255) !== 64) throw new Error('not the photo')`)
  expect(peak).toBeLessThan(800e6)
}, 120_000)

test('the pictures of a photo of 12 megapixels take no float planes of its size', async () => {
  const path = await flat(4000, 3000)
  const peak = await peakOf(`
    const { sharpCodec } = await import(${built('media/node/sharpCodec.js')})
    const { readImageInput } = await import(${built('session/imageInput.js')})
    const { makeOutputs } = await import(${built('session/outputs.js')})
    const input = await readImageInput(${path}, null, { size: 64, scaleMin: 1, cropsMinCover: 1 }, sharpCodec)
    const { width, height } = input.training.photo
    const layer = { width, height, channels: 4, data: new Float32Array(4 * width * height).fill(0.5) }
    for await (const [, data] of makeOutputs(input, layer, [], sharpCodec)) if (!(data instanceof Uint8Array)) for (const piece of data) void piece`)
  expect(peak).toBeLessThan(600e6)
}, 120_000)
