import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { unzipSync } from 'fflate'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  ALL_FORMATS,
  BufferSource,
  EncodedPacketSink,
  EncodedVideoPacketSource,
  BufferTarget,
  Input,
  Mp4OutputFormat,
  Output,
} from 'mediabunny'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type * as Text2Live from '../../src/index.js'
import { readClip } from '../../src/media/node/readClip.js'
import { writeClip } from '../../src/media/node/writeClip.js'

// The built package: training runs in a worker thread, which needs compiled files.
const { editImage } = (await import(new URL('../../dist/index.js', import.meta.url).href)) as typeof Text2Live

/** Stands in every field that is set, so that no output may hold it. */
const secret = 'Taken-at-home-by-Ada'

let home = ''
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'text2live-metadata-'))
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

/** Chunks of a PNG, in order. */
function chunks(png: Uint8Array): string[] {
  const view = Buffer.from(png.buffer, png.byteOffset, png.byteLength)
  const names: string[] = []
  for (let at = 8; at < view.length; at += 12 + view.readUInt32BE(at))
    names.push(view.toString('latin1', at + 4, at + 8))
  return names
}

const marks = [
  secret,
  'GPSLatitude',
  'Exif\0',
  'http://ns.adobe.com',
  'eXIf',
  '\u00a9xyz',
  'com.apple.quicktime.location',
]
const found = (bytes: Uint8Array): string[] =>
  marks.filter((mark) => Buffer.from(bytes).includes(Buffer.from(mark, 'latin1')))

/** What a picture tells beside its pixels. */
function told(name: string, bytes: Uint8Array): string[] {
  if (name.endsWith('.ora')) return Object.entries(unzipSync(bytes)).flatMap(([part, inner]) => told(part, inner))
  const extra = name.endsWith('.png')
    ? chunks(bytes).filter(
        (chunk) => !['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND', 'pHYs', 'gAMA', 'sRGB', 'cHRM'].includes(chunk),
      )
    : []
  return [...extra, ...found(bytes)].map((mark) => `${name}: ${mark}`)
}

describe('a photo that says who took it, and where', () => {
  it.each(['jpeg', 'png'] as const)('says it in no output: %s', async (format) => {
    const pixels = Uint8Array.from({ length: 72 * 64 * 3 }, (_, i) => (i * 37 + (i >> 7) * 11) % 256)
    const photo = await sharp(pixels, { raw: { width: 72, height: 64, channels: 3 } })
      .toFormat(format)
      .withExif({
        IFD0: { Artist: secret, ImageDescription: secret },
        IFD3: {
          GPSLatitudeRef: 'N',
          GPSLatitude: '52/1 31/1 12/1',
          GPSLongitudeRef: 'E',
          GPSLongitude: '13/1 24/1 18/1',
        },
      })
      .withXmp(
        `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" dc:creator="${secret}"/></rdf:RDF></x:xmpmeta>`,
      )
      .toBuffer()
    expect((await sharp(photo).metadata()).exif).toBeDefined()
    const given = join(home, `bowl.${format}`)
    writeFileSync(given, photo)
    const out = join(home, `run-${format}`)
    const whole = format === 'jpeg'
    const run = editImage({
      photo: given,
      prompt: 'golden bowl',
      source: 'bowl',
      preset: 'preview',
      size: 192,
      steps: 1,
      views: 1,
      generatorWidth: 8,
      scaleMin: 1,
      scaleMax: 1,
      cropsMinCover: 1,
      seed: 5,
      device: 'cpu',
      threads: 1,
      previewEvery: 1,
      ...(whole ? { seeds: 2 } : {}),
      out,
    })
    const events = []
    for await (const event of run) events.push(event)
    await run.result
    const written = readdirSync(out, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
    const [copies, outputs] = [
      written.filter((path) => /photo\.\w+$/.test(path)),
      written.filter((path) => !/photo\.\w+$/.test(path)),
    ]
    expect(outputs.length).toBeGreaterThan(8)
    expect(outputs.flatMap((path) => told(path, readFileSync(path)))).toEqual([])
    expect(
      events.flatMap((event) =>
        event.type === 'preview' ? told('preview.png', event.png) : found(Buffer.from(JSON.stringify(event))),
      ),
    ).toEqual([])
    // The folder's own copy is the file that was given: a run goes on from the same bytes.
    expect(copies.length).toBeGreaterThan(0)
    for (const path of copies) expect(readFileSync(path).equals(photo)).toBe(true)
  })
})

describe('a clip that says where it was taken', () => {
  it.each(['mp4', 'webm-alpha', 'prores'] as const)(
    'says it in no clip that is written from it: %s',
    async (format) => {
      const given = join(home, `given-${format}.mp4`)
      const plain = readFileSync(new URL('../../examples/swan.mp4', import.meta.url))
      const input = new Input({ source: new BufferSource(plain), formats: ALL_FORMATS })
      const track = await input.getPrimaryVideoTrack()
      const output = new Output({ format: new Mp4OutputFormat({ metadataFormat: 'udta' }), target: new BufferTarget() })
      const source = new EncodedVideoPacketSource((await track!.getCodec())!)
      output.addVideoTrack(source)
      output.setMetadataTags({ artist: secret, raw: { '\u00a9xyz': '+52.5200+013.4050/' } })
      await output.start()
      const config = await track!.getDecoderConfig()
      let count = 0
      for await (const packet of new EncodedPacketSink(track!).packets()) {
        await source.add(packet, { decoderConfig: config! })
        if (++count === 6) break
      }
      await output.finalize()
      const bytes = new Uint8Array(output.target.buffer!)
      expect(found(bytes)).toEqual([secret, '\u00a9xyz'])
      writeFileSync(given, bytes)
      const clip = await readClip(given, { size: 96 })
      const { width, height } = clip.frames
      const channels = format === 'mp4' ? 3 : 4
      const frames = clip.frames.pixels.map((rgb) =>
        channels === 3
          ? rgb
          : Uint8Array.from({ length: width * height * 4 }, (_, i) =>
              i % 4 === 3 ? 200 : rgb[3 * Math.floor(i / 4) + (i % 4)]!,
            ),
      )
      const path = join(home, `written-${format}`)
      await writeClip(path, { format, width, height, frames, timing: clip.timing, audioFrom: given })
      expect(found(readFileSync(path))).toEqual([])
      const tags = await new Input({
        source: new BufferSource(readFileSync(path)),
        formats: ALL_FORMATS,
      }).getMetadataTags()
      expect(JSON.stringify({ ...tags, raw: Object.keys(tags.raw ?? {}) })).not.toMatch(/52\.52|Ada|xyz|location/i)
    },
  )
})
