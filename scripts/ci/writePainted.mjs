// Writes Photoshop documents as artists leave them, for scripts/verify/readPainted.py to read.
//   node scripts/ci/writePainted.mjs <new folder>
import { writePsdUint8Array } from 'ag-psd'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const folder = process.argv[2]
if (!folder) throw new RangeError('usage: node scripts/ci/writePainted.mjs <new folder>')
const [width, height] = [37, 29]

/** Colour and, unless it is opaque, an alpha that goes from 0 to 1. */
const picture = (seed, opaque = false, w = width, h = height) => ({
  width: w,
  height: h,
  data: Uint8ClampedArray.from({ length: 4 * w * h }, (_, i) =>
    i % 4 < 3 ? (i * seed + (i >> 5)) % 256 : opaque ? 255 : Math.round((255 * ((i >> 2) % w)) / (w - 1)),
  ),
})
const grey = (seed) => {
  const image = picture(seed, true)
  for (let i = 0; i < image.data.length; i += 4) image.data.fill(((i >> 2) * seed) % 256, i, i + 3)
  return image
}
const mask = (more = {}) => ({
  top: 0,
  left: 0,
  bottom: height,
  right: width,
  defaultColor: 0,
  imageData: grey(7),
  ...more,
})
const photo = { name: 'photo', imageData: picture(3, true) }
const edit = (more = {}) => ({ name: 'edit layer', imageData: picture(5), ...more })
const layer = (name, seed, more = {}) => ({ name, imageData: picture(seed), ...more })
const group = (name, children, more = {}) => ({ name, children, opened: true, ...more })

const documents = {
  plain: [photo, edit()],
  'renamed, without a base': [layer('my paint', 5)],
  'a new layer above': [photo, edit(), layer('Layer 1', 11)],
  'below the edit layer': [photo, layer('Layer 1', 11), edit()],
  opacity: [photo, edit({ opacity: 0.5 }), layer('Layer 1', 11, { opacity: 0.25 })],
  fill: [photo, edit({ fillOpacity: 0.4 }), layer('Layer 1', 11, { opacity: 0.7, fillOpacity: 0.5 })],
  hidden: [photo, edit(), layer('Layer 1', 11, { hidden: true })],
  'base hidden': [{ ...photo, hidden: true }, edit()],
  mask: [photo, edit({ mask: mask() })],
  'mask of a part, black beside it': [
    photo,
    edit({ mask: mask({ top: 5, left: 4, bottom: 21, right: 30, imageData: { ...picture(7, true, 26, 16) } }) }),
  ],
  'mask of a part, white beside it': [
    photo,
    edit({
      mask: mask({ top: 5, left: 4, bottom: 21, right: 30, defaultColor: 255, imageData: picture(7, true, 26, 16) }),
    }),
  ],
  'mask disabled': [photo, edit({ mask: mask({ disabled: true }) })],
  'mask with density': [photo, edit({ mask: mask({ userMaskDensity: 0.6 }) })],
  group: [photo, group('paint', [edit(), layer('Layer 1', 11)])],
  'group, isolated': [
    photo,
    edit(),
    group('paint', [layer('Layer 1', 11), layer('Layer 2', 13, { opacity: 0.5 })], {
      blendMode: 'normal',
      opacity: 0.6,
    }),
  ],
  'group, pass through, opacity': [
    photo,
    edit(),
    group('paint', [layer('Layer 1', 11), layer('Layer 2', 13)], { blendMode: 'pass through', opacity: 0.6 }),
  ],
  'group, masked': [photo, edit(), group('paint', [layer('Layer 1', 11)], { mask: mask(), blendMode: 'normal' })],
  'group, hidden': [photo, edit(), group('paint', [layer('Layer 1', 11)], { hidden: true })],
  'groups in groups': [
    photo,
    group('a', [edit(), group('b', [layer('Layer 1', 11, { mask: mask() })], { opacity: 0.5 }), layer('Layer 2', 13)], {
      opacity: 0.9,
      blendMode: 'normal',
    }),
  ],
  clipped: [photo, edit(), layer('Layer 1', 11, { clipping: true, imageData: picture(11, true) })],
  'clipped, opacity': [
    photo,
    { ...edit(), imageData: picture(5, true), opacity: 0.5, mask: mask() },
    layer('Layer 1', 11, { clipping: true, opacity: 0.3 }),
    layer('Layer 2', 13, { clipping: true }),
  ],
  'clipped to a hidden layer': [
    photo,
    edit({ hidden: true }),
    layer('Layer 1', 11, { clipping: true }),
    layer('Layer 2', 13),
  ],
  'over the edges': [photo, edit({ left: -9, top: 7 }), layer('Layer 1', 11, { left: 20, top: -13 })],
  'beside the canvas': [photo, edit(), layer('Layer 1', 11, { left: 100, top: 0 })],
}

await mkdir(folder)
for (const [name, children] of Object.entries(documents)) {
  const document = { width, height, imageData: picture(3, true), children }
  await writeFile(join(folder, `${name}.psd`), writePsdUint8Array(document, { noBackground: true }))
}
await writeFile(
  join(folder, 'large.psb'),
  writePsdUint8Array(
    { width, height, imageData: picture(3, true), children: documents['groups in groups'] },
    { noBackground: true, psb: true },
  ),
)
await writeFile(
  join(folder, 'zip.psd'),
  writePsdUint8Array(
    { width, height, imageData: picture(3, true), children: documents['groups in groups'] },
    { noBackground: true, compress: true },
  ),
)
