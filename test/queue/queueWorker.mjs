// A worker in a process of its own, to be killed: node queueWorker.mjs <json>. It does toy jobs itself, and real ones
// as `text2live worker` does.
import { setTimeout as sleep } from 'node:timers/promises'
import { openQueue } from '../../dist/queue/openQueue.js'
import { performJob } from '../../dist/queue/performJob.js'
import { openStore } from '../../dist/queue/store/openStore.js'
import { runWorker } from '../../dist/queue/worker.js'
import { performToy } from './toyJob.mjs'

const { url, name, place, scratch, lease } = JSON.parse(process.argv[2])
const stop = new AbortController()
process.on('SIGTERM', () => stop.abort())
const store = await openStore(place)
const queue = await opened()
await runWorker(
  {
    queue,
    store,
    can: { device: 'cpu', guidance: ['starter'], memory: 8 },
    scratch,
    lease,
    perform: (job, ...rest) => ('toySteps' in job.payload.options ? performToy : performJob)(job, ...rest),
    onEvent: (event) => {
      if (event.type !== 'run') process.stdout.write(`${JSON.stringify(event)}\n`)
      else if (event.event.type === 'step')
        process.stdout.write(`{"type":"step","job":"${event.job}","step":${event.event.step}}\n`)
    },
  },
  stop.signal,
)
queue.close()

/** A worker that finds no Redis ends; who runs one for good has it started again. */
async function opened() {
  for (;;) {
    try {
      return await openQueue({ url, name, store: store.id })
    } catch (error) {
      if (error.code !== 'QUEUE_UNREACHABLE') throw error
      await sleep(500)
    }
  }
}
