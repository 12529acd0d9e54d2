// A clip of 96x64 and a trainer of 64 numbers for the laws of a run over a clip, which do not depend on what is
// trained.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import sharp from 'sharp'

export const toySize = { width: 96, height: 64 }

/** A bright square that moves right over a texture that moves left, as a folder of PNGs. */
export async function writeToyClip(folder, frames = 6) {
  const { width, height } = toySize
  mkdirSync(folder, { recursive: true })
  for (let t = 0; t < frames; t++) {
    const pixels = new Uint8Array(3 * width * height)
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const inside = x >= 24 + 2 * t && x < 56 + 2 * t && y >= 16 && y < 48
        const [u, v] = inside ? [x - 2 * t, y] : [x + t + 200, y + 100]
        for (let c = 0; c < 3; c++) {
          const wave = Math.sin(u * 0.35 + c) + Math.sin(v * 0.27 + u * 0.11) + Math.sin((u - v) * 0.61 + 2 * c)
          pixels[3 * (y * width + x) + c] = (inside ? 170 : 80) + 22 * wave
        }
      }
    }
    await sharp(pixels, { raw: { width, height, channels: 3 } })
      .png()
      .toFile(join(folder, `${String(t).padStart(5, '0')}.png`))
  }
}

/** The mask of the square in frame t. */
export async function writeToyMask(path, t = 0) {
  const { width, height } = toySize
  const grey = Uint8Array.from({ length: width * height }, (_, i) =>
    i % width >= 24 + 2 * t && i % width < 56 + 2 * t && i >= 16 * width && i < 48 * width ? 255 : 0,
  )
  await sharp(grey, { raw: { width, height, channels: 1 } })
    .png()
    .toFile(path)
}

function draw(seed, step, i) {
  let x = (seed ^ Math.imul(step + 1, 0x9e3779b1) ^ Math.imul(i + 1, 0x85ebca6b)) >>> 0
  for (const shift of [16, 13, 16]) x = Math.imul(x ^ (x >>> shift), 0x45d9f3b) >>> 0
  return x / 2 ** 32
}

const count = 64

/**
 * Each step moves the numbers by a draw from (seed, step), so a resumed run shows at once whether state and step were
 * restored.
 */
export const toyVideoTrainer =
  ({ delay = 0, nanAt = 0, onStep = () => undefined } = {}) =>
  async ({ settings, atlas, layer, state }, notice) => {
    notice({ type: 'model-loading', guidance: settings.guidance[0] })
    let step = state?.step ?? 0
    const salt = layer === 'foreground' ? 0 : 1000
    const numbers = state
      ? state.tensors.numbers.data.slice()
      : Float32Array.from({ length: count }, (_, i) => draw(settings.seed + salt, -1, i))
    return {
      get step() {
        return step
      },
      steps: settings.steps,
      device: 'cpu',
      async train() {
        await sleep(delay)
        for (let i = 0; i < count; i++)
          numbers[i] = Math.fround(numbers[i] * 0.9 + 0.1 * draw(settings.seed + salt, step, i))
        step++
        onStep(step, layer)
        const total = step === nanAt ? Number.NaN : numbers.reduce((sum, value) => sum + value, 0) / count
        return {
          step,
          losses: { total },
          learningRate: settings.learningRate * settings.learningRateDecay ** (step - 1),
        }
      },
      async edit() {
        const { width, height } = await atlas.image(layer)
        return {
          width,
          height,
          channels: 4,
          data: Float32Array.from({ length: 4 * width * height }, (_, i) => numbers[i % count]),
        }
      },
      async state() {
        return { step, tensors: { numbers: { shape: [count], data: numbers.slice() } } }
      },
      async dispose() {
        /* nothing to free */
      },
    }
  }
