import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Lanes } from '../../src/queue/lanes.js'
import { openQueue, ownVersion, type Queue } from '../../src/queue/openQueue.js'
import { jobId, type JobPayload, laneOf, payloadSchema, readPayload } from '../../src/queue/protocol.js'
import { QueueClient, type Submission } from '../../src/queue/queueClient.js'
import { digestFile } from '../../src/media/node/digestFile.js'
import { JobFiles, readJobState, restoreRun } from '../../src/queue/store/jobFiles.js'
import { openStore, type OpenedStore } from '../../src/queue/store/openStore.js'
import { TakenJob } from '../../src/queue/takenJob.js'
import { freePort, missingRedis, RedisServer } from './redisServer.mjs'

const missing = missingRedis()
let home: string
let server: RedisServer
let store: OpenedStore
const opened: Queue[] = []
const at = (...names: string[]): string => join(home, ...names)

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'text2live-queue-'))
  store = await openStore(home)
  if (missing === null) server = await RedisServer.start()
})
afterAll(async () => {
  for (const queue of opened) queue.close()
  if (missing === null) await server.remove()
  rmSync(home, { recursive: true, force: true })
})

async function open(name: string): Promise<Queue> {
  const queue = await openQueue({ url: server.url, name, store: store.id })
  opened.push(queue)
  return queue
}

const payloadOf = (out: string, options: JobPayload['options'] = {}): JobPayload => ({
  protocol: 1,
  version: ownVersion,
  store: store.id,
  kind: 'photo',
  out,
  options,
  inputs: {},
  needs: { device: 'any', guidance: ['starter'], memory: 1 },
})
const job = (out: string, more: Partial<Submission> = {}): Submission => ({
  payload: payloadOf(out),
  priority: 1000,
  delay: 0,
  ...more,
})

