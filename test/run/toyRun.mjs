// A run in a process of its own, to be killed: node toyRun.mjs <json options> <milliseconds per step>
import { imageJobOf } from '../../dist/run/imageJob.js'
import { runImageJob } from '../../dist/run/runImageJob.js'
import { toyTrainer } from './toyTrainer.mjs'

const stop = new AbortController()
process.on('SIGINT', () => stop.abort())
const environment = { open: toyTrainer({ delay: Number(process.argv[3]) }), signal: stop.signal }
runImageJob(imageJobOf(JSON.parse(process.argv[2]), true), environment, (event) =>
  process.stdout.write(`${event.type} ${event.step ?? ''}\n`),
).catch((error) => {
  process.stdout.write(`error ${error.code}\n`)
  process.exitCode = error.exitStatus ?? 70
})
