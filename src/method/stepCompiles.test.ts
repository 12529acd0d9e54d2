import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { sizeOf } from '../engine/graph.js'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import { encodeModel } from '../engine/onnx.js'
import { type Runtime, heldBytes } from '../engine/runtime.js'
import type { FloatImage } from '../media/image.js'
import { loadGuidance } from '../models/loadGuidance.js'
import { folderSource } from '../models/node/folderSource.js'
import { resolveSettings } from '../options/resolveSettings.js'
import { createTrainer } from './trainer.js'

const cpu = createNodeRuntime({ device: 'cpu', threads: 1 })

/** Compiles everything but steps and previews; those are counted, and come to zeros. */
function countingRuntime(compiled: string[]): Runtime {
  return {
    ...cpu,
    async compile(graph, outputs, options) {
      if (!('losses' in outputs) && !('layer' in outputs)) return await cpu.compile(graph, outputs, options)
      const model = encodeModel(graph, outputs)
      const { shape } = model.inputs.find(({ name }) => name === 'picture')!.value
      compiled.push(`${Object.keys(outputs).join()} ${shape[3]}x${shape[2]}`)
      const results = Object.fromEntries(
        Object.entries(outputs).map(([name, value]) => [
          name,
          new cpu.Tensor('float32', new Float32Array(sizeOf(value.shape)), value.shape),
        ]),
      )
      return {
        inputs: [],
        nodeCount: model.nodeCount,
        heldBytes: heldBytes(model),
        run: () => Promise.resolve(results),
        release: () => Promise.resolve(),
      }
    },
  }
}

it('100 steps of preset fast at 768x512, with previews, compile each of their graphs once', async () => {
  const compiled: string[] = []
  const runtime = countingRuntime(compiled)
  const guidance = await loadGuidance(
    await folderSource(fileURLToPath(new URL('../../models/starter', import.meta.url))),
    cpu,
  )
  const settings = resolveSettings(
    [{ preset: 'fast', prompt: ['golden teapot'], source: ['teapot'], views: 1, steps: 100, seed: 1 }],
    () => 0,
  )
  const photo: FloatImage = {
    width: 768,
    height: 512,
    channels: 3,
    data: Float32Array.from({ length: 3 * 768 * 512 }, (_, i) => (i % 97) / 96),
  }
  const trainer = await createTrainer({
    runtime,
    guidance: [guidance],
    settings,
    photo,
    texts: { prompt: settings.prompt, screen: settings.screen, source: settings.source, region: [] },
  })
  for (let k = 1; k <= 100; k++) {
    await trainer.train()
    if (k % settings.previewEvery === 0) await trainer.layer()
  }
  expect(trainer.step).toBe(100)
  await trainer.dispose()
  // Seven sizes and the preview; the run comes back to most of them many times.
  expect(compiled.length).toBe(8)
  expect(new Set(compiled).size).toBe(compiled.length)
})