describe.skipIf(missing !== null)(`jobs in Redis${missing === null ? '' : ` (skipped: ${missing})`}`, () => {
  /** A hand that takes jobs, as a worker does. */
  const taker = async (queue: Queue) => {
    const lanes = new Lanes(queue)
    const lane = laneOf(payloadOf('').needs)
    const worker = await lanes.worker(lane)
    return {
      take: async () => await TakenJob.take(queue, lane, worker),
      close: async () => await lanes.close(),
      worker,
    }
  }

  test('are submitted once however often, taken by urgency, finished once, and known as done when Redis has forgotten them', async () => {
    const queue = await open('order')
    const client = new QueueClient(queue, store.objects)
    const jobs = [job('late', { priority: 30 }), job('soon', { priority: 10 }), job('later', { delay: 3600_000 })]
    expect(await client.submit(jobs)).toBe(3)
    expect(await client.submit(jobs)).toBe(0)
    const { take, close } = await taker(queue)
    const [first, second] = [(await take())!, (await take())!]
    expect([first, second].map(({ data }) => readPayload(data, '').out)).toEqual(['soon', 'late'])
    expect(second.fence).toBeGreaterThan(first.fence)
    expect(await take()).toBeNull()
    expect(await client.status(jobs[2]!)).toEqual({ state: 'delayed' })
    first.tell({ step: 1, steps: 2, worker: 'here' })
    await expect.poll(() => client.status(jobs[1]!)).toMatchObject({ state: 'working', progress: { step: 1 } })
    const files = await JobFiles.claim(store.objects, first.id, first.fence)
    await files.save([], 'done', 1)
    await first.finish({ fence: first.fence, seconds: 1 })
    expect(await client.status(jobs[1]!)).toEqual({ state: 'done' })
    await second.fail({ code: 'MASK_INVALID', message: 'No mask.' }, false)
    expect(await client.status(jobs[0]!)).toEqual({
      state: 'failed',
      failure: { code: 'MASK_INVALID', message: 'No mask.' },
    })
    await queue.redis.flushall()
    expect(await client.status(jobs[1]!)).toEqual({ state: 'done' })
    expect(await client.submit([jobs[1]!])).toBe(0)
    await Promise.all([close(), client.close()])
  })

  test('a Redis that lost its memory is the queue of the same version and store again', async () => {
    const queue = await open('forgetful')
    const client = new QueueClient(queue, store.objects)
    const jobs = [job('lost')]
    expect(await client.submit(jobs)).toBe(1)
    const redis = new Redis(server.port)
    // As where it is started again with an empty folder.
    await redis.flushall()
    await redis.client('KILL', 'TYPE', 'normal')
    expect(await client.submit(jobs)).toBe(1)
    await expect.poll(() => redis.hlen('forgetful:text2live')).toBe(3)
    expect(await client.status(jobs[0]!)).toEqual({ state: 'waiting' })
    await open('forgetful')
    await expect(openQueue({ url: server.url, name: 'forgetful', store: 'another' })).rejects.toMatchObject({
      code: 'STORE_MISMATCH',
    })
    redis.disconnect()
    await client.close()
  })

  test('who follows jobs leaves at once, also while Redis is away', async () => {
    const away = await RedisServer.start()
    const queue = await openQueue({ url: away.url, name: 'away', store: store.id })
    const client = new QueueClient(queue, store.objects)
    const stop = new AbortController()
    const seen: string[] = []
    await client.submit([job('followed')])
    const following = client.follow([job('followed')], (_, { state }) => seen.push(state), stop.signal)
    await expect.poll(() => seen).toEqual(['waiting'])
    await away.down('SIGKILL')
    // By then it has asked a Redis that does not answer.
    await sleep(1500)
    stop.abort()
    await following
    await client.close()
    queue.close()
    await away.remove()
  }, 10_000)

  test('progress is told at most once a second, the newest last', async () => {
    const queue = await open('progress')
    const client = new QueueClient(queue, store.objects)
    await client.submit([job('told')])
    const { take, close } = await taker(queue)
    const taken = (await take())!
    const key = `progress:${laneOf(payloadOf('').needs)}:events`
    for (let step = 1; step <= 230; step++) {
      taken.tell({ step, steps: 230, worker: 'here' })
      await sleep(10)
    }
    await expect.poll(() => client.status(job('told'))).toMatchObject({ progress: { step: 230 } })
    const events = (await queue.redis.xrange(key, '-', '+')).filter(([, fields]) => fields.includes('progress'))
    expect(events.length).toBeGreaterThan(2)
    expect(events.length).toBeLessThan(6)
    await taken.giveBack()
    await Promise.all([close(), client.close()])
  })

  test('a job in hand is cancelled from anywhere at once, one that waits goes; both are put back by retry', async () => {
    const queue = await open('cancel')
    const client = new QueueClient(queue, store.objects)
    const jobs = [job('working', { priority: 1 }), job('waiting')]
    await client.submit(jobs)
    const { take, close } = await taker(queue)
    const taken = (await take())!
    expect(await client.cancel(jobs)).toBe(2)
    taken.check()
    await expect.poll(() => taken.stopped.reason as unknown).toBe('cancelled')
    await taken.fail({ code: 'JOB_CANCELLED', message: 'So it is.' }, false)
    for (const each of jobs)
      expect(await client.status(each)).toMatchObject({ state: 'failed', failure: { code: 'JOB_CANCELLED' } })
    expect(await take()).toBeNull()
    expect(await client.submit(jobs)).toBe(0)
    expect(await client.retry(jobs)).toBe(2)
    const again = [(await take())!, (await take())!]
    expect(again.map(({ data }) => readPayload(data, '').out)).toEqual(['working', 'waiting'])
    expect(again[0]!.fence).toBeGreaterThan(taken.fence)
    for (const each of again) await each.giveBack()
    await Promise.all([close(), client.close()])
  })

  test('a lock that ran out while Redis was away is taken again; who lost the job to another is told, and cannot finish it', async () => {
    const queue = await open('lease')
    const client = new QueueClient(queue, store.objects)
    await client.submit([job('one')])
    const { take, close } = await taker(queue)
    const taken = (await take())!
    const key = `lease:${laneOf(payloadOf('').needs)}`
    await queue.redis.del(`${key}:${taken.id}:lock`)
    taken.check()
    await expect.poll(() => queue.redis.exists(`${key}:${taken.id}:lock`)).toBe(1)
    // As the look after dead workers does it, which has found no lock twice.
    await queue.redis.del(`${key}:${taken.id}:lock`)
    await queue.redis.lrem(`${key}:active`, 1, taken.id)
    await queue.redis.rpush(`${key}:wait`, taken.id)
    const other = (await take())!
    expect(other.id).toBe(taken.id)
    expect(other.fence).toBeGreaterThan(taken.fence)
    await expect(taken.finish({ fence: taken.fence, seconds: 1 })).rejects.toMatchObject({ code: 'LEASE_LOST' })
    expect(taken.stopped.reason).toBe('lost')
    await other.finish({ fence: other.fence, seconds: 1 })
    expect(await client.status(job('one'))).toEqual({ state: 'done' })
    await Promise.all([close(), client.close()])
  })

  test('where Redis lost its count, a taking gets a number above those that the store knows', async () => {
    const queue = await open('count')
    const client = new QueueClient(queue, store.objects)
    await client.submit([job('counted')])
    const { take, close } = await taker(queue)
    const taken = (await take())!
    await taken.fenceAbove(5_000)
    expect(taken.fence).toBe(5_001)
    await taken.giveBack()
    expect((await take())!.fence).toBe(5_002)
    await Promise.all([close(), client.close()])
  })

  describe('bad input is refused before work begins, with a code', () => {
    const opening = async (url: string, name = 'refused', id = store.id): Promise<unknown> =>
      await openQueue({ url, name, store: id }).then(
        (queue) => queue.close(),
        (error: unknown) => error,
      )

    test('no Redis, one that never answers, what is no address', async () => {
      expect(await opening(`redis://u:secret@127.0.0.1:${await freePort()}`)).toMatchObject({
        code: 'QUEUE_UNREACHABLE',
        message: expect.not.stringContaining('secret') as string,
      })
      expect(await opening('http://localhost')).toMatchObject({ code: 'OPTION_INVALID' })
      expect(await opening('redis://me:secret@')).toMatchObject({
        code: 'OPTION_INVALID',
        message: expect.not.stringContaining('secret') as string,
      })
      const silent = createServer().listen(0, '127.0.0.1')
      await new Promise((resolve) => silent.once('listening', resolve))
      expect(await opening(`redis://127.0.0.1:${(silent.address() as { port: number }).port}`)).toMatchObject({
        code: 'QUEUE_UNREACHABLE',
      })
      silent.close()
    })

    test('a wrong password, none where one is needed', async () => {
      const guarded = await RedisServer.start('--requirepass', 'open-sesame')
      try {
        for (const url of [`redis://:wrong-word@127.0.0.1:${guarded.port}`, guarded.url])
          expect(await opening(url)).toMatchObject({
            code: 'QUEUE_REFUSED',
            message: expect.not.stringContaining('wrong-word') as string,
          })
        expect(await opening(`redis://:open-sesame@127.0.0.1:${guarded.port}`)).toBeUndefined()
      } finally {
        await guarded.remove()
      }
    })

    // A server that somebody named need not have TLS; Debian's has.
    test.skipIf(process.env['TEXT2LIVE_REDIS_SERVER'] !== undefined)(
      'a certificate that this machine does not trust; one that it was told to trust is taken',
      async () => {
        const pem = (name: string): string => fileURLToPath(new URL(`../fixtures/tls/${name}.pem`, import.meta.url))
        const [certificate, key] = [pem('testOnlyCertificate'), pem('testOnlyKey')]
        const port = await freePort()
        const secure = await RedisServer.start(
          ...['--tls-port', String(port), '--tls-auth-clients', 'no'],
          ...['--tls-cert-file', certificate, '--tls-key-file', key, '--tls-ca-cert-file', certificate],
        )
        try {
          const url = `rediss://127.0.0.1:${port}`
          expect(await opening(url)).toMatchObject({
            code: 'QUEUE_UNREACHABLE',
            message: expect.stringMatching(
              /certificate of 127\.0\.0\.1 is signed by nobody.*NODE_EXTRA_CA_CERTS/,
            ) as string,
          })
          const module = new URL('../../dist/queue/openQueue.js', import.meta.url).href
          const program = `const { openQueue } = await import('${module}')
            const queue = await openQueue({ url: '${url}', name: 'secure', store: 'here' })
            console.log(await queue.redis.hget('secure:text2live', 'store'))
            queue.close()`
          const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
            env: { ...process.env, NODE_EXTRA_CA_CERTS: certificate },
          })
          expect(stdout).toBe('here\n')
        } finally {
          await secure.remove()
        }
      },
    )

    test('a Redis that is too old, one that throws away keys', async () => {
      expect(await opening(await talkingServer('redis_version:5.0.7'))).toMatchObject({
        code: 'QUEUE_UNSUPPORTED',
        message: expect.stringContaining('5.0.7') as string,
      })
      const small = await RedisServer.start('--maxmemory', '50mb', '--maxmemory-policy', 'allkeys-lru')
      try {
        expect(await opening(small.url)).toMatchObject({ code: 'QUEUE_UNSUPPORTED' })
      } finally {
        await small.remove()
      }
    })

    test("another program's queue, another version's, another store's; an empty queue takes what comes", async () => {
      const redis = new Redis(server.port)
      await redis.set('theirs:meta', 'x')
      expect(await opening(server.url, 'theirs')).toMatchObject({ code: 'QUEUE_FOREIGN' })
      await redis.set('kind:text2live', 'x')
      expect(await opening(server.url, 'kind')).toMatchObject({ code: 'QUEUE_FOREIGN' })
      const queue = await open('aged')
      const client = new QueueClient(queue, store.objects)
      await client.submit([job('old')])
      expect(await opening(server.url, 'aged', 'another')).toMatchObject({ code: 'STORE_MISMATCH' })
      await redis.hset('aged:text2live', 'version', '0.0.9')
      expect(await opening(server.url, 'aged')).toMatchObject({
        code: 'QUEUE_VERSION',
        message: expect.stringContaining('0.0.9') as string,
      })
      await client.cancel([job('old')])
      expect(await opening(server.url, 'aged')).toBeUndefined()
      redis.disconnect()
      await client.close()
    })

    test('a job of another program names no files of this machine', () => {
      const payload = payloadOf('x')
      expect(readPayload(payload, 'x')).toEqual(payload)
      for (const bad of [
        { ...payload, options: { photo: '/etc/passwd' } },
        { ...payload, inputs: { '../x': { name: 'a', sha256: 'a'.repeat(64), bytes: 1, folder: false } } },
        { ...payload, inputs: { photo: { name: '../a', sha256: 'a'.repeat(64), bytes: 1, folder: false } } },
        { ...payload, protocol: 2 },
        null,
      ])
        expect(() => readPayload(bad, 'x')).toThrow(expect.objectContaining({ code: 'QUEUE_JOB_INVALID' }))
      expect(payloadSchema.safeParse(payload).success).toBe(true)
    })
  })
})

