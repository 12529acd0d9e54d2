// The proof that nothing is lost and nothing is done twice: toy jobs and real ones on worker processes that are killed
// at random, on a Redis that is killed once and hangs once, with a store that answers 503 at times.
//   npm run prove:queue [-- --toys 200 --real 6 --workers 3 --seconds 8 --lease 10 --store folder --seed 1]
// It tells how far it is four times a minute, and ends by itself: with its figures and a verdict, after --limit seconds
// at the latest with what was not done by then.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { openQueue, ownVersion } from '../../dist/queue/openQueue.js'
import { performJob } from '../../dist/queue/performJob.js'
import { jobId, laneOf } from '../../dist/queue/protocol.js'
import { QueueClient } from '../../dist/queue/queueClient.js'
import { describeInput, storeInput } from '../../dist/queue/jobInputs.js'
import { readJobState, restoreRun } from '../../dist/queue/store/jobFiles.js'
import { openStore } from '../../dist/queue/store/openStore.js'
import { BucketServer } from './bucketServer.mjs'
import { RedisServer } from './redisServer.mjs'
import { toyResult } from './toyJob.mjs'

const photo = fileURLToPath(new URL('../../examples/teapot.jpg', import.meta.url))

/** What is computed, not measured. */
const pictures = ['composite.png', 'edit.png', 'alpha.png', 'edit-on-greenscreen.png', 'layers.psd', 'losses.svg']

const needs = { device: 'any', guidance: ['starter'], memory: 1 }

/** A real edit at toy size. One thread: another number of them changes the last digits. */
const realOptions = (seed, steps) => ({
  prompt: ['golden teapot'],
  source: ['teapot'],
  region: ['teapot'],
  preset: 'preview',
  size: 192,
  steps,
  views: 1,
  generatorWidth: 8,
  scaleMin: 1,
  scaleMax: 1,
  cropsMinCover: 1,
  previewEvery: 0,
  threads: 1,
  seed,
})

const isReal = (out) => out.startsWith('real-')

const digest = (bytes) => createHash('sha256').update(bytes).digest('hex')

/**
 * Workers that may die of one job, and those of them before its first step: where a machine needs longer to begin a job
 * than the next kill takes to come, it would else never end, until it has stalled too often.
 */
const mostDeaths = { all: 5, beforeSteps: 1 }

/** Milliseconds between two lines that tell how far it is. */
const tellEvery = 15_000

