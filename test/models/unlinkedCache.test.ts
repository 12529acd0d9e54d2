import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { readHubEnvironment } from '../../src/models/node/hubEnvironment.js'
import { openModelSource } from '../../src/models/node/openModelSource.js'
import { command } from '../support/command.js'
import { startHub } from './hubServer.js'
import { tinyModel } from './tinyModel.js'

const repo = 'acme/tiny-clip'
const commit = '0123456789abcdef0123456789abcdef01234567'
let files: Map<string, Uint8Array>
let home: string
const cached = (...names: string[]): string => join(home, 'hub', 'models--acme--tiny-clip', ...names)

beforeAll(async () => {
  files = await tinyModel()
})
/** A cache as other programs leave it where there are no links: the files themselves in the snapshot, no blobs. */
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'unlinked-'))
  for (const folder of [cached('blobs'), cached('refs'), cached('snapshots', commit)])
    await mkdir(folder, { recursive: true })
  for (const [name, bytes] of files) await writeFile(cached('snapshots', commit, name), bytes)
  await writeFile(cached('refs', 'main'), commit)
  for (const [name, value] of Object.entries({
    HF_HOME: '',
    HF_HUB_CACHE: join(home, 'hub'),
    HF_HUB_OFFLINE: '1',
    HF_TOKEN: '',
    XDG_CACHE_HOME: home,
  }))
    vi.stubEnv(name, value)
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await chmod(cached(), 0o755).catch(() => undefined)
  await rm(home, { recursive: true })
})

const models = (...args: string[]) => command('models', ...args)

interface Verified {
  intact: boolean | null
  files: { file: string; intact: boolean | null; found: string }[]
}
const verified = async (): Promise<Verified> =>
  JSON.parse((await models('verify', repo, '--json')).out.split('\n')[0]!) as Verified

test('list and info say what is there, verify that nobody knows the hashes, remove deletes it', async () => {
  const bytes = [...files.values()].reduce((sum, { length }) => sum + length, 0)
  const { models: listed } = JSON.parse((await models('list', '--json')).out) as { models: { name: string }[] }
  expect(listed.find(({ name }) => name === repo)).toMatchObject({ state: 'cached', bytes })
  expect(await models('info', repo)).toMatchObject({ status: 0, err: '' })

  const { status, out, err } = await models('verify', repo)
  expect(status).toBe(0)
  expect(
    out
      .trim()
      .split('\n')
      .map((line) => line.split(' ')[0]),
  ).toEqual([...files.keys()].map(() => 'unproven'))
  expect(err).toContain('no hash')
  expect(await verified()).toMatchObject({
    intact: null,
    files: [...files].map(() => ({ intact: null, expected: null })),
  })

  await rm(cached('blobs'), { recursive: true })
  expect(await models('verify', repo)).toMatchObject({ status: 0 })
  expect(await models('list')).toMatchObject({ out: expect.stringMatching(/acme\/tiny-clip +here/) as string })
  expect(await models('remove', repo)).toMatchObject({ status: 2, err: expect.stringContaining('--force') as string })
  expect(await models('remove', repo, '--force')).toMatchObject({ status: 0 })
  expect(await models('verify', repo)).toMatchObject({
    status: 2,
    err: expect.stringContaining('MODEL_NOT_CACHED') as string,
  })
})

test('verify still finds what is cut, and what differs from the blobs beside it', async () => {
  const weights = cached('snapshots', commit, 'model.safetensors')
  await writeFile(weights, files.get('model.safetensors')!.subarray(0, 50_000))
  expect(await models('verify', repo)).toMatchObject({
    status: 2,
    err: expect.stringContaining('SAFETENSORS_INVALID') as string,
  })
  await writeFile(weights, files.get('model.safetensors')!)

  await models('import', cached('snapshots', commit), '--name', 'local/linked')
  await cp(join(home, 'hub', 'models--local--linked'), join(home, 'copy', 'models--local--linked'), {
    recursive: true,
    dereference: true,
  })
  vi.stubEnv('HF_HUB_CACHE', join(home, 'copy'))
  expect(await models('verify', 'local/linked')).toMatchObject({ status: 0, err: '' })
  const folder = join(home, 'copy', 'models--local--linked')
  const copy = join(folder, 'snapshots', await readFile(join(folder, 'refs', 'main'), 'utf8'), 'model.safetensors')
  const changed = await readFile(copy)
  changed[changed.length - 3]! ^= 1
  await writeFile(copy, changed)
  expect(await models('verify', 'local/linked')).toMatchObject({
    status: 1,
    err: expect.stringContaining('MODEL_DAMAGED') as string,
  })
})

test('what is missing is fetched alone, nothing of what is there', async () => {
  const hub = await startHub(new Map([[repo, files]]))
  hub.commit = commit
  await rm(cached('snapshots', commit, 'preprocessor_config.json'))
  const environment = { ...(await readHubEnvironment({ HF_HUB_CACHE: join(home, 'hub'), HF_ENDPOINT: hub.endpoint })) }
  expect((await openModelSource(repo, { environment })).location).toBe(cached('snapshots', commit))
  expect(await readFile(cached('snapshots', commit, 'preprocessor_config.json'))).toHaveLength(
    files.get('preprocessor_config.json')!.length,
  )
  expect(hub.requests.join()).not.toContain('model.safetensors')
  await hub.close()
})

test('a cache without refs, and one that cannot be written, serve as they are', async () => {
  await rm(cached('refs'), { recursive: true })
  expect(
    (
      await openModelSource(repo, {
        environment: await readHubEnvironment({ HF_HUB_CACHE: join(home, 'hub'), HF_HUB_OFFLINE: '1' }),
      })
    ).location,
  ).toBe(cached('snapshots', commit))
  expect(await models('info', repo)).toMatchObject({ status: 0 })

  const hub = await startHub(
    new Map([[repo, new Map([...files].filter(([name]) => name !== 'preprocessor_config.json'))]]),
  )
  hub.commit = commit
  await rm(cached('snapshots', commit, 'preprocessor_config.json'))
  await chmod(cached(), 0o555)
  const environment = await readHubEnvironment({ HF_HUB_CACHE: join(home, 'hub'), HF_ENDPOINT: hub.endpoint })
  expect((await openModelSource(repo, { environment })).location).toBe(cached('snapshots', commit))
  await hub.close()
})
