import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  ALL_FORMATS,
  AudioSample,
  AudioSampleSource,
  BufferTarget,
  EncodedPacketSink,
  FilePathSource,
  Input,
  Mp4OutputFormat,
  Output,
  Quality,
} from 'mediabunny'
import sharp from 'sharp'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { overBlack, psnr, softShapes } from '../../../test/support/softShapes.js'
import { readClip } from './readClip.js'
import { registerCodecs } from './registerCodecs.js'
import { writeClip, type WriteClipOptions } from './writeClip.js'
import { writePngSequence } from './writePngSequence.js'

const fixtures = new URL('../../../test/fixtures/clips/', import.meta.url).pathname
let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'text2live-clip-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

const steady = (count: number, rate: number) => ({
  timestamps: Array.from({ length: count }, (_, t) => t / rate),
  durations: Array.from({ length: count }, () => 1 / rate),
})

function job(
  format: WriteClipOptions['format'],
  count = 6,
  width = 64,
  height = 48,
): WriteClipOptions & { readonly frames: Uint8Array[] } {
  const channels = format === 'mp4' ? 3 : 4
  return {
    format,
    width,
    height,
    timing: steady(count, 24),
    frames: Array.from({ length: count }, (_, t) => softShapes(width, height, t, channels)),
  }
}

/** Mean difference of the alpha of straight RGBA and of what was read, of 255. */
function alphaError(frames: readonly Uint8Array[], alphas: readonly Uint8Array[] = []): number {
  const each = alphas.flatMap((alpha, t) => [...alpha].map((x, i) => Math.abs(x - frames[t]![4 * i + 3]!)))
  return each.length === 0 ? Infinity : each.reduce((sum, x) => sum + x, 0) / each.length
}

/** Frames that no encoder makes small. */
function noisy(format: WriteClipOptions['format']): WriteClipOptions {
  const options = job(format, 8, 128, 96)
  let seed = 1
  for (const pixels of options.frames)
    for (let i = 0; i < pixels.length; i++) pixels[i] = (seed = (seed * 48271) % 2147483647) >> 8
  return options
}

async function audioPackets(path: string): Promise<{ timestamp: number; data: Uint8Array }[]> {
  const input = new Input({ source: new FilePathSource(path), formats: ALL_FORMATS })
  const track = await input.getPrimaryAudioTrack()
  const packets = []
  if (track)
    for await (const { timestamp, data } of new EncodedPacketSink(track).packets()) packets.push({ timestamp, data })
  input.dispose()
  return packets
}

