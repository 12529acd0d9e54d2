import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { readSafetensors, writeSafetensors } from '../../src/formats/safetensors.js'
import { command } from '../support/command.js'
import { startHub, type HubServer } from './hubServer.js'
import { tinyModel } from './tinyModel.js'

const repo = 'openai/clip-vit-base-patch32'
let files: Map<string, Uint8Array>
let hub: HubServer
let home: string

beforeAll(async () => {
  files = await tinyModel()
})
beforeEach(async () => {
  hub = await startHub(new Map([[repo, files]]))
  home = await mkdtemp(join(tmpdir(), 'models-'))
  for (const [name, value] of Object.entries({
    HF_HOME: home,
    HF_HUB_CACHE: '',
    HF_ENDPOINT: hub.endpoint,
    HF_HUB_OFFLINE: '',
    HF_TOKEN: '',
    XDG_CACHE_HOME: home,
  })) {
    vi.stubEnv(name, value)
  }
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await hub.close()
  await rm(home, { recursive: true })
})

const models = (...args: string[]) => command('models', ...args)

interface Listed {
  name: string
  state: string
  bytes: number
}
const listed = async (name: string): Promise<Listed | undefined> =>
  (JSON.parse((await models('list', '--json')).out) as { models: Listed[] }).models.find((model) => model.name === name)
const cached = (...names: string[]): string => join(home, 'hub', 'models--openai--clip-vit-base-patch32', ...names)

async function writeModel(folder: string, changes: Record<string, Uint8Array | null> = {}): Promise<string> {
  await mkdir(folder, { recursive: true })
  for (const [name, bytes] of [...files, ...Object.entries(changes)]) {
    if (bytes) await writeFile(join(folder, name), bytes)
    else await rm(join(folder, name), { force: true })
  }
  return folder
}

test("list shows the embedded, the known and the fetched; other programs' models of other kinds are not ours", async () => {
  await mkdir(join(home, 'hub', 'models--some--llm', 'snapshots', 'b'.repeat(40)), { recursive: true })
  await mkdir(join(home, 'hub', 'models--some--llm', 'blobs'))
  const { status, out } = await models('list')
  expect(status).toBe(0)
  expect(out).toMatch(/^starter +embedded +\d+ MB/)
  expect(out).toMatch(/openai\/clip-vit-base-patch32 +- +\(605 MB\)/)
  expect(out).not.toContain('llm')
  expect(await listed(repo)).toMatchObject({ state: 'absent' })
})

test('get fetches and tells how far it is, info says what it is, verify proves it, remove deletes it when forced', async () => {
  const got = await models('get', 'ViT-B/32', '--json')
  expect(got).toMatchObject({ status: 0, err: '' })
  const events = got.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string; bytes: number; total: number; folder: string })
  expect(events[0]).toMatchObject({ type: 'model-download', model: repo })
  expect(events.at(-2)).toMatchObject({ bytes: events[0]!.total, total: events[0]!.total })
  expect(events.at(-1)).toEqual({ type: 'model', name: 'ViT-B/32', folder: cached('snapshots', hub.commit) })
  expect(await listed(repo)).toMatchObject({ state: 'cached', bytes: events[0]!.total })

  const info = await models('info', repo)
  expect(info.out).toContain('3 blocks of width 32, patches of 32 px, trained at 224 px')
  expect(info.out).toContain(`commit     ${hub.commit}`)

  expect((await models('verify', repo)).out.split('\n').filter((line) => line.startsWith('intact'))).toHaveLength(
    files.size,
  )
  const weights = await realpath(cached('snapshots', hub.commit, 'model.safetensors'))
  const bytes = await readFile(weights)
  bytes[bytes.length - 3]! ^= 1
  await writeFile(weights, bytes)
  const damaged = await models('verify', repo)
  expect(damaged).toMatchObject({
    status: 1,
    err: expect.stringContaining('error MODEL_DAMAGED: model.safetensors of openai/clip-vit-base-patch32') as string,
  })
  expect(damaged.out).toMatch(/damaged +model\.safetensors: expected [0-9a-f]{64}, found [0-9a-f]{64}/)

  expect(await models('remove', repo)).toMatchObject({
    status: 2,
    out: '',
    err: expect.stringContaining('Add --force') as string,
  })
  expect(await listed(repo)).toMatchObject({ state: 'cached' })
  expect((await models('remove', repo, '--force')).status).toBe(0)
  expect(await readdir(join(home, 'hub'))).toEqual(['.locks'])
  expect(await models('remove', repo, '--force')).toMatchObject({
    status: 2,
    err: expect.stringContaining('MODEL_NOT_CACHED') as string,
  })
})

test('get fetches the newest where an older one is there', async () => {
  await models('get', repo)
  hub.commit = 'b'.repeat(40)
  expect((await models('get', repo)).status).toBe(0)
  expect(await readFile(cached('refs', 'main'), 'utf8')).toBe(hub.commit)
  expect((await readdir(cached('snapshots'))).sort()).toEqual(['a'.repeat(40), 'b'.repeat(40)])
})

