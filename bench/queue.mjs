// What a queue costs, with jobs that train nothing but keep the protocol: the figures of docs/scale.md.
//   npm run bench:queue [-- --jobs 2000 --workers 4 --lease 20]
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Lanes } from '../dist/queue/lanes.js'
import { openQueue, ownVersion } from '../dist/queue/openQueue.js'
import { laneOf } from '../dist/queue/protocol.js'
import { QueueClient } from '../dist/queue/queueClient.js'
import { openStore } from '../dist/queue/store/openStore.js'
import { TakenJob } from '../dist/queue/takenJob.js'
import { RedisServer } from '../test/queue/redisServer.mjs'

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '2000' },
    workers: { type: 'string', default: '4' },
    lease: { type: 'string', default: '20' },
  },
})
const [jobCount, workerCount, lease] = [Number(values.jobs), Number(values.workers), Number(values.lease)]
const home = mkdtempSync(join(tmpdir(), 'text2live-bench-'))
const redis = await RedisServer.start('--appendfsync', 'everysec')
const place = join(home, 'store')
mkdirSync(place)
const store = await openStore(place)
const needs = { device: 'any', guidance: ['starter'], memory: 1 }
const lane = laneOf(needs)
const say = (line) => process.stdout.write(`${line}\n`)

/** As large as those of a real list. */
const payloadOf = (i, options) => ({
  protocol: 1,
  version: ownVersion,
  store: store.id,
  kind: 'photo',
  out: `teapots-${String(i).padStart(6, '0')}`,
  options,
  inputs: { photo: { name: 'teapot.jpg', sha256: String(i).padStart(64, '0'), bytes: 2_345_678, folder: false } },
  needs,
})
const realistic = (i) => ({
  prompt: ['golden teapot'],
  source: ['teapot'],
  region: ['teapot'],
  screen: ['gold'],
  preset: 'fast',
  steps: 1000,
  guidance: ['starter'],
  seed: i,
})

async function infoOf(queue) {
  const text = await queue.redis.info()
  const field = (name) => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(text)[1])
  return {
    memory: field('used_memory'),
    commands: field('total_commands_processed'),
    cpu: field('used_cpu_user') + field('used_cpu_sys'),
  }
}

async function measureProtocol() {
  const queue = await openQueue({ url: redis.url, name: 'bench', store: store.id })
  const client = new QueueClient(queue, store.objects)
  const jobs = Array.from({ length: jobCount }, (_, i) => ({
    payload: payloadOf(i, realistic(i)),
    priority: 1000,
    delay: 0,
  }))
  const before = await infoOf(queue)
  let started = performance.now()
  await client.submit(jobs)
  const submitted = (performance.now() - started) / 1000
  const full = await infoOf(queue)
  say(`submitted: ${Math.round(jobCount / submitted)} jobs a second`)
  say(`a job that waits takes ${Math.round((full.memory - before.memory) / jobCount)} bytes in Redis`)
  const lanes = new Lanes(queue)
  const worker = await lanes.worker(lane)
  // Each hand listens to the connection.
  queue.redis.setMaxListeners(100)
  started = performance.now()
  let done = 0
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      for (;;) {
        const taken = await TakenJob.take(queue, lane, worker)
        if (taken === null) return
        taken.tell({ step: 1, steps: 1, worker: 'bench' })
        await taken.finish({ fence: taken.fence, seconds: 1 })
        done++
      }
    }),
  )
  const seconds = (performance.now() - started) / 1000
  const after = await infoOf(queue)
  const cpu = (after.cpu - full.cpu) / done
  say(`taken and finished: ${Math.round(done / seconds)} jobs a second by one process with 16 hands`)
  say(
    `a job costs Redis ${((after.commands - full.commands) / done).toFixed(1)} commands and ${(1000 * cpu).toFixed(2)} ms of its one core to take and finish`,
  )
  say(
    `a finished job, of the last ${Math.min(1000, done)} that are kept, takes ${Math.round((after.memory - before.memory) / Math.min(1000, done))} bytes, with all that the queue keeps`,
  )
  await lanes.close()
  await client.close()
  queue.close()
}

const workerScript = fileURLToPath(new URL('../test/queue/queueWorker.mjs', import.meta.url))

function startWorker(name, n, onEvent) {
  const scratch = join(home, `machine-${name}-${n}`)
  mkdirSync(scratch)
  const argument = JSON.stringify({ url: redis.url, name, place, scratch, lease: lease * 1000 })
  const child = spawn(process.execPath, [workerScript, argument], { stdio: ['ignore', 'pipe', 'inherit'] })
  let rest = ''
  child.stdout.on('data', (data) => {
    const lines = (rest + data).split('\n')
    rest = lines.pop()
    for (const line of lines) onEvent(JSON.parse(line), child)
  })
  return child
}

/** Workers with long jobs; half of them vanish at once. */
async function measureRecovery() {
  const queue = await openQueue({ url: redis.url, name: 'half', store: store.id })
  const client = new QueueClient(queue, store.objects)
  const holders = new Map()
  const [died, recovered] = [new Map(), []]
  const onEvent = (event, child) => {
    if (event.type === 'failed') throw new Error(event.message)
    if (event.type !== 'took') return
    holders.set(event.job, child)
    const at = died.get(event.job)
    if (at === undefined) return
    died.delete(event.job)
    recovered.push((performance.now() - at) / 1000)
  }
  const first = Array.from({ length: workerCount }, (_, n) => startWorker('half', n, onEvent))
  // Nobody has to end a job first: there are as many more hands as die.
  const jobs = Array.from({ length: workerCount }, (_, i) => ({
    payload: { ...payloadOf(i, { toySteps: 100_000, toyDelay: 1000, seed: i }), inputs: {} },
    priority: 1000,
    delay: 0,
  }))
  await client.submit(jobs)
  while (holders.size < workerCount) await sleep(200)
  const spare = Array.from({ length: workerCount / 2 }, (_, n) => startWorker('half', workerCount + n, onEvent))
  await sleep(15_000)
  const working = await infoOf(queue)
  await sleep(20_000)
  const later = await infoOf(queue)
  const [hands, perSecond] = [workerCount + spare.length, (later.commands - working.commands) / 20]
  say(
    `${hands} workers, ${workerCount} of them at work and ${spare.length} idle: ${(perSecond / hands).toFixed(1)} commands a second each, ${((100 * (later.cpu - working.cpu)) / 20 / hands).toFixed(3)} % of Redis' core each`,
  )
  const half = first.slice(0, workerCount / 2)
  for (const [job, child] of holders) if (half.includes(child)) died.set(job, performance.now())
  const vanished = died.size
  for (const child of half) child.kill('SIGKILL')
  while (died.size > 0) await sleep(100)
  recovered.sort((a, b) => a - b)
  say(
    `half of ${workerCount} workers vanish: their ${vanished} jobs are gone on with after ${recovered[0].toFixed(1)} to ${recovered.at(-1).toFixed(1)} s`,
  )
  for (const child of [...first, ...spare]) child.kill('SIGKILL')
  await client.close()
  queue.close()
}

try {
  await measureProtocol()
  await measureRecovery()
} finally {
  await redis.remove()
  rmSync(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 })
}
