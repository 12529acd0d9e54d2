import { describe, expect, it } from 'vitest'
import { createNodeRuntime } from '../../engine/node/createNodeRuntime.js'
import { readSafetensors, writeSafetensors } from '../../formats/safetensors.js'
import type { FloatImage } from '../../media/image.js'
import { type ClipFlow, type Flow, flowUnits } from '../clipFlow.js'
import { evaluateAtlas } from '../evaluateAtlas.js'
import { FastAtlas } from './fastAtlas.js'
import type { FastSettings } from './fastSettings.js'
import { fitEvidence } from './fitEvidence.js'
import { type FastAtlasState, fitFastAtlas } from './fitFastAtlas.js'

const [width, height, count] = [64, 48, 8]
const runtime = createNodeRuntime({ device: 'cpu', threads: 1 })
const settings: FastSettings = {
  textureScale: 2,
  weights: { reconstruction: 5000, gradient: 1000, rigidity: 1, flow: 5, bending: 5 },
  textureSteps: [3, 6],
  stages: [
    { spacing: 16, pixel: 2, textureScale: 1, sweeps: 1, steps: 2, rounds: 6, opacity: false },
    { spacing: 8, pixel: 1, textureScale: 2, sweeps: 2, steps: 1, rounds: 6, opacity: true },
  ],
}

/** A patterned disc that moves by (2, 1) px a frame over a pattern that moves by (-1.5, 0). */
const object = (t: number) => ({ x: 22 + 2 * t, y: 18 + t })
const pattern = (x: number, y: number, c: number) =>
  0.5 + 0.2 * Math.sin(0.5 * x + c) + 0.2 * Math.cos(0.4 * y - 0.2 * x + 2 * c)
const inside = (x: number, y: number, t: number) => Math.hypot(x - object(t).x, y - object(t).y) < 11

function clip() {
  const pixels = Array.from({ length: count }, (_, t) =>
    Uint8Array.from({ length: 3 * width * height }, (_, k) => {
      const [x, y, c] = [Math.floor(k / 3) % width, Math.floor(k / 3 / width), k % 3]
      return Math.round(
        255 * (inside(x, y, t) ? pattern(1.7 * (x - 2 * t), 1.5 * (y - t), c + 3) : pattern(x + 1.5 * t, y, c)),
      )
    }),
  )
  const masks = Array.from({ length: count }, (_, t): FloatImage => ({
    width,
    height,
    channels: 1,
    data: Float32Array.from({ length: width * height }, (_, i) =>
      inside(i % width, Math.floor(i / width), t) ? 1 : 0,
    ),
  }))
  return { frames: { width, height, pixels }, masks }
}

/** The true motion, a little wrong: `error` px. */
function motion(error: number): ClipFlow {
  const flow = (t: number, sign: number): Flow => {
    const data = new Float32Array(2 * width * height)
    for (let i = 0; i < width * height; i++) {
      const front = inside(i % width, Math.floor(i / width), t)
      data[i] = sign * (front ? 2 : -1.5) + error
      data[width * height + i] = sign * (front ? 1 : 0) - error
    }
    return { data: flowUnits(data), valid: new Uint8Array(width * height).fill(1) }
  }
  const pairs = Array.from({ length: count - 1 }, (_, t) => t)
  return { width, height, forward: pairs.map((t) => flow(t, 1)), backward: pairs.map((t) => flow(t + 1, -1)) }
}

const given = { ...clip(), flow: motion(0.15), settings }
const input = { frames: given.frames, evidence: await fitEvidence(given), settings, runtime }

describe('fitFastAtlas', () => {
  it('takes a clip apart, tells what it does, and the atlas survives a file', async () => {
    const seen: string[] = []
    const atlas = await fitFastAtlas({ ...input, onProgress: (progress) => seen.push(progress.type) })
    const quality = await evaluateAtlas(atlas, input.frames, { flow: motion(0), masks: new Map(given.masks.entries()) })
    expect(quality.meanPsnr).toBeGreaterThan(33)
    expect(Math.min(...quality.psnr)).toBeGreaterThan(31)
    expect(quality.flowConsistency).toBeLessThan(0.2)
    expect(quality.opacityIou).toBeGreaterThan(0.95)
    expect(seen.filter((type) => type === 'sweep')).toHaveLength(3)
    expect(seen.filter((type) => type === 'frame')).toHaveLength(3 * count)

    const again = FastAtlas.fromTensors(readSafetensors(writeSafetensors(atlas.toTensors())).tensors)
    for (const layer of ['foreground', 'background'] as const) {
      expect(await again.image(layer)).toEqual(await atlas.image(layer))
      expect(await again.mapping(layer, 3)).toEqual(await atlas.mapping(layer, 3))
    }
    expect(await again.opacity(2)).toEqual(await atlas.opacity(2))
  })

  it('goes on from any checkpoint as if it had never stopped', async () => {
    const states: FastAtlasState[] = []
    const whole = await fitFastAtlas({
      ...input,
      onCheckpoint: (state) => {
        states.push(state)
      },
    })
    expect(states.map(({ sweep }) => sweep)).toEqual([1, 2, 3])
    for (const { sweep, tensors } of states) {
      const stored = readSafetensors(writeSafetensors(tensors)).tensors
      const resumed = await fitFastAtlas({ ...input, state: { sweep, tensors: stored } })
      for (const [name, { bytes }] of whole.toTensors())
        expect(Buffer.compare(bytes, resumed.toTensors().get(name)!.bytes), name).toBe(0)
    }
  })

  it('stops when it is told to', async () => {
    const stop = new AbortController()
    const fit = fitFastAtlas({
      ...input,
      signal: stop.signal,
      onProgress: ({ type }) => {
        if (type === 'frame') stop.abort()
      },
    })
    await expect(fit).rejects.toThrow(/abort/i)
  })

  it('stops at numbers that are not finite, and says where', async () => {
    const weights = { ...settings.weights, bending: Infinity }
    await expect(fitFastAtlas({ ...input, settings: { ...settings, weights } })).rejects.toMatchObject({
      code: 'LOSS_NOT_FINITE',
      message: expect.stringMatching(/ground of frame \d: .*mapping is not a number or infinite/) as string,
    })
  })

  it('refuses flow of another clip and a checkpoint of another size', async () => {
    await expect(fitEvidence({ ...given, masks: given.masks.slice(1) })).rejects.toMatchObject({
      code: 'SHAPE_MISMATCH',
    })
    const shorter = { ...given.frames, pixels: given.frames.pixels.slice(1) }
    await expect(fitFastAtlas({ ...input, frames: shorter })).rejects.toMatchObject({ code: 'SHAPE_MISMATCH' })
    await expect(fitFastAtlas({ ...input, state: { sweep: 1, tensors: new Map() } })).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
    })
  })
})
