import { once } from 'node:events'
import { afterEach, expect, test, vi } from 'vitest'
import { forkProcess } from './forkProcess.js'

afterEach(() => {
  vi.unstubAllEnvs()
})

async function environmentOfChild(): Promise<NodeJS.ProcessEnv> {
  const child = forkProcess(new URL('../../test/support/sendEnvironment.mjs', import.meta.url), [], { ASKED: 'yes' })
  const [environment] = (await once(child, 'message')) as [NodeJS.ProcessEnv]
  return environment
}

test('a process that trains keeps the memory of one step for the next, whatever thread freed it', async () => {
  expect(await environmentOfChild()).toMatchObject({
    ASKED: 'yes',
    MALLOC_ARENA_MAX: '1',
    MALLOC_MMAP_THRESHOLD_: '4294967296',
    MALLOC_TRIM_THRESHOLD_: '8589934592',
  })
})

test.each([
  ['MALLOC_ARENA_MAX', '2'],
  ['GLIBC_TUNABLES', 'glibc.malloc.mmap_threshold=1048576'],
])('what was said of glibc by %s stays as it was said', async (name, value) => {
  vi.stubEnv(name, value)
  const environment = await environmentOfChild()
  expect(environment).toMatchObject({ [name]: value })
  expect(environment).not.toHaveProperty('MALLOC_MMAP_THRESHOLD_')
})
