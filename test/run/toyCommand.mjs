// The command's streams and signals around a toy run, in a process of its own: node toyCommand.mjs <json options>
// <milliseconds per step>
import { followRun } from '../../dist/cli/followRun.js'
import { openProcessTerminal } from '../../dist/cli/processTerminal.js'
import { errorText } from '../../dist/cli/errorText.js'
import { imageJobOf } from '../../dist/run/imageJob.js'
import { runImageJob } from '../../dist/run/runImageJob.js'
import { toyTrainer } from './toyTrainer.mjs'

const { json = false, ...options } = JSON.parse(process.argv[2])
const terminal = openProcessTerminal()
const open = toyTrainer({ delay: Number(process.argv[3]) })
const status = await followRun(
  (signal, emit) => runImageJob(imageJobOf(options, true), { open, signal }, emit),
  json,
  terminal,
).catch((error) => {
  terminal.stderr.write(errorText(error, terminal.width, false))
  return error.exitStatus ?? 70
})
process.exitCode = await terminal.finish(status)
