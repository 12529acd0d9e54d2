// A worker that holds the engine on one device and does jobs. It is ended from outside: only that gives the memory of
// WebAssembly back, which grows and never shrinks.
import { createRuntime, type OrtModule, type Runtime } from '../../engine/runtime.js'
import { stoppable } from '../../engine/stoppable.js'
import { timeConvolution } from '../../engine/timeConvolution.js'
import { Text2LiveError } from '../../errors.js'
import { browserMachine } from '../../session/web/browserMachine.js'
import { OpfsRuns } from '../../session/web/opfsStore.js'
import { serveJobs } from '../../session/web/runWorker.js'
import type { EngineNews, EngineStart } from './engineMessages.js'
import { FileCache } from './fileCache.js'
import { modelSource } from './modelSource.js'
import { siteFiles } from './siteFile.js'

/** Milliseconds for the worker of a tab that was closed to end its step and let a run go. */
const patience = 60_000

type Ort = OrtModule & { readonly env: { readonly webgpu: { readonly device: unknown } } }

const tell = (news: EngineNews): void => postMessage(news)

addEventListener('message', ({ data }: MessageEvent<EngineStart>) => void begin(data), { once: true })

async function begin({ site, device, threads }: EngineStart): Promise<void> {
  try {
    const files = new FileCache(site, siteFiles)
    const ort = await loadEngine({ site, device, threads }, files)
    // Between two graphs whatever waits for this thread has its turn: what was asked of the run.
    const runtime = stoppable(createRuntime(ort, { device }), new AbortController().signal)
    await timeConvolution(runtime)
    serve(ort, runtime, files)
    tell({ engine: 'ready' })
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    tell({ engine: 'refused', code: error instanceof Text2LiveError ? error.code : null, message })
  }
}

/** @throws MODEL_NOT_CACHED, MODEL_DAMAGED, DEVICE_UNAVAILABLE */
async function loadEngine({ site, device, threads }: EngineStart, files: FileCache): Promise<Ort> {
  const name = device === 'webgpu' ? 'ort-wasm-simd-threaded.asyncify' : 'ort-wasm-simd-threaded'
  const wasmBinary = await files.read(`ort/${name}.wasm`)
  const ort = device === 'webgpu' ? await import('onnxruntime-web/webgpu') : await import('onnxruntime-web/wasm')
  Object.assign(ort.env.wasm, {
    wasmBinary,
    wasmPaths: { mjs: new URL(`ort/${name}.js`, site).href },
    numThreads: threads,
  })
  return ort
}

function serve(ort: Ort, runtime: Runtime, files: FileCache): void {
  const runs = new OpfsRuns()
  const machine = browserMachine({
    ort,
    models: (name) => modelSource(files, `models/${name}`),
    guidance: (name) =>
      Promise.reject(
        new Text2LiveError(
          'GUIDANCE_NOT_FOUND',
          `Expected the guidance "starter", which this page carries, got "${name}". Other models are for the command line and for "text2live studio".`,
        ),
      ),
    runs: {
      make: (...made) => runs.make(...made),
      open: (name) => runs.open(name, patience),
      look: (name) => runs.look(name),
    },
  })
  serveJobs(self, {
    ...machine,
    runtime: () => Promise.resolve(runtime),
    device: () => Promise.resolve(runtime.device),
  })
  if (runtime.device !== 'webgpu') return
  // Once a session is there the engine gives the device itself, whatever its types say.
  void Promise.resolve(ort.env.webgpu.device).then((device) =>
    (device as GpuDevice).lost.then(({ message }) => tell({ engine: 'lost', message })),
  )
}

/** What TypeScript's library lacks of WebGPU. */
interface GpuDevice {
  readonly lost: Promise<{ readonly message: string }>
}