describe('an MP4', () => {
  it('gives back the frames, nearly as they were, at their times', async () => {
    const options = job('mp4', 30)
    const path = join(folder, 'a.mp4')
    const seen: number[] = []
    expect(await writeClip(path, { ...options, onProgress: (t) => seen.push(t) })).toEqual({
      width: 64,
      height: 48,
      notes: [],
    })
    expect(seen).toEqual(options.frames.map((_, t) => t + 1))
    const clip = await readClip(path)
    expect(clip.timing.timestamps).toEqual(options.timing.timestamps)
    expect(clip.timing.durations.every((duration) => Math.abs(duration - 1 / 24) < 1e-9)).toBe(true)
    for (const [t, pixels] of clip.frames.pixels.entries())
      expect(psnr(options.frames[t]!, pixels, 3, 64, 48)).toBeGreaterThan(40)
    expect(await readdir(folder)).toEqual(['a.mp4'])
  })

  it('of odd sides has one more column and row, and says so', async () => {
    const options = job('mp4', 5, 63, 47)
    const path = join(folder, 'odd.mp4')
    const { width, height, notes } = await writeClip(path, options)
    expect([width, height]).toEqual([64, 48])
    expect(notes).toEqual([expect.stringContaining('64x48')])
    const clip = await readClip(path)
    expect(clip.sourceSize).toEqual({ width: 64, height: 48 })
    expect(psnr(options.frames[4]!, clip.frames.pixels[4]!, 3, 63, 47, 64)).toBeGreaterThan(40)
  })

  it('of a clip with varying times keeps them, and its sound byte for byte', async () => {
    const source = join(fixtures, 'variable.mp4')
    const clip = await readClip(source)
    const path = join(folder, 'variable.mp4')
    expect(
      (
        await writeClip(path, {
          format: 'mp4',
          ...clip.frames,
          frames: clip.frames.pixels,
          timing: clip.timing,
          audioFrom: source,
        })
      ).notes,
    ).toEqual([])
    const again = await readClip(path)
    expect(again.timing).toEqual(clip.timing)
    const [before, after] = [await audioPackets(source), await audioPackets(path)]
    expect(after.length).toBeGreaterThan(10)
    expect(after.map(({ data }) => data)).toEqual(before.slice(0, after.length).map(({ data }) => data))
    // The encoder's lead-in, before 0, comes along.
    expect(before[0]!.timestamp).toBeLessThan(0)
    for (const [i, { timestamp }] of after.entries()) expect(timestamp).toBeCloseTo(before[i]!.timestamp, 6)
    expect(
      before
        .slice(after.length)
        .every(({ timestamp }) => timestamp >= clip.timing.timestamps.at(-1)! + clip.timing.durations.at(-1)!),
    ).toBe(true)
  })

  it('carries Opus of a WebM; what has no sound gives none', async () => {
    const opus = join(fixtures, 'odd.webm')
    await writeClip(join(folder, 'opus.mp4'), { ...job('mp4'), audioFrom: opus })
    const [before, after] = [await audioPackets(opus), await audioPackets(join(folder, 'opus.mp4'))]
    expect(after.map(({ data }) => data)).toEqual(before.map(({ data }) => data))
    for (const [i, file] of ['short.gif', 'ntsc.mov'].entries()) {
      expect(
        (await writeClip(join(folder, `${i}.mp4`), { ...job('mp4'), audioFrom: join(fixtures, file) })).notes,
      ).toEqual([])
    }
  })
})

describe('damaged sound in a file whose structure is whole', () => {
  /** Where each packet of sound lies in the file. */
  const places = async (path: string) => {
    const whole = await readFile(path)
    let end = 0
    return (await audioPackets(path)).map(({ data }) => {
      const at = whole.indexOf(data, end)
      expect(at).toBeGreaterThan(0)
      return { at, end: (end = at + data.length) }
    })
  }
  const damagedFile = async (source: string, damage: (bytes: Buffer) => void) => {
    const path = join(folder, `damaged.${source.split('.').at(-1)!}`)
    const bytes = await readFile(source)
    damage(bytes)
    await writeFile(path, bytes)
    return path
  }
  /** A second of AC-3, whose first packet is described in the head of an MP4. */
  const ac3 = async () => {
    await registerCodecs()
    const target = new BufferTarget()
    const output = new Output({ format: new Mp4OutputFormat(), target })
    const source = new AudioSampleSource({ codec: 'ac3', quality: new Quality({ bitrate: 64000 }) })
    output.addAudioTrack(source)
    await output.start()
    const data = Float32Array.from({ length: 48000 }, (_, i) => Math.sin(0.05 * i))
    await source.add(new AudioSample({ data, format: 'f32', numberOfChannels: 1, sampleRate: 48000, timestamp: 0 }))
    await output.finalize()
    const path = join(folder, 'ac3.mp4')
    await writeFile(path, new Uint8Array(target.buffer!))
    return path
  }
  const carried = async (audioFrom: string) => {
    const path = join(folder, 'out.mp4')
    const { notes } = await writeClip(path, { ...job('mp4', 12), audioFrom })
    expect((await readClip(path)).frames.pixels.length).toBe(12)
    expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([])
    return { notes, packets: await audioPackets(path) }
  }

  it.each(['variable.mp4', 'odd.webm'])(
    '%s: packets that can be read are carried as they are, whatever is in them',
    async (file) => {
      const source = join(fixtures, file)
      const sound = await places(source)
      const path = await damagedFile(source, (bytes) => {
        for (const { at, end } of sound) bytes.fill(255, at, end)
      })
      const { notes, packets } = await carried(path)
      expect(notes).toEqual([])
      expect(packets.length).toBeGreaterThan(5)
      expect(packets.every(({ data }) => data.every((byte) => byte === 255))).toBe(true)
    },
  )

  it('packets that the container refuses are left out with a note', async () => {
    const source = await ac3()
    const whole = await carried(source)
    expect(whole.notes).toEqual([])
    expect(whole.packets.length).toBeGreaterThan(10)
    await rm(join(folder, 'out.mp4'))
    const [first] = await places(source)
    const path = await damagedFile(source, (bytes) => bytes.fill(0, first!.at, first!.end))
    expect(await carried(path)).toEqual({ notes: ['Sound in "ac3" is damaged and was left out.'], packets: [] })
  })

  it.each([
    [
      'that is not where the tables say',
      'variable.mp4',
      (bytes: Buffer) => bytes.writeUInt32BE(0x7fffffff, bytes.lastIndexOf('stco') + 12),
    ],
    [
      'that says it holds several',
      'odd.webm',
      (bytes: Buffer, third: number) => {
        bytes[third - 1] = 0x86
      },
    ],
    [
      'that is earlier than the one before',
      'odd.webm',
      (bytes: Buffer, third: number) => bytes.writeUInt16BE(0, third - 3),
    ],
  ] as const)('with a packet %s, a track is left out with a note', async (_, file, damage) => {
    const source = join(fixtures, file)
    const third = (await places(source))[2]!.at
    const { notes, packets } = await carried(
      await damagedFile(source, (bytes) => {
        damage(bytes, third)
      }),
    )
    expect(notes).toEqual([expect.stringMatching(/^Sound in "(aac|opus)" is damaged and was left out\.$/)])
    expect(packets).toEqual([])
  })
})

