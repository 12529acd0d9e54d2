// A trainer of 64 numbers for the laws of the run folder, which do not depend on what is trained: each step moves the
// numbers by a draw from (seed, step), so a resumed run shows at once whether state and step were restored.
import { setTimeout as sleep } from 'node:timers/promises'

const count = 64

function draw(seed, step, i) {
  let x = (seed ^ Math.imul(step + 1, 0x9e3779b1) ^ Math.imul(i + 1, 0x85ebca6b)) >>> 0
  for (const shift of [16, 13, 16]) x = Math.imul(x ^ (x >>> shift), 0x45d9f3b) >>> 0
  return x / 2 ** 32
}

export const toyTrainer =
  ({ delay = 0, nanAt = 0, onStep = () => undefined, onDispose = () => undefined } = {}) =>
  async ({ photo, mask: given, settings, state }, notice) => {
    let mask = given ?? null
    /** What a step sees of the mask: a run under another one has other numbers. */
    const share = () => (mask === null ? 1 : mask.data.reduce((sum, x) => sum + x, 0) / mask.data.length)
    notice({ type: 'model-loading', guidance: settings.guidance[0] })
    let step = state?.step ?? 0
    const numbers = state
      ? state.tensors.numbers.data.slice()
      : Float32Array.from({ length: count }, (_, i) => draw(settings.seed, -1, i))
    return {
      get step() {
        return step
      },
      steps: settings.steps,
      device: 'cpu',
      async train() {
        if (delay > 0) await sleep(delay)
        for (let i = 0; i < count; i++)
          numbers[i] = Math.fround(numbers[i] * 0.9 + 0.1 * share() * draw(settings.seed, step, i))
        step++
        onStep(step)
        const total = step === nanAt ? Number.NaN : numbers.reduce((sum, value) => sum + value, 0) / count
        return {
          step,
          losses: { total },
          learningRate: settings.learningRate * settings.learningRateDecay ** (step - 1),
        }
      },
      async layer() {
        const plane = photo.width * photo.height
        const data = Float32Array.from({ length: 4 * plane }, (_, i) => numbers[i % count])
        return { width: photo.width, height: photo.height, channels: 4, data }
      },
      async state() {
        return { step, tensors: { numbers: { shape: [count], data: numbers.slice() } } }
      },
      async setMask(next) {
        mask = next
      },
      async dispose() {
        onDispose()
      },
    }
  }
