// Makes the pictures of the studio's first screen: four photos, and beside each what an edit with default settings
// makes of it.
// Usage: npm run build && node scripts/studioExamples.mjs <folder with teapot.jpg, dog.jpg, chalet.jpg, cat-face.jpg>
// [name of one]
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import sharp from 'sharp'
import { editImage } from '../dist/index.js'

const folder = process.argv[2]
if (folder === undefined) throw new Error('expected the folder of the photos: node scripts/studioExamples.mjs <folder>')
const out = fileURLToPath(new URL('../src/studio/examples', import.meta.url))
await mkdir(out, { recursive: true })

/** Only this one, where a name is given. */
const only = process.argv[3]
/** Longest side of a photo, and height of a pair, px. */
const [longest, high] = [640, 240]

for (const [name, file, prompt, source] of [
  ['teapot', 'teapot.jpg', 'golden teapot', 'teapot'],
  ['dog', 'dog.jpg', 'blue dog', 'dog'],
  ['house', 'chalet.jpg', 'house covered in snow', 'house'],
  ['cat', 'cat-face.jpg', 'blue cat', 'cat'],
]) {
  if (only !== undefined && only !== name) continue
  const photo = await sharp(await readFile(join(folder, file)))
    .resize({ width: longest, height: longest, fit: 'inside', withoutEnlargement: true })
    .jpeg({ quality: 86, mozjpeg: true })
    .toBuffer()
  await writeFile(join(out, `${name}.jpg`), photo)
  const { files } = await editImage({ photo, prompt: [prompt], source: [source], seed: 1 }).result
  const halves = await Promise.all(
    [photo, files.composite].map((half) => sharp(half).resize(high, high, { fit: 'cover' }).toBuffer()),
  )
  await sharp({ create: { width: 2 * high, height: high, channels: 3, background: '#000' } })
    .composite(halves.map((input, i) => ({ input, left: i * high, top: 0 })))
    .jpeg({ quality: 84, mozjpeg: true })
    .toFile(join(out, `${name}-pair.jpg`))
  console.log(`${name}: "${prompt}"`)
}
