import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { colourWords } from '../../../test/support/colourWords.js'
import { twoObjects } from '../../../test/support/twoObjects.js'
import { createNodeRuntime } from '../../engine/node/createNodeRuntime.js'
import { overlap } from '../../media/changeMeasures.js'
import type { ClipFrames } from '../../media/clipFrames.js'
import { resize } from '../../media/resample.js'
import type { GuidanceModel } from '../../models/guidance.js'
import { folderSource } from '../../models/node/folderSource.js'
import { loadOutline, type OutlineFinder, type OutlineModel, withOutline } from '../../models/outline.js'
import { findInFrames, type FrameQuestion, salientAtPoint } from './findInFrames.js'

const runtime = createNodeRuntime({ device: 'cpu', threads: 2 })
const { photo, disc, square } = twoObjects(128, 160)
const { width, height } = photo
const n = width * height
/** Two frames of the disc alone, as bytes. */
const frame = Uint8Array.from({ length: 3 * n }, (_, at) => {
  const [i, c] = [Math.floor(at / 3), at % 3]
  return Math.round(255 * (square.data[i] ? 0.55 : photo.data[c * n + i]!))
})
const frames: ClipFrames = { width, height, pixels: [frame, frame] }
const blank: ClipFrames = { width, height, pixels: [new Uint8Array(3 * n).fill(128), new Uint8Array(3 * n).fill(128)] }

let guidance: GuidanceModel
let outline: OutlineModel
beforeAll(async () => {
  guidance = await colourWords(
    { disc: [1, -0.5, -0.5], ground: [0.3, 0.3, 0.3], stage: [0.1, 0.5, 0.1], sky: [-0.5, 1, -0.5] },
    runtime,
  )
  outline = await loadOutline(await folderSource(fileURLToPath(new URL('../../../models/outline', import.meta.url))))
})

async function find(clip: ClipFrames, question: Partial<FrameQuestion>, outlined = true) {
  const heard: number[] = []
  const look = (finder: OutlineFinder | null) =>
    findInFrames(
      clip,
      { region: [], prompts: [], truncate: false, ...question },
      { guidance: [guidance], outline: finder, runtime },
      { signal: new AbortController().signal, onProgress: (done) => heard.push(done) },
    )
  const found = outlined ? await withOutline(outline, runtime, look) : await look(null)
  return { ...found, heard }
}

describe('the object of a clip', () => {
  it('is found by its name, with the outline of what stands out', async () => {
    const { hint, note, heard } = await find(frames, { region: ['disc'] })
    expect(hint.kind).toBe('object')
    expect(heard).toEqual([1, 2])
    expect(note).toContain('"disc", with the outline')
    if (hint.kind !== 'object') return
    expect([...hint.maps.keys()]).toEqual([0, 1])
    expect([...hint.answers!.keys()]).toEqual([0, 1])
    for (const map of hint.maps.values())
      expect(overlap(resize(map, width, height, { filter: 'bilinear', antialias: true }), disc.map)).toBeGreaterThan(
        0.9,
      )
  })

  it('is the name that prompt and clip agree on, or what stands out, where nobody says it', async () => {
    expect((await find(frames, { region: 'agreed', prompts: ['golden disc'] })).note).toContain(
      '"disc", which prompt and clip agree on',
    )
    const { hint, note } = await find(frames, {})
    expect(hint).toMatchObject({ kind: 'object', answers: null })
    expect(note).toContain('what stands out and moves')
  })

  it('is where the guidance sees the words that mean something else, and what moves where nothing stands out', async () => {
    const { hint, note } = await find(frames, { region: ['stage'] })
    expect(hint.kind).toBe('relevancy')
    expect(note).toContain('"stage" is not what stands out')
    expect((await find(blank, {})).hint).toEqual({ kind: 'motion' })
  })

  it('is around what stands out where the words say so', async () => {
    const { hint, note } = await find(frames, { region: ['ground'] })
    expect(note).toContain('"ground", around what stands out')
    if (hint.kind !== 'probability') throw new Error(`a hint of kind ${hint.kind}`)
    for (const map of hint.maps.values()) {
      const fine = resize(map, width, height, { filter: 'bilinear', antialias: true })
      expect(overlap({ ...fine, data: fine.data.map((x) => 1 - x) }, disc.map)).toBeGreaterThan(0.85)
    }
  })

  it("is the guidance's answer alone without the outline network", async () => {
    expect((await find(frames, { region: ['disc'] }, false)).hint.kind).toBe('relevancy')
  })

  it('is at a point what stands out there, unless something else does too', async () => {
    const at = (clip: ClipFrames, x: number, y: number, frame = 0) =>
      withOutline(outline, runtime, async (finder) => {
        const tools = { signal: new AbortController().signal, onProgress: () => undefined }
        const hint = await salientAtPoint(clip, { x, y, frame }, finder, tools)
        if (hint.standsOut) expect(overlap((await hint.standsOut.look(1, disc.map))!, disc.map)).toBeGreaterThan(0.9)
        return hint
      })
    const [cx, cy] = middleOf(disc.map)
    const hint = await at(frames, cx, cy)
    expect(hint).toMatchObject({ kind: 'point', x: cx, y: cy, frame: 0 })
    expect([...hint.standsOut!.maps.keys()].toSorted()).toEqual([0, 1])
    // Beside it, where nothing stands out, in no frame of the clip, and beside another thing that does.
    const alone = (x: number, y: number, frame: number) => ({ kind: 'point', x, y, frame })
    expect(await at(frames, 1, 1)).toEqual(alone(1, 1, 0))
    expect(await at(blank, cx, cy)).toEqual(alone(cx, cy, 0))
    expect(await at(frames, cx, cy, 7)).toEqual(alone(cx, cy, 7))
    // The disc once more, to the right.
    const both = frame.slice()
    for (let i = n - 1; i >= 80; i--)
      if (i % width >= 80 && disc.map.data[i - 80]! > 0.5) both.set(frame.subarray(3 * (i - 80), 3 * (i - 79)), 3 * i)
    expect(await at({ width, height, pixels: [both, both] }, cx, cy)).toEqual(alone(cx, cy, 0))
  })
})

/** The middle of what a map holds, px. */
function middleOf({ data }: { readonly data: Float32Array }): [number, number] {
  const inside = [...data.keys()].filter((i) => data[i]! > 0.5)
  const mean = (of: (i: number) => number) => Math.round(inside.reduce((sum, i) => sum + of(i), 0) / inside.length)
  return [mean((i) => i % width), mean((i) => Math.floor(i / width))]
}
