import { type Device, type GivenOptions, type Runtime, createBundledTokenizer, createRuntime, fetchSource, loadGuidance } from '../../src/core.js'
import { readOpFixture } from '../ops/opFixture.js'
import { runOpCase } from '../ops/runOpCase.js'
import { type Losses, tinyClip, twoSteps } from '../support/twoSteps.js'

/** What the test asks of the page. */
export interface Page {
  readonly isolated: boolean
  /** Mismatches with the oracle by case: every op whose name `ops` holds, or all. */
  runOps(device: Device, ops?: readonly string[]): Promise<{ count: number; failures: string[] }>
  /** Token ids by CLIP's own tokenizer. */
  tokenize(texts: readonly string[]): Promise<(readonly number[])[]>
  runSteps(device: Device, model: 'starter' | 'tinyClip', options: GivenOptions): Promise<Losses[]>
}

async function openRuntime(device: Device): Promise<Runtime> {
  const ort = device === 'webgpu' ? await import('onnxruntime-web/webgpu') : await import('onnxruntime-web/wasm')
  ort.env.wasm.wasmPaths = '/ort/'
  ort.env.wasm.numThreads = 2
  return createRuntime(ort, { device, strictDevice: true })
}

const page: Page = {
  isolated: crossOriginIsolated,

  async runOps(device, ops) {
    const runtime = await openRuntime(device)
    const [json, tensors] = await Promise.all([fetch('/fixtures/ops.json'), fetch('/fixtures/ops.safetensors')])
    const fixture = readOpFixture(await json.text(), new Uint8Array(await tensors.arrayBuffer()))
    const cases = fixture.cases.filter(({ op }) => ops?.includes(op) ?? true)
    const failures: string[] = []
    for (const one of cases) {
      try {
        failures.push(...await runOpCase(runtime, fixture, one))
      } catch (error) {
        failures.push(`${one.name}: ${String(error)}`)
      }
    }
    return { count: cases.length, failures }
  },

  async tokenize(texts) {
    const vocabulary = await fetch('/models/clip-bpe/bpe_simple_vocab_16e6.txt.gz')
    const tokenizer = await createBundledTokenizer(new Uint8Array(await vocabulary.arrayBuffer()))
    return texts.map((text) => tokenizer(text).ids)
  },

  async runSteps(device, model, options) {
    const runtime = await openRuntime(device)
    const guidance = model === 'starter'
      ? await loadGuidance(fetchSource('/models/starter'), runtime)
      : await tinyClip(fetchSource('/fixtures/tinyClip'), runtime)
    return await twoSteps(runtime, guidance, options)
  },
}

Object.assign(globalThis, { page })
