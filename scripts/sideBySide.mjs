// Puts runs side by side: node scripts/sideBySide.mjs out.png <run folder>... -> one row of photo, then composite and
// alpha of each run.
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import sharp from 'sharp'
import { atomicWrite } from '../dist/media/node/atomicWrite.js'
import { contactSheet } from '../dist/media/node/contactSheet.js'

const [out, ...folders] = process.argv.slice(2)
if (!out || folders.length === 0) throw new RangeError('usage: node scripts/sideBySide.mjs out.png <run folder>...')

/** At most 512 px wide, three channels. */
async function picture(path) {
  const { data, info } = await sharp(await readFile(path))
    .removeAlpha()
    .toColourspace('srgb')
    .resize({ width: 512, withoutEnlargement: true })
    .raw()
    .toBuffer({ resolveWithObject: true })
  return { width: info.width, height: info.height, channels: 3, bitDepth: 8, data: new Uint8Array(data) }
}

const pictures = [await picture(join(folders[0], 'photo.jpg'))]
const labels = ['photo']
for (const folder of folders) {
  for (const part of ['composite', 'alpha']) {
    pictures.push(await picture(join(folder, `${part}.png`)))
    labels.push(`${basename(folder)} ${part}`)
  }
}
await atomicWrite(out, await contactSheet(pictures, labels))
