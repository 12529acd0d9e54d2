import { expect, test } from 'vitest'
import { prove } from './prove.mjs'
import { missingRedis } from './redisServer.mjs'

const missing = missingRedis()

// The short form of `npm run prove:queue`.
test.skipIf(missing !== null)(
  `every job is done once, with the result of an undisturbed run, while workers and Redis are killed${missing === null ? '' : ` (skipped: ${missing})`}`,
  { timeout: 300_000 },
  async () => {
    const plan = { workers: 3, seconds: 1.5, kills: 5, lease: 2.5, outage: 3, toyDelay: 150, seed: 3, limit: 240 }
    const proof = await prove({ ...plan, toys: 24, real: 1, realSteps: 2, store: 'folder' }, () => undefined)
    expect(proof.problems).toEqual([])
    expect(proof.kills).toBeGreaterThan(2)
    expect(proof.takings).toBeGreaterThan(25)
    expect(proof.resumed).toBeGreaterThan(0)
  },
)