/** Numbers from 0 to 1 that a seed gives, so that a chaos can be had again. */
function drawsOf(seed) {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/**
 * @param {object} plan
 * @param {number} plan.toys @param {number} plan.real @param {number} plan.realSteps @param {number} plan.workers
 * @param {number} plan.seconds between two kills, on average
 * @param {number} plan.kills at most
 * @param {number} plan.lease seconds
 * @param {number} plan.toyDelay milliseconds that a step of a toy job takes, on average
 * @param {'folder' | 's3'} plan.store
 * @param {number} plan.outage seconds that Redis is gone, and that it hangs
 * @param {number} plan.seed
 * @param {number} plan.limit seconds
 * @param {(line: string) => void} say
 */
export async function prove(plan, say) {
  const started = performance.now()
  const home = mkdtempSync(join(tmpdir(), 'text2live-prove-'))
  const draw = drawsOf(plan.seed)
  const redis = await RedisServer.start()
  const bucket = plan.store === 's3' ? await BucketServer.start() : null
  const workers = new Map()
  const counts = { kills: 0, takings: 0, resumed: 0, resumedReal: 0, lost: 0, recoveries: [] }
  const end = new AbortController()
  const [url, name] = [redis.url, 'prove']
  const environment = bucket?.environment ?? {}
  // The client of this process reads them too.
  Object.assign(process.env, environment)
  const place = bucket === null ? join(home, 'store') : 's3://proof/runs'
  if (bucket === null) mkdirSync(place)
  else await bucket.makeBucket('proof')
  const told = []
  const startWorker = (n) => {
    const scratch = join(home, `machine-${n}`)
    mkdirSync(scratch, { recursive: true })
    const argument = JSON.stringify({ url, name, place, scratch, lease: plan.lease * 1000 })
    const child = spawn(process.execPath, [fileURLToPath(new URL('./queueWorker.mjs', import.meta.url)), argument], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    })
    let rest = ''
    child.stdout.on('data', (data) => {
      const lines = (rest + data).split('\n')
      rest = lines.pop()
      for (const line of lines) {
        const event = JSON.parse(line)
        if (event.type === 'took') {
          counts.takings++
          if (event.resumed) counts.resumed++
          if (event.resumed && isReal(event.out)) counts.resumedReal++
          const killedAt = deaths.get(event.job)
          if (killedAt !== undefined) counts.recoveries.push((performance.now() - killedAt) / 1000)
          deaths.delete(event.job)
          child.job = event.job
          child.at = { out: event.out, step: 0 }
        } else if (event.type === 'step') child.at.step = event.step
        else if (event.type === 'lost') counts.lost++
        else if (event.type === 'failed') told.push(`${event.code} ${event.message}`)
        if (['finished', 'failed', 'lost', 'gave-back', 'cancelled'].includes(event.type)) child.job = undefined
      }
    })
    child.stderr.on('data', (data) => told.push(String(data)))
    child.on('exit', (code) => {
      if (code !== null && code !== 0 && !end.signal.aborted) told.push(`worker ${n} ended with ${code}`)
    })
    workers.set(n, child)
  }
  /** When the worker of a job was killed, and how often one was. */
  const deaths = new Map()
  const died = new Map()
  const diedTraining = new Set()
  const mayBeKilled = ({ job, at }) =>
    job !== undefined && (died.get(job) ?? 0) < (at.step === 0 ? mostDeaths.beforeSteps : mostDeaths.all)
  const kill = (n) => {
    const child = workers.get(n)
    deaths.set(child.job, performance.now())
    died.set(child.job, (died.get(child.job) ?? 0) + 1)
    if (child.at.step > 0) diedTraining.add(child.job)
    child.kill('SIGKILL')
    counts.kills++
    startWorker(n)
  }
  let queue = null
  let client = null
  try {
    const store = await openStore(place)
    queue = await openQueue({ url, name, store: store.id })
    client = new QueueClient(queue, store.objects)
    if (bucket !== null) bucket.faults = 0.05
    const payload = { protocol: 1, version: ownVersion, store: store.id, kind: 'photo', needs }
    const described = await describeInput(photo)
    await storeInput(store.objects, described)
    const inputs = { photo: described.input }
    const toys = Array.from({ length: plan.toys }, (_, i) => ({
      payload: {
        ...payload,
        out: `toy-${i}`,
        options: {
          toySteps: 3 + Math.floor(8 * draw()),
          toyDelay: Math.round(plan.toyDelay * (0.5 + draw())),
          seed: i,
        },
        inputs: {},
      },
      priority: 1000,
      delay: 0,
    }))
    const real = Array.from({ length: plan.real }, (_, i) => ({
      payload: { ...payload, out: `real-${i}`, options: realOptions(i % 2, plan.realSteps), inputs },
      priority: 500,
      delay: 0,
    }))
    const expected = await undisturbed(plan, home, say)
    const jobs = [...real, ...toys]
    const submitted = await client.submit(jobs)
    if (submitted !== jobs.length) throw new Error(`${submitted} of ${jobs.length} jobs were new`)
    for (let n = 0; n < plan.workers; n++) startWorker(n)

    let ended = 0
    const failures = []
    const chaos = (async () => {
      let [restarted, frozen] = [false, false]
      while (!end.signal.aborted) {
        await sleep(1000 * plan.seconds * (0.5 + draw()), undefined, { signal: end.signal }).catch(() => undefined)
        if (end.signal.aborted) return
        if (!restarted && ended >= jobs.length / 4) {
          restarted = true
          say('Redis is killed')
          await redis.down('SIGKILL')
          await sleep(plan.outage * 1000)
          await redis.up()
          say('Redis is back')
        } else if (!frozen && ended >= jobs.length / 2) {
          frozen = true
          say('Redis hangs')
          await redis.freeze(plan.outage * 1000)
        } else {
          // One that is at work, in the middle of whatever it does; rather one that trains and was not killed so yet.
          const busy = [...workers].filter(([, worker]) => mayBeKilled(worker))
          const training = busy.filter(([, { job, at }]) => isReal(at.out) && at.step > 0 && !diedTraining.has(job))
          const among = training.length > 0 ? training : busy
          if (among.length > 0 && counts.kills < plan.kills) kill(among[Math.floor(draw() * among.length)][0])
        }
      }
    })()
    const telling = setInterval(() => {
      const hands = [...workers.values()].map(({ job, at }) =>
        job === undefined ? 'idle' : `${at.out} step ${at.step}`,
      )
      const seconds = Math.round((performance.now() - started) / 1000)
      say(`${seconds} s: ${ended} of ${jobs.length} done, ${counts.kills} workers killed; at work: ${hands.join(', ')}`)
    }, tellEvery)
    const limit = setTimeout(() => end.abort(new Error(`not done within ${plan.limit} s`)), plan.limit * 1000)
    await client.follow(
      jobs,
      (job, status) => {
        if (status.state === 'failed')
          failures.push(`${job.payload.out}: ${status.failure.code} ${status.failure.message}`)
        if (status.state !== 'done' && status.state !== 'failed') return
        ended++
      },
      end.signal,
    )
    clearTimeout(limit)
    clearInterval(telling)
    say(`${ended} of ${jobs.length} done; their results are looked at`)
    const late = end.signal.aborted
    end.abort()
    await chaos
    for (const child of workers.values()) child.kill('SIGTERM')
    const states = await Promise.all(jobs.map(({ payload }) => readJobState(store.objects, jobId(payload))))
    const problems = [
      ...failures,
      ...(late ? [`${jobs.length - ended} jobs are not done within ${plan.limit} s`] : []),
      ...told.filter((line) => !line.startsWith('LEASE_LOST')),
    ]
    // Read back from the store, by the hashes that it names, as whoever wants the result does.
    for (const [i, job] of jobs.entries()) {
      if (states[i]?.status !== 'done') {
        problems.push(`${job.payload.out} is ${states[i]?.status ?? 'not there'} in the store`)
        continue
      }
      const folder = join(home, 'results', job.payload.out)
      await restoreRun(store.objects, jobId(job.payload), folder)
      if ('toySteps' in job.payload.options) {
        const result = readFileSync(join(folder, 'result.txt'), 'utf8')
        if (result !== toyResult(job.payload.options)) problems.push(`${job.payload.out} has another result`)
        continue
      }
      const found = picturesIn(folder)
      const wanted = expected[job.payload.options.seed]
      for (const picture of pictures)
        if (found[picture] !== wanted[picture]) problems.push(`${job.payload.out}: ${picture} is another`)
    }
    const finishes = await finishesOf(queue, name)
    for (const { payload } of jobs) {
      const times = finishes.get(jobId(payload)) ?? 0
      if (times !== 1) problems.push(`${payload.out} was finished ${times} times`)
    }
    return {
      problems,
      jobs: jobs.length,
      ...counts,
      refused: bucket?.refused ?? 0,
      seconds: (performance.now() - started) / 1000,
    }
  } finally {
    end.abort()
    for (const child of workers.values()) child.kill('SIGKILL')
    await client?.close()
    queue?.close()
    await redis.remove()
    await bucket?.remove()
    // The last step of a killed worker's process may still be written.
    await sleep(200)
    rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 })
  }
}