describe('layers with alpha', () => {
  it('WebM: colours come back; what sound it cannot hold is said', async () => {
    const options = job('webm-alpha')
    const path = join(folder, 'layer.webm')
    const { notes } = await writeClip(path, { ...options, audioFrom: join(fixtures, 'variable.mp4') })
    expect(notes).toEqual([expect.stringMatching(/"aac".*\.webm.*left out/)])
    const clip = await readClip(path)
    expect(clip.frames.pixels.length).toBe(6)
    for (const [t, pixels] of clip.frames.pixels.entries())
      expect(psnr(overBlack(options.frames[t]!), pixels, 4, 64, 48)).toBeGreaterThan(38)
    expect(alphaError(options.frames, clip.alphas)).toBeLessThan(2)
  })

  it('WebM of odd sides: its own size, the last column in its own colour', async () => {
    const { width, height } = { width: 67, height: 45 }
    const options = job('webm-alpha', 3, width, height)
    const path = join(folder, 'odd.webm')
    await writeClip(path, options)
    const clip = await readClip(path)
    expect(clip.frames).toMatchObject({ width, height })
    const last = (pixels: Uint8Array, channels: number, c: number, y: number) =>
      pixels[channels * (y * width + width - 1) + c]!
    for (const [t, pixels] of clip.frames.pixels.entries()) {
      expect(psnr(overBlack(options.frames[t]!), pixels, 4, width, height)).toBeGreaterThan(38)
      for (const c of [0, 1, 2])
        expect(Math.abs(last(pixels, 3, c, 20) - last(overBlack(options.frames[t]!), 4, c, 20))).toBeLessThan(16)
    }
  })

  it('ProRes 4444: colours come back', async () => {
    const options = job('prores')
    const path = join(folder, 'layer.mov')
    expect((await writeClip(path, options)).notes).toEqual([])
    const clip = await readClip(path)
    expect(clip.timing).toEqual(options.timing)
    for (const [t, pixels] of clip.frames.pixels.entries())
      expect(psnr(overBlack(options.frames[t]!), pixels, 4, 64, 48)).toBeGreaterThan(45)
    expect(alphaError(options.frames, clip.alphas)).toBeLessThan(1)
  })

  it('PNGs: the same samples, under the names of the input', async () => {
    const { frames } = job('webm-alpha', 3)
    expect(
      await writePngSequence(join(folder, 'own'), { width: 64, height: 48, frames, names: ['a7', 'a8', 'a10'] }),
    ).toEqual(['a7.png', 'a8.png', 'a10.png'])
    expect(await writePngSequence(join(folder, 'numbered'), { width: 64, height: 48, frames })).toEqual([
      '00000.png',
      '00001.png',
      '00002.png',
    ])
    const data = await sharp(join(folder, 'numbered', '00001.png'))
      .raw()
      .toBuffer()
    expect(new Uint8Array(data)).toEqual(frames[1])
    expect((await readClip(join(folder, 'own'))).frameNames).toEqual(['a7', 'a8', 'a10'])
  })
})

