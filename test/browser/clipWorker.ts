import { browserMachine, serveJobs } from '../../src/core.js'

const ort = await import('onnxruntime-web/wasm')
ort.env.wasm.wasmPaths = '/ort/'
// The graphs of a fit are thousands of small ones: on a busy machine threads would wait for each other.
ort.env.wasm.numThreads = 1
serveJobs(self, browserMachine({ ort, models: '/models' }))
postMessage({ ready: true })
