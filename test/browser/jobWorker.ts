import { browserMachine, registerGuidance, serveJobs } from '../../src/core.js'

const ort = await import('onnxruntime-web/wasm')
ort.env.wasm.wasmPaths = '/ort/'
ort.env.wasm.numThreads = 2
await registerGuidance('/examples/colours-and-edges.mjs')
serveJobs(self, browserMachine({ ort, models: '/models' }))
postMessage({ ready: true })