/** The pictures of real runs that nobody disturbed, by seed. */
async function undisturbed({ real, realSteps }, home, say) {
  const found = []
  for (let seed = 0; seed < Math.min(real, 2); seed++) {
    const folder = join(home, `undisturbed-${seed}`)
    const payload = { kind: 'photo', options: realOptions(seed, realSteps) }
    await performJob(
      { payload, inputs: { photo }, folder, resumed: false, device: 'cpu' },
      new AbortController().signal,
      () => undefined,
    )
    found.push(picturesIn(folder))
    say(`undisturbed run ${seed} is done`)
  }
  return found
}

function picturesIn(folder) {
  const there = readdirSync(folder)
  return Object.fromEntries(
    pictures.map((picture) => [picture, there.includes(picture) ? digest(readFileSync(join(folder, picture))) : null]),
  )
}

/** How often Redis told of each job that it was completed: its stream of events has all of them. */
async function finishesOf(queue, name) {
  const counts = new Map()
  const events = await queue.redis.xrange(`${name}:${laneOf(needs)}:events`, '-', '+')
  for (const [, fields] of events) {
    const event = Object.fromEntries(fields.flatMap((field, i) => (i % 2 === 0 ? [[field, fields[i + 1]]] : [])))
    if (event.event === 'completed') counts.set(event.jobId, (counts.get(event.jobId) ?? 0) + 1)
  }
  return counts
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({
    options: {
      toys: { type: 'string', default: '200' },
      real: { type: 'string', default: '6' },
      realSteps: { type: 'string', default: '24' },
      workers: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '8' },
      kills: { type: 'string', default: '1000' },
      lease: { type: 'string', default: '10' },
      outage: { type: 'string', default: '15' },
      delay: { type: 'string', default: '300' },
      store: {
        type: 'string',
        default:
          existsSync(fileURLToPath(new URL('../../.venv/bin/moto_server', import.meta.url))) ||
          process.env['TEXT2LIVE_MOTO_SERVER']
            ? 's3'
            : 'folder',
      },
      seed: { type: 'string', default: '1' },
      limit: { type: 'string', default: '3600' },
    },
  })
  const { store, delay, ...numbers } = values
  const plan = {
    ...Object.fromEntries(Object.entries(numbers).map(([key, value]) => [key, Number(value)])),
    store,
    toyDelay: Number(delay),
  }
  const { problems, recoveries, ...result } = await prove(plan, (line) => process.stdout.write(`${line}\n`))
  const sorted = recoveries.sort((a, b) => a - b)
  process.stdout.write(
    `${JSON.stringify({ ...result, recoveries: sorted.length, medianRecovery: sorted[sorted.length >> 1], longestRecovery: sorted.at(-1) }, null, 2)}\n`,
  )
  for (const problem of problems) process.stdout.write(`problem: ${problem}\n`)
  process.stdout.write(
    problems.length === 0
      ? 'proven: every job was done once, with the right result\n'
      : `not proven: ${problems.length} problems\n`,
  )
  process.exitCode = problems.length === 0 ? 0 : 1
}