describe('when it fails', () => {
  it('nothing is overwritten', async () => {
    const path = join(folder, 'mine.mp4')
    await writeFile(path, 'mine')
    await expect(writeClip(path, job('mp4'))).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' })
    await expect(writePngSequence(folder, { width: 64, height: 48, frames: [] })).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
    })
    const late = join(folder, 'late.mp4')
    const { frames, ...options } = job('mp4')
    async function* slow() {
      for (const each of frames) yield await Promise.resolve(each)
      await writeFile(late, 'mine too')
    }
    await expect(writeClip(late, { ...options, frames: slow() })).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' })
    expect([await readFile(path, 'utf8'), await readFile(late, 'utf8')]).toEqual(['mine', 'mine too'])
    expect(await readdir(folder)).toEqual(['late.mp4', 'mine.mp4'])
  })

  it('an abort, an error of the frames, too few of them, a folder that is not there: nothing is left', async () => {
    const stop = new AbortController()
    const path = join(folder, 'x.mp4')
    await expect(
      writeClip(path, {
        ...job('mp4'),
        signal: stop.signal,
        onProgress: (t) => {
          if (t === 3) stop.abort()
        },
      }),
    ).rejects.toMatchObject({ code: 'INTERRUPTED' })
    // eslint-disable-next-line @typescript-eslint/require-await
    async function* broken() {
      yield softShapes(64, 48, 0, 3)
      throw new TypeError('broken')
    }
    await expect(writeClip(path, { ...job('mp4'), frames: broken() })).rejects.toThrow(new TypeError('broken'))
    await expect(writeClip(path, { ...job('mp4'), timing: steady(7, 24) })).rejects.toMatchObject({
      code: 'SHAPE_MISMATCH',
    })
    await expect(writeClip(path, { ...job('mp4'), timing: steady(5, 24) })).rejects.toMatchObject({
      code: 'SHAPE_MISMATCH',
    })
    await expect(writeClip(path, { ...job('prores'), format: 'mp4' })).rejects.toMatchObject({ code: 'SHAPE_MISMATCH' })
    await expect(writePngSequence(path, { width: 64, height: 48, frames: broken() })).rejects.toThrow('broken')
    await expect(
      writePngSequence(path, { width: 64, height: 48, frames: job('prores', 3).frames, names: ['a'] }),
    ).rejects.toMatchObject({ code: 'SHAPE_MISMATCH' })
    expect(await readdir(folder)).toEqual([])
    await expect(writeClip(join(folder, 'none', 'x.mp4'), job('mp4'))).rejects.toMatchObject({
      code: 'OUTPUT_NOT_WRITABLE',
    })
  })

  it.skipIf(process.platform !== 'linux')('a full disk: nothing is left', async () => {
    // The kernel lets this process write files of 20,000 bytes at most, and says EFBIG where it would else say ENOSPC.
    const prlimit = (...rest: string[]) =>
      execFileSync('prlimit', ['--pid', String(process.pid), ...rest], { encoding: 'utf8' }).trim()
    const before = prlimit('--fsize', '--output=SOFT', '--noheadings', '--raw')
    const ignore = () => undefined
    process.on('SIGXFSZ', ignore)
    try {
      prlimit('--fsize=20000:')
      for (const format of ['mp4', 'webm-alpha', 'prores'] as const) {
        await expect(writeClip(join(folder, 'x'), noisy(format))).rejects.toMatchObject({
          code: 'DISK_FULL',
          message: expect.stringContaining('x"') as string,
        })
      }
      await expect(
        writePngSequence(join(folder, 'x'), { width: 128, height: 96, frames: noisy('prores').frames }),
      ).rejects.toMatchObject({ code: 'DISK_FULL' })
    } finally {
      prlimit(`--fsize=${before}:`)
      process.off('SIGXFSZ', ignore)
    }
    expect(await readdir(folder)).toEqual([])
  })
})
