import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { digestFile } from '../../src/media/node/digestFile.js'
import { JobFiles, readJobState, restoreRun } from '../../src/queue/store/jobFiles.js'
import type { ObjectStore } from '../../src/queue/store/objectStore.js'
import { openStore } from '../../src/queue/store/openStore.js'
import { BucketServer, missingBucket } from './bucketServer.mjs'
import { freePort } from './redisServer.mjs'

const missing = missingBucket()

describe.skipIf(missing !== null)(`a store in a bucket${missing === null ? '' : ` (skipped: ${missing})`}`, () => {
  let home: string
  let bucket: BucketServer
  let store: ObjectStore
  const at = (name: string): string => join(home, name)
  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'text2live-bucket-'))
    bucket = await BucketServer.start()
    await bucket.makeBucket('edits')
    for (const [name, value] of Object.entries(bucket.environment)) vi.stubEnv(name, value)
    store = (await openStore('s3://edits/runs')).objects
  })
  afterAll(async () => {
    store.close()
    await bucket.remove()
    vi.unstubAllEnvs()
    rmSync(home, { recursive: true, force: true })
  })
  afterEach(() => {
    bucket.faults = 0
  })

  /** 20 MiB: three parts. */
  const large = async (seed: number) => {
    const path = at(`large-${seed}`)
    writeFileSync(path, Buffer.alloc(20 * 2 ** 20 + 5, `bytes of ${seed}, and so on; `))
    return { path, digest: await digestFile(path) }
  }

  test('keeps what it is given, and gives back only what has the right hash', async () => {
    const { path, digest } = await large(1)
    await store.upload('inputs/large', path, digest)
    expect(await store.size('inputs/large')).toBe(digest.bytes)
    expect(await store.download('inputs/large', at('back'), digest)).toBe(true)
    expect(await digestFile(at('back'))).toEqual(digest)
    await expect(
      store.download('inputs/large', at('other'), { ...digest, sha256: '0'.repeat(64) }),
    ).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
    await expect(store.upload('inputs/x', path, { ...digest, sha256: '0'.repeat(64) })).rejects.toMatchObject({
      code: 'STORE_DAMAGED',
    })
    expect(await store.size('inputs/x')).toBeNull()
    expect(await store.download('inputs/none', at('none'), digest)).toBe(false)
    expect(await store.read('inputs/none')).toBeNull()
    expect(await store.create('once', 'first')).toBe(true)
    expect(await store.create('once', 'second')).toBe(false)
    expect(new TextDecoder().decode((await store.read('once'))!)).toBe('first')
    expect(await store.children('inputs/')).toEqual(['large'])
    await store.remove(['inputs/large', 'once', 'never-was'])
    expect(await store.children('inputs/')).toEqual([])
  })

  test('goes on with an upload that was cut off', async () => {
    const { path, digest } = await large(2)
    const parts = (): string[] => bucket.seen.filter((line) => line.startsWith('PUT') && line.includes('partNumber='))
    const { S3Client, CreateMultipartUploadCommand, UploadPartCommand } = await import('@aws-sdk/client-s3')
    const client = new S3Client({ forcePathStyle: true })
    const object = { Bucket: 'edits', Key: 'runs/inputs/cut' }
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ ...object, ChecksumAlgorithm: 'SHA256' }))
    const first = readFileSync(path).subarray(0, 8 * 2 ** 20)
    await client.send(
      new UploadPartCommand({ ...object, UploadId, PartNumber: 1, Body: first, ChecksumAlgorithm: 'SHA256' }),
    )
    // One that is not of this file is sent again.
    await client.send(
      new UploadPartCommand({
        ...object,
        UploadId,
        PartNumber: 2,
        Body: Buffer.alloc(first.length),
        ChecksumAlgorithm: 'SHA256',
      }),
    )
    client.destroy()
    bucket.seen = []
    await store.upload('inputs/cut', path, digest)
    expect(parts().map((line) => /partNumber=(\d)/.exec(line)![1])).toEqual(['2', '3'])
    await store.download('inputs/cut', at('cut'), digest)
    expect(await digestFile(at('cut'))).toEqual(digest)
  })

  test('is asked again where it answers 503', async () => {
    bucket.faults = 0.2
    const before = bucket.refused
    const { path, digest } = await large(3)
    await store.upload('inputs/busy', path, digest)
    expect(await store.download('inputs/busy', at('busy'), digest)).toBe(true)
    for (let i = 0; i < 10; i++) await store.write(`many/${i}`, String(i))
    expect((await store.children('many/')).length).toBe(10)
    expect(bucket.refused).toBeGreaterThan(before)
  })

  test('shuts out who was taken over, as a folder does', async () => {
    writeFileSync(at('checkpoint'), 'first')
    const kept = async () => [{ name: 'checkpoint', path: at('checkpoint'), ...(await digestFile(at('checkpoint'))) }]
    const job = 'ef'.repeat(16)
    const stale = await JobFiles.claim(store, job, 3)
    await stale.save(await kept(), 'working', 1)
    const next = await JobFiles.claim(store, job, 12)
    await expect(stale.save(await kept(), 'done', 2)).rejects.toMatchObject({ code: 'LEASE_LOST' })
    await restoreRun(store, job, at('restored'))
    expect(readFileSync(join(at('restored'), 'checkpoint'), 'utf8')).toBe('first')
    await next.save(await kept(), 'done', 2)
    expect((await readJobState(store, job))!.status).toBe('done')
  })

  test('that is not there, not ours or not reached is refused before work begins', async () => {
    await expect(openStore('s3://no-such-bucket')).rejects.toMatchObject({ code: 'STORE_NOT_FOUND' })
    await expect(openStore('s3://Not A Bucket')).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    bucket.forbidden = true
    await expect(openStore('s3://edits')).rejects.toMatchObject({ code: 'STORE_REFUSED' })
    bucket.forbidden = false
    await store.write('text2live-store.json', '{"program":"another"}')
    await expect(openStore('s3://edits/runs')).rejects.toMatchObject({ code: 'STORE_MISMATCH' })
  })
})

test.skipIf(missing !== null)(
  'a store that nobody serves is an error after all attempts',
  { timeout: 60_000 },
  async () => {
    vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${await freePort()}`)
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'test')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test')
    try {
      await expect(openStore('s3://edits')).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' })
    } finally {
      vi.unstubAllEnvs()
    }
  },
)