/** What answers every command with a line of INFO. */
async function talkingServer(info: string): Promise<string> {
  const talking = createServer((socket) => {
    // Several commands may come at once: each is an array.
    socket.on('data', (data) => {
      for (const _ of data.toString().matchAll(/^\*\d+\r$/gm)) socket.write(`$${info.length}\r\n${info}\r\n`)
    })
    socket.on('error', () => undefined)
  }).listen(0, '127.0.0.1')
  talking.unref()
  await new Promise((resolve) => talking.once('listening', resolve))
  return `redis://127.0.0.1:${(talking.address() as { port: number }).port}`
}

describe('files of jobs in a shared folder', () => {
  const keep = async (name: string, text: string) => {
    const path = at(`local-${name}`)
    writeFileSync(path, text)
    return { name, path, ...(await digestFile(path)) }
  }
  const job = 'ab'.repeat(16)

  test('who was taken over is refused before it writes, and what it wrote is not seen', async () => {
    const stale = await JobFiles.claim(store.objects, job, 7)
    await stale.save([await keep('config.yaml', 'one'), await keep('checkpoint', 'first')], 'working', 10)
    const next = await JobFiles.claim(store.objects, job, 9)
    expect(next.state.seconds).toBe(10)
    await expect(stale.save([await keep('checkpoint', 'stale')], 'done', 20)).rejects.toMatchObject({
      code: 'LEASE_LOST',
    })
    await expect(stale.fail({ code: 'INTERNAL', message: 'x' })).rejects.toMatchObject({ code: 'LEASE_LOST' })
    await expect(JobFiles.claim(store.objects, job, 8)).rejects.toMatchObject({ code: 'LEASE_LOST' })
    expect((await readJobState(store.objects, job))!.status).toBe('working')
    // Its very last write, begun before it was taken over, ends after that.
    await store.objects.write(`jobs/${job}/000000000000007/state.json`, '{"half')
    await restoreRun(store.objects, job, at('restored'))
    expect(readFileSync(at('restored', 'checkpoint'), 'utf8')).toBe('first')
    await next.save([await keep('config.yaml', 'one'), await keep('checkpoint', 'second')], 'done', 30)
    // What nobody needs any more is gone; the file that did not change was not sent again.
    expect(readdirSync(at('jobs', job, '000000000000007'))).toHaveLength(1)
    expect(readdirSync(at('jobs', job, '000000000000009'))).toHaveLength(2)
  })

  test('a damaged file is not gone on from: the state before is', async () => {
    const other = 'cd'.repeat(16)
    const first = await JobFiles.claim(store.objects, other, 1)
    await first.save([await keep('checkpoint', 'good')], 'working', 1)
    const second = await JobFiles.claim(store.objects, other, 2)
    const { key } = second.state.files['checkpoint']!
    await store.objects.write(
      `jobs/${other}/000000000000002/state.json`,
      JSON.stringify({
        ...second.state,
        files: { checkpoint: { ...second.state.files['checkpoint']!, key: `${key}-gone` } },
      }),
    )
    await restoreRun(store.objects, other, at('before'))
    expect(readFileSync(at('before', 'checkpoint'), 'utf8')).toBe('good')
    writeFileSync(at(...key.split('/')), 'bad!')
    expect(await restoreRun(store.objects, other, at('none'))).toBeNull()
  })

  test('a folder that is not there, or may not be written to, is refused before work begins', async () => {
    await expect(openStore(at('nowhere'))).rejects.toMatchObject({ code: 'STORE_NOT_FOUND' })
    await expect(openStore(at('local-checkpoint'))).rejects.toMatchObject({ code: 'STORE_NOT_FOUND' })
    await expect(openStore('/proc')).rejects.toMatchObject({ code: 'STORE_REFUSED' })
    expect((await openStore(home)).id).toBe(store.id)
  })

  test('names of one payload are names of one job, in whatever order they come', () => {
    const payload = payloadOf('x', { steps: 1, seed: 2 })
    expect(jobId(payload)).toBe(jobId({ ...payload, options: { seed: 2, steps: 1 } }))
    expect(jobId(payload)).not.toBe(jobId({ ...payload, options: { seed: 2, steps: 2 } }))
  })
})
