import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openQueue, ownVersion, type Queue } from '../../src/queue/openQueue.js'
import { jobId, type JobPayload, laneOf } from '../../src/queue/protocol.js'
import { QueueClient, type Submission } from '../../src/queue/queueClient.js'
import { QueuedBatch, type QueuedBatchEvent } from '../../src/queue/queuedBatch.js'
import { JobFiles } from '../../src/queue/store/jobFiles.js'
import { openStore, type OpenedStore } from '../../src/queue/store/openStore.js'
import { runWorker, type WorkerEvent } from '../../src/queue/worker.js'
import { WorkerMetrics, serveMetrics } from '../../src/queue/workerMetrics.js'
import { freePort, missingRedis, RedisServer } from './redisServer.mjs'
import { performToy, toyResult } from './toyJob.mjs'

const missing = missingRedis()

describe.skipIf(missing !== null)(`a worker${missing === null ? '' : ` (skipped: ${missing})`}`, () => {
  let server: RedisServer
  let home: string
  let store: OpenedStore
  let queue: Queue
  let client: QueueClient
  let count = 0
  const at = (...names: string[]): string => join(home, ...names)
  beforeAll(async () => {
    server = await RedisServer.start()
  })
  afterAll(async () => await server.remove())
  beforeEach(async () => {
    home = mkdtempSync(join(tmpdir(), 'text2live-worker-'))
    store = await openStore(home)
    queue = await openQueue({ url: server.url, name: `worker-${++count}`, store: store.id })
    client = new QueueClient(queue, store.objects)
  })
  afterEach(async () => {
    await client.close()
    queue.close()
    rmSync(home, { recursive: true, force: true })
  })

  const options = { toySteps: 40, toyDelay: 20, seed: 5 }
  const jobOf = (out: string, more: Partial<JobPayload> = {}): Submission => ({
    payload: {
      protocol: 1,
      version: ownVersion,
      store: store.id,
      kind: 'photo',
      out,
      options,
      inputs: {},
      needs: { device: 'any', guidance: ['starter'], memory: 2 },
      ...more,
    },
    priority: 1000,
    delay: 0,
  })

  /** Works until `until` holds for an event. */
  const work = async (until: (event: WorkerEvent) => boolean, memory = 8): Promise<WorkerEvent[]> => {
    const stop = new AbortController()
    const events: WorkerEvent[] = []
    await runWorker(
      {
        queue,
        store,
        can: { device: 'cpu', guidance: ['starter'], memory },
        scratch: at('scratch'),
        perform: performToy,
        onEvent: (event) => {
          events.push(event)
          if (until(event)) stop.abort()
        },
      },
      stop.signal,
    )
    return events
  }
  const atStep = (step: number) => (event: WorkerEvent) =>
    event.type === 'run' && event.event.type === 'step' && event.event.step === step
  const kinds = (events: readonly WorkerEvent[]): string[] =>
    events.filter(({ type }) => type !== 'run').map(({ type }) => type)
  const ended = (event: WorkerEvent): boolean => event.type !== 'run' && event.type !== 'took'
  const stop = new AbortController().signal

  test('gives back what it has when it is stopped; the next goes on to the same result, which is fetched once', async () => {
    const job = jobOf('given')
    await client.submit([job])
    expect(kinds(await work(atStep(5)))).toEqual(['took', 'gave-back'])
    expect(await client.status(job)).toEqual({ state: 'waiting' })
    const events = await work(ended)
    expect(events[0]).toMatchObject({ type: 'took', out: 'given', resumed: true })
    expect(kinds(events)).toEqual(['took', 'finished'])
    const told: QueuedBatchEvent[] = []
    const address = { queue: server.url, queueName: queue.name, store: home }
    const batch = await QueuedBatch.open(address, (event) => told.push(event))
    for (const added of [0, 0]) {
      expect(await batch.run([job], at('out'), stop)).toEqual({ done: 1, failed: [], left: 0 })
      expect(told).toContainEqual({ type: 'submitted', jobs: 1, added })
    }
    expect(readFileSync(at('out', 'given', 'result.txt'), 'utf8')).toBe(toyResult(options))
    writeFileSync(at('out', 'given', 'result.txt'), 'mine')
    expect((await batch.run([job], at('out'), stop)).failed).toMatchObject([{ job: 'given', code: 'OUTPUT_EXISTS' }])
    expect(readFileSync(at('out', 'given', 'result.txt'), 'utf8')).toBe('mine')
    await batch.close()
  })

  test('ends a cancelled job after the step at hand, and goes on from there when it is put back', async () => {
    const job = jobOf('cancelled')
    await client.submit([job])
    const events = await work((event) => {
      if (atStep(5)(event)) void client.cancel([job])
      return ended(event)
    })
    expect(kinds(events)).toEqual(['took', 'cancelled'])
    const steps = events.filter((event) => event.type === 'run' && event.event.type === 'step').length
    expect(steps).toBeLessThan(options.toySteps)
    expect(await client.status(job)).toMatchObject({ state: 'failed', failure: { code: 'JOB_CANCELLED' } })
    expect(await client.retry([job])).toBe(1)
    const again = await work(ended)
    expect(again[0]).toMatchObject({ type: 'took', resumed: true })
    expect(await client.status(job)).toEqual({ state: 'done' })
  })

  test('takes only what fits', async () => {
    const large = jobOf('large', { needs: { device: 'any', guidance: ['starter'], memory: 16 } })
    const card = jobOf('card', { needs: { device: 'cuda', guidance: ['starter'], memory: 1 } })
    const model = jobOf('model', { needs: { device: 'any', guidance: ['someone/else'], memory: 1 } })
    await client.submit([large, card, model, jobOf('fits')])
    expect((await work(ended))[0]).toMatchObject({ type: 'took', out: 'fits' })
    for (const job of [large, card, model]) expect(await client.status(job)).toEqual({ state: 'waiting' })
    expect((await work(ended, 16))[0]).toMatchObject({ type: 'took', out: 'large' })
  })

  test('stops at a job for another version or store, which it puts back; fails what is no job', async () => {
    const old = jobOf('old', { version: '0.0.7' })
    await client.submit([old])
    await expect(work(ended)).rejects.toMatchObject({
      code: 'QUEUE_VERSION',
      message: expect.stringContaining('0.0.7') as string,
    })
    expect(await client.status(old)).toEqual({ state: 'waiting' })
    await client.cancel([old])
    const elsewhere = jobOf('elsewhere', { store: 'another' })
    await client.submit([elsewhere])
    await expect(work(ended)).rejects.toMatchObject({ code: 'STORE_MISMATCH' })
    await client.cancel([elsewhere])
    const hostile = jobOf('hostile', { options: { photo: '/etc/passwd' } })
    await client.submit([hostile])
    expect((await work(ended)).at(-1)).toMatchObject({ type: 'failed', code: 'QUEUE_JOB_INVALID' })
  })

  test('writes nothing more once another has the job', async () => {
    const job = jobOf('lost')
    await client.submit([job])
    const id = jobId(job.payload)
    const taken: Promise<JobFiles>[] = []
    const events = await work((event) => {
      // As another worker does that took it over, while this one was suspended.
      if (atStep(5)(event)) taken.push(JobFiles.claim(store.objects, id, 900))
      return ended(event)
    })
    expect(kinds(events)).toEqual(['took', 'lost'])
    expect(await taken[0]).toBeDefined()
    const lane = `${queue.name}:${laneOf(job.payload.needs)}`
    expect(await queue.redis.zcard(`${lane}:completed`)).toBe(0)
  })

  test('tells Prometheus what it did, to this machine alone', async () => {
    await client.submit([jobOf('counted')])
    let connected = true
    const metrics = new WorkerMetrics(() => connected)
    for (const event of await work(ended)) metrics.count(event)
    const port = await freePort()
    const serving = await serveMetrics(metrics, port)
    const ask = async (path: string, headers = {}) => await fetch(`http://127.0.0.1:${port}${path}`, { headers })
    const text = await (await ask('/metrics')).text()
    expect(text).toContain('text2live_worker_jobs_total{result="finished"} 1')
    expect(text).toContain(`text2live_worker_steps_total ${options.toySteps}`)
    expect((await ask('/healthz')).status).toBe(200)
    connected = false
    expect((await ask('/healthz')).status).toBe(503)
    expect((await ask('/elsewhere')).status).toBe(404)
    await expect(serveMetrics(metrics, port)).rejects.toMatchObject({ code: 'ADDRESS_UNAVAILABLE' })
    serving.close()
    serving.closeAllConnections()
  })
})
