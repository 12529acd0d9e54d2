import * as ort from './node_modules/onnxruntime-web/dist/ort.wasm.min.mjs'
import { browserMachine, serveJobs } from './node_modules/text2live/dist/bundle/text2live.js'

serveJobs(self, browserMachine({ ort, models: new URL('node_modules/text2live/models/', import.meta.url).href }))
