// A run over a clip in a process of its own, to be killed: node toyVideoRun.mjs <json job> <milliseconds per step>
import { runVideoJob } from '../../dist/run/video/runVideoJob.js'
import { interrupted } from '../../dist/session/interrupted.js'
import { toyVideoTrainer } from './toyVideo.mjs'

const stop = new AbortController()
process.on('SIGINT', () => stop.abort(interrupted()))
const environment = {
  openTrainer: toyVideoTrainer({ delay: Number(process.argv[3]) }),
  checkTexts: () => Promise.resolve(),
  signal: stop.signal,
}
const tell = (event) =>
  process.stdout.write(
    `${[event.type, event.stage ?? event.layer ?? '', event.step ?? event.done ?? ''].join(' ').trim()}\n`,
  )
runVideoJob(JSON.parse(process.argv[2]), environment, tell).catch((error) => {
  process.stdout.write(`error ${error.code} ${error.message}\n`)
  process.exitCode = error.exitStatus ?? 70
})
