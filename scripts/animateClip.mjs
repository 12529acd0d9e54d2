// An animated WebP of a clip's run, the clip on the left and the edit on the right.
//   npm run build && node scripts/animateClip.mjs <run folder> <out.webp> [width of each, default 320]
import { join } from 'node:path'
import sharp from 'sharp'
import { atomicWrite } from '../dist/media/node/atomicWrite.js'
import { readClip } from '../dist/media/node/readClip.js'

const [folder, out, width = '320'] = process.argv.slice(2)
if (out === undefined) throw new RangeError('usage: node scripts/animateClip.mjs <run folder> <out.webp> [width]')
const edited = await readClip(join(folder, 'edited.mp4'))
const clip = await readClip(join(folder, 'clip.mp4'), { frames: edited.frames.pixels.length })

const half = ({ frames }, t) =>
  sharp(frames.pixels[t], { raw: { width: frames.width, height: frames.height, channels: 3 } })
    .resize({ width: Number(width) })
    .png()
    .toBuffer()
const pictures = await Promise.all(
  edited.frames.pixels.map(async (_, t) => {
    const [before, after] = [await half(clip, t), await half(edited, t)]
    return await sharp(before)
      .extend({ right: Number(width), background: 'black' })
      .composite([{ input: after, left: Number(width), top: 0 }])
      .png()
      .toBuffer()
  }),
)
// To the end and back, so that it does not jump.
const there = [...pictures, ...pictures.slice(1, -1).reverse()]
const webp = await sharp(there, { join: { animated: true } })
  .webp({ quality: 60, effort: 6, loop: 0, delay: there.map(() => 83) })
  .toBuffer()
await atomicWrite(out, webp)
console.log(`${out}: ${there.length} frames, ${Math.round(webp.length / 1000)} kB`)
