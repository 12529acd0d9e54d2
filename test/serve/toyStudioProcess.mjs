// A studio with the toy trainer in a process of its own, to be stopped and killed: node toyStudioProcess.mjs <folder>
// <port> <token> <milliseconds per step>
import { runImageJob } from '../../dist/run/runImageJob.js'
import { startStudio } from '../../dist/serve/startStudio.js'
import { toyTrainer } from '../run/toyTrainer.mjs'

const [folder, port, token, delay] = process.argv.slice(2)
const open = toyTrainer({ delay: Number(delay) })
const studio = await startStudio({
  folder,
  listen: '127.0.0.1',
  port: Number(port),
  token,
  workers: {
    work: async (job, signal, emit, control) => await runImageJob(job, { open, signal, control }, emit),
  },
  onFault: (error) => process.stderr.write(`${String(error)}\n`),
})
process.stdout.write(`${studio.address}\n`)
process.once('SIGINT', () => {
  void studio.close().then(() => process.stdout.write('closed\n'))
})
