// Small whole files of every kind that the program reads, made here or taken from the fixtures.
import { readdirSync, readFileSync } from 'node:fs'
import sharp from 'sharp'
import { encodeOra } from '../../dist/media/encodeOra.js'
import { encodePng } from '../../dist/media/node/encodePng.js'
import { encodePsd } from '../../dist/media/encodePsd.js'

export const fixture = (path) => Uint8Array.from(readFileSync(new URL(`../fixtures/${path}`, import.meta.url)))
export const clipsOf = (ending) =>
  readdirSync(new URL('../fixtures/clips', import.meta.url))
    .filter((name) => name.endsWith(ending))
    .map((name) => fixture(`clips/${name}`))
export const bytesOf = (text) => Uint8Array.from(Buffer.from(text, 'utf8'))

const [width, height] = [48, 40]
const raw = (channels) =>
  sharp(
    Uint8Array.from({ length: width * height * channels }, (_, i) => (i * 37 + (i >> 3) * 11) % 256),
    { raw: { width, height, channels } },
  )
const wide = () =>
  sharp(
    Uint16Array.from({ length: width * height * 3 }, (_, i) => (i * 977) % 65536),
    { raw: { width, height, channels: 3 } },
  ).toColourspace('rgb16')
const files = async (...pipelines) =>
  (await Promise.all(pipelines.map((pipeline) => pipeline.toBuffer()))).map((buffer) => Uint8Array.from(buffer))

export const photos = {
  jpeg: await files(raw(3).jpeg(), raw(3).withMetadata({ orientation: 6 }).jpeg({ progressive: true }), raw(1).jpeg()),
  png: await files(
    raw(4).png(),
    raw(3).png({ palette: true }),
    wide().png(),
    raw(3).png({ progressive: true, adaptiveFiltering: true }),
  ),
  webp: await files(raw(4).webp(), raw(3).webp({ lossless: true }), raw(3).withMetadata({ orientation: 3 }).webp()),
  avif: await files(raw(3).avif({ effort: 0 })),
  tiff: await files(
    raw(3).tiff(),
    raw(4).tiff({ compression: 'lzw', tile: true, tileWidth: 16, tileHeight: 16 }),
    raw(3).tiff({ compression: 'jpeg' }),
    wide().tiff({ compression: 'deflate', predictor: 'horizontal' }),
  ),
}

const picture = (channels, factor) => ({
  width,
  height,
  channels,
  bitDepth: 8,
  data: Uint8Array.from({ length: width * height * channels }, (_, i) => (i * factor) % 256),
})
const layered = { photo: picture(3, 7), edit: picture(4, 13), composite: picture(3, 29) }
export const psd = [Uint8Array.from(encodePsd(layered))]
export const ora = [Uint8Array.from(await encodeOra(layered, encodePng))]

/** The numbers that end the chunks of a PNG, as its other bytes ask for. */
export function repairPng(bytes) {
  const out = Uint8Array.from(bytes)
  const view = new DataView(out.buffer)
  for (let at = 8; at + 12 <= out.length;) {
    const end = at + 8 + view.getUint32(at)
    if (end + 4 > out.length) break
    view.setUint32(end, crc(out.subarray(at + 4, end)))
    at = end + 4
  }
  return out
}

function crc(bytes) {
  let value = 0xffffffff
  for (const byte of bytes) {
    value ^= byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
  }
  return (value ^ 0xffffffff) >>> 0
}
