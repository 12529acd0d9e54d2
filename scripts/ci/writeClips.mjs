// Writes one clip of each kind with the built library, for scripts/verify/readClip.py to read.
//   node scripts/ci/writeClips.mjs <new folder>
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readClip } from '../../dist/media/node/readClip.js'
import { writeClip } from '../../dist/media/node/writeClip.js'
import { writePngSequence } from '../../dist/media/node/writePngSequence.js'
import { tickRate } from '../../dist/media/tickRate.js'

const folder = process.argv[2]
if (!folder) throw new RangeError('usage: node scripts/ci/writeClips.mjs <new folder>')
const fixtures = new URL('../../test/fixtures/clips/', import.meta.url).pathname
const swan = await readClip(new URL('../../examples/swan.mp4', import.meta.url).pathname, { size: 216, frames: 12 })
const { width, height, pixels } = swan.frames
await mkdir(folder)
const clips = {}

/** `frames` as a file by `name`, and beside it the PNGs that it was made of. */
async function write(name, format, source, frames, size, audioFrom) {
  const job = { ...size, timing: source.timing, frames }
  const written = await writeClip(join(folder, name), { ...job, format, audioFrom })
  await writePngSequence(join(folder, `${name}.frames`), { ...size, frames })
  clips[name] = {
    ...source.timing,
    width: written.width,
    height: written.height,
    ticks: tickRate(source.timing),
    sound: audioFrom ?? null,
  }
}

const variable = await readClip(join(fixtures, 'variable.mp4'))
await write('variable.mp4', 'mp4', variable, variable.frames.pixels, variable.frames, join(fixtures, 'variable.mp4'))
await write('swan.mp4', 'mp4', swan, pixels, { width, height }, join(fixtures, 'odd.webm'))
const odd = await readClip(join(fixtures, 'odd.webm'))
await write('odd.mp4', 'mp4', odd, odd.frames.pixels, odd.frames)
/** The frames with a disc as their alpha, with a soft edge, that goes right. */
const layerOf = ({ width, height, pixels }) =>
  pixels.map((frame, t) =>
    Uint8Array.from({ length: 4 * width * height }, (_, i) => {
      const [pixel, c] = [i >> 2, i & 3]
      const distance = Math.hypot((pixel % width) - width / 4 - 6 * t, Math.floor(pixel / width) - height / 2)
      return c < 3 ? frame[3 * pixel + c] : Math.max(0, Math.min(255, 8 * (height / 3 - distance)))
    }),
  )
const layer = layerOf(swan.frames)
await write('layer.webm', 'webm-alpha', swan, layer, { width, height }, join(fixtures, 'odd.webm'))
await write('layer.mov', 'prores', swan, layer, { width, height }, join(fixtures, 'variable.mp4'))
await write('oddLayer.webm', 'webm-alpha', odd, layerOf(odd.frames), odd.frames)
await writeFile(join(folder, 'clips.json'), JSON.stringify(clips))
