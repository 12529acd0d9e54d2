import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { generatorOf } from '../../src/models/generator.js'
import { type StepPlan, buildLayerGraph, buildStepGraph } from '../../src/method/stepGraph.js'
import { loadGuidance } from '../../src/models/loadGuidance.js'
import { folderSource } from '../../src/models/node/folderSource.js'
import { type PresetName, presets } from '../../src/options/presets.js'
import { resolveSettings } from '../../src/options/resolveSettings.js'
import { tinyClip } from '../support/twoSteps.js'
import { findAdapter } from './adapter.js'

const runtime = await findAdapter()
const folder = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const names = Object.keys(presets) as PresetName[]

/** A session that may not fall back to the CPU is made only if the device has a kernel for every node. */
describe.skipIf(!runtime)('the whole step has WebGPU kernels', () => {
  it.each(names.flatMap((preset) => (['starter', 'tinyClip'] as const).map((model) => [preset, model] as const)))(
    '%s with %s',
    async (preset, model) => {
      const guidance =
        model === 'starter'
          ? await loadGuidance(await folderSource(folder('../../models/starter')), runtime!)
          : await tinyClip(await folderSource(folder('../fixtures/tinyClip')), runtime!)
      const settings = resolveSettings(
        [{ preset, prompt: ['a'], region: ['b'], views: 2, generatorWidth: 8, seed: 1 }],
        () => 0,
      )
      const edges = settings.relevancy !== 'model'
      const plan: StepPlan = {
        // Neither side a multiple of a view's or of a patch's.
        size: { width: 197, height: 166 },
        generator: generatorOf(settings),
        settings,
        kind: 'update',
        masked: true,
        bootstrap: edges ? 'map' : 'model',
        emphasis: edges,
        sight: settings.surroundings === 'hidden',
        texts: { composition: 14, screen: 2, direction: 14, region: 1 },
      }
      const { graph, outputs } = buildStepGraph(plan, [guidance])
      const program = await runtime!.compile(graph, outputs)
      expect(program.nodeCount).toBeGreaterThan(1000)
      await program.release()
    },
  )

  it('and the forward graph of the layer', async () => {
    const { graph, outputs } = buildLayerGraph({ width: 197, height: 166 }, generatorOf({ generatorWidth: 8 }))
    const program = await runtime!.compile(graph, outputs)
    expect(program.inputs.map(({ name }) => name)).toEqual(['picture', 'parameters'])
    await program.release()
  })
})
