import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openQueue, type Queue } from '../../src/queue/openQueue.js'
import { jobId } from '../../src/queue/protocol.js'
import { QueueClient } from '../../src/queue/queueClient.js'
import { QueuedBatch } from '../../src/queue/queuedBatch.js'
import { readJobState } from '../../src/queue/store/jobFiles.js'
import { openStore, type OpenedStore } from '../../src/queue/store/openStore.js'
import { readClip } from '../../src/media/node/readClip.js'
import { slidingClip } from '../support/slidingClip.js'
import { missingRedis, RedisServer } from './redisServer.mjs'

const missing = missingRedis()
const worker = fileURLToPath(new URL('./queueWorker.mjs', import.meta.url))
const [width, height, frames] = [132, 130, 5]

describe.skipIf(missing !== null)(`clips in a queue${missing === null ? '' : ` (skipped: ${missing})`}`, () => {
  let server: RedisServer
  let home: string
  let store: OpenedStore
  let queue: Queue
  const at = (...names: string[]): string => join(home, ...names)
  const workers: ChildProcess[] = []

  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'text2live-clips-'))
    for (const folder of ['store', 'disc']) mkdirSync(at(folder))
    const { frames: clip, atlas } = slidingClip(width, height, frames)
    for (const [t, pixels] of clip.pixels.entries())
      await sharp(pixels, { raw: { width, height, channels: 3 } })
        .png()
        .toFile(at('disc', `0000${t}.png`))
    const mask = Uint8Array.from((await atlas.opacity(0)).data, (opacity) => (opacity > 0.5 ? 255 : 0))
    await sharp(mask, { raw: { width, height, channels: 1 } })
      .png()
      .toFile(at('00000.png'))
    server = await RedisServer.start()
    store = await openStore(at('store'))
    queue = await openQueue({ url: server.url, name: 'clips', store: store.id })
  })
  afterAll(async () => {
    for (const child of workers) child.kill('SIGKILL')
    queue.close()
    await server.remove()
    rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 })
  })

  /** @returns what it took, as it tells it */
  const startWorker = (): { readonly child: ChildProcess; readonly took: { readonly resumed: boolean }[] } => {
    const about = { url: server.url, name: 'clips', place: at('store'), scratch: at(`machine-${workers.length}`) }
    const child = spawn(process.execPath, [worker, JSON.stringify({ ...about, lease: 2500 })], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    workers.push(child)
    const took: { resumed: boolean }[] = []
    child.stdout.on('data', (data: Buffer) => {
      for (const line of data.toString().split('\n'))
        if (line.startsWith('{"type":"took"')) took.push(JSON.parse(line) as { resumed: boolean })
    })
    return { child, took }
  }

  test('a clip whose worker is killed while the atlas is fitted is gone on with by the next, and comes back whole', async () => {
    const options = {
      ...{ prompt: ['golden disc'], source: ['disc'], preset: 'preview', size: 0, trainSize: 0, views: 2, steps: 2 },
      ...{ previewEvery: 0, start: 'random', generatorWidth: 16, generatorLevels: 4, seed: 7, device: 'cpu' },
      ...{ threads: 1, object: at('00000.png') },
    }
    const batch = await QueuedBatch.open({ queue: server.url, queueName: 'clips', store: at('store') }, () => undefined)
    const listed = { id: 'gold', out: 'gold', kind: 'clip', input: at('disc'), options, line: 1 } as const
    const signal = new AbortController().signal
    const jobs = await batch.upload([listed], at('out'), { priority: 1, delay: 0, memory: 1 }, signal)
    const client = new QueueClient(queue, store.objects)
    await client.submit(jobs)

    const first = startWorker()
    const kept = async (): Promise<string[]> =>
      Object.keys((await readJobState(store.objects, jobId(jobs[0]!.payload)))?.files ?? {})
    await expect.poll(kept, { timeout: 90_000 }).toContain('checkpoints/atlas.safetensors')
    first.child.kill('SIGKILL')
    expect(await kept()).not.toContain('edited.mp4')
    const next = startWorker()
    expect(await batch.run(jobs, at('out'), signal)).toEqual({ done: 1, failed: [], left: 0 })
    expect([...first.took, ...next.took].map(({ resumed }) => resumed)).toEqual([false, true])
    const edited = await readClip(at('out', 'gold', 'edited.mp4'))
    expect(edited.frames.pixels).toHaveLength(frames)
    await Promise.all([client.close(), batch.close()])
  }, 240_000)
})