test('import puts a folder into the cache, where it is found without a network and survives a copy of the cache', async () => {
  const folder = await writeModel(join(home, 'my clip'))
  expect((await models('import', folder, '--name', repo)).out).toContain(`--guidance ${repo}`)
  expect(hub.requests).toEqual([])
  vi.stubEnv('HF_HUB_OFFLINE', '1')
  expect(await models('verify', repo)).toMatchObject({ status: 0 })
  const [commit] = await readdir(cached('snapshots'))
  for (const [name, bytes] of files)
    expect(Buffer.compare(await readFile(cached('snapshots', commit!, name)), bytes), name).toBe(0)
  expect((await readdir(cached('blobs'))).filter((name) => !/^[0-9a-f]{40}([0-9a-f]{24})?$/.test(name))).toEqual([])

  expect((await models('import', folder, '--name', repo)).status).toBe(0)
  expect((await models('import', folder)).out).toContain('--guidance local/my-clip')
  expect(await listed('local/my-clip')).toMatchObject({ state: 'cached' })

  await cp(join(home, 'hub'), join(home, 'copied'), { recursive: true, dereference: true })
  vi.stubEnv('HF_HUB_CACHE', join(home, 'copied'))
  expect(await models('verify', repo)).toMatchObject({ status: 0 })
  expect(await models('info', repo)).toMatchObject({ status: 0 })
})

test('import refuses what is no model, before anything is copied', async () => {
  const refused = async (code: string, part: string, ...args: string[]): Promise<void> => {
    const { status, err } = await models('import', ...args)
    expect(status, err).toBe(2)
    expect(err).toContain(`error ${code}: `)
    expect(err).toContain(part)
    expect(await readdir(join(home, 'hub')).catch(() => [])).toEqual([])
  }
  await refused('GUIDANCE_NOT_FOUND', 'there is nothing', join(home, 'nothing'))
  await mkdir(join(home, 'empty'))
  await refused(
    'GUIDANCE_INVALID',
    'no config.json, no tokenizer.json (or vocab.json and merges.txt), no model.safetensors',
    join(home, 'empty'),
  )
  await refused('GUIDANCE_INVALID', 'no tokenizer.json', await writeModel(join(home, 'a'), { 'merges.txt': null }))
  await refused(
    'GUIDANCE_INVALID',
    'config.json to be JSON',
    await writeModel(join(home, 'b'), { 'config.json': new Uint8Array(5) }),
  )
  await refused(
    'SAFETENSORS_INVALID',
    'safetensors',
    await writeModel(join(home, 'c'), { 'model.safetensors': files.get('model.safetensors')!.subarray(0, 9999) }),
  )
  await refused('OPTION_INVALID', '--name', await writeModel(join(home, 'd')), '--name', '../../escape')

  const tensors = new Map(readSafetensors(files.get('model.safetensors')!).tensors)
  const norm = tensors.get('vision_model.post_layernorm.bias')!
  const spoiled = new Float32Array(norm.bytes.slice().buffer).fill(NaN, 3, 4)
  const withNaN = writeSafetensors(
    new Map([...tensors, ['vision_model.post_layernorm.bias', { ...norm, bytes: new Uint8Array(spoiled.buffer) }]]),
  )
  await refused(
    'GUIDANCE_INVALID',
    'holds NaN at index 3',
    await writeModel(join(home, 'e'), { 'model.safetensors': withNaN }),
  )
  const wide = new Float32Array(20 * 24)
  const twoWidths = writeSafetensors(
    new Map([
      ...tensors,
      ['text_projection.weight', { dtype: 'F32' as const, shape: [20, 24], bytes: new Uint8Array(wide.buffer) }],
    ]),
  )
  await refused(
    'GUIDANCE_INVALID',
    'embeddings of one width, they give 16 and 20 numbers',
    await writeModel(join(home, 'f'), { 'model.safetensors': twoWidths }),
  )
})

test('another model of the same name is not replaced', async () => {
  await models('get', repo)
  const blobs = await readdir(cached('blobs'))
  const other = await writeModel(join(home, 'other'), { 'preprocessor_config.json': new TextEncoder().encode('{}') })
  expect(await models('import', other, '--name', repo)).toMatchObject({
    status: 2,
    err: expect.stringContaining('OUTPUT_EXISTS') as string,
  })
  expect(await readdir(cached('blobs'))).toEqual(blobs)
  expect(await readFile(cached('refs', 'main'), 'utf8')).toBe(hub.commit)
})

test('words that are not understood', async () => {
  expect(await models('lst')).toMatchObject({
    status: 2,
    err: expect.stringContaining('no command "lst" of models. The nearest is "list"') as string,
  })
  expect(await models()).toMatchObject({
    status: 2,
    err: expect.stringContaining('list, get, info, verify, remove, import') as string,
  })
  expect(await models('get')).toMatchObject({
    status: 2,
    err: expect.stringContaining('text2live models get needs a') as string,
  })
  expect(await models('get', 'VIT-B-23')).toMatchObject({
    status: 2,
    err: expect.stringContaining('The nearest is "ViT-B-32"') as string,
  })
  expect((await models('get', '--help')).out).toContain('$ text2live models get openai/clip-vit-base-patch32')
})
