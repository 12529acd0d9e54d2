import * as ort from 'onnxruntime-web/wasm'
import { browserMachine, serveJobs } from 'text2live/core'

serveJobs(self, browserMachine({ ort, models: import.meta.env.BASE_URL }))
