import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createNodeRuntime } from '../../src/engine/node/createNodeRuntime.js'
import { loadGuidance } from '../../src/models/loadGuidance.js'
import { readHubEnvironment } from '../../src/models/node/hubEnvironment.js'
import type { ModelProgress } from '../../src/models/modelProgress.js'
import { openModelSource } from '../../src/models/node/openModelSource.js'
import { sha256, startHub, type HubServer, type Trouble } from './hubServer.js'
import { tinyModel } from './tinyModel.js'

const repo = 'openai/clip-vit-base-patch32'
const weights = 'model.safetensors'
const runtime = createNodeRuntime({ device: 'cpu', threads: 1 })
const patience = { stallSeconds: 0.4, attempts: 3, firstWait: 0.02 }

let files: Map<string, Uint8Array>
let hub: HubServer
let home: string

beforeAll(async () => {
  files = await tinyModel()
})
beforeEach(async () => {
  hub = await startHub(new Map([[repo, files]]))
  home = await mkdtemp(join(tmpdir(), 'hub-'))
})
afterEach(async () => {
  await hub.close()
  await rm(home, { recursive: true })
})

const environment = (more: Record<string, string> = {}) =>
  readHubEnvironment({ HF_HOME: home, HF_ENDPOINT: hub.endpoint, ...more })
const open = async (
  name = repo,
  more: Record<string, string> = {},
  onProgress = (_: ModelProgress): void => undefined,
  signal?: AbortSignal,
) => await openModelSource(name, { environment: await environment(more), patience, onProgress, signal })
const folder = (...names: string[]): string => join(home, 'hub', `models--${repo.replace('/', '--')}`, ...names)
const blobs = async (): Promise<string[]> => (await readdir(folder('blobs')).catch(() => [])).sort()
const bytesAsked = (): string[] =>
  hub.requests.filter((request) => request.includes(weights) && !request.endsWith('bytes=0-0'))

/** Every file of the model is in the cache, whole. */
async function expectWhole(): Promise<void> {
  for (const [name, bytes] of files)
    expect(Buffer.compare(await readFile(folder('snapshots', hub.commit, name)), bytes), name).toBe(0)
  expect((await blobs()).filter((name) => name.includes('part'))).toEqual([])
}

/** The trouble of the first requests for the weights; none after them. */
function troubles(...list: Trouble[]): void {
  hub.trouble = (path, count) => (path === weights ? list[count] : undefined)
}

describe('a model is fetched once', () => {
  it('into the cache that other programs share, and loads', async () => {
    const heard: ModelProgress[] = []
    const source = await open('ViT-B/32', {}, (progress) => heard.push(progress))
    await expectWhole()
    expect(source.location).toBe(folder('snapshots', hub.commit))
    expect(await readFile(folder('refs', 'main'), 'utf8')).toBe(hub.commit)
    expect(await readlink(folder('snapshots', hub.commit, weights))).toBe(
      join('..', '..', 'blobs', sha256(files.get(weights)!)),
    )
    expect(hub.requests.join()).not.toContain('README')
    const total = [...files.values()].reduce((sum, { length }) => sum + length, 0)
    expect(heard.at(-1)).toMatchObject({ type: 'model-download', model: repo, bytes: total, total })
    expect((await loadGuidance(source, runtime)).normalisation.mean).toEqual([0.5, 0.5, 0.5])

    hub.requests.length = 0
    expect((await open()).location).toBe(source.location)
    expect((await open(repo, { HF_HUB_OFFLINE: '1' })).location).toBe(source.location)
    expect(hub.requests).toEqual([])
  })

  it('to the last file that it is read from, also where another program left some out; a model that never had it is asked for once', async () => {
    await open()
    await rm(folder('snapshots', hub.commit, 'preprocessor_config.json'))
    const fetched = hub.commit
    hub.requests.length = 0
    expect((await open(repo, { HF_HUB_OFFLINE: '1' })).location).toBe(folder('snapshots', fetched))
    await open()
    await expectWhole()
    expect(hub.requests[0]).toContain(`/revision/${fetched}`)
    expect(bytesAsked()).toEqual([])

    await hub.close()
    hub = await startHub(
      new Map([['some/clip', new Map([...files].filter(([name]) => name !== 'preprocessor_config.json'))]]),
    )
    await open('some/clip')
    hub.requests.length = 0
    await open('some/clip')
    expect(hub.requests).toEqual([])
  })

  it('from another server where the hub sends us there, which is told no token', async () => {
    const store = await startHub(new Map([[repo, files]]))
    hub.redirectTo = store.endpoint
    store.trouble = (path, count) => (path === weights && count === 0 ? { cutAfter: 50_000 } : undefined)
    await open(repo, { HF_TOKEN: 'secret' })
    await expectWhole()
    expect(hub.tokens.length).toBe(hub.requests.length)
    expect(store.requests.length).toBeGreaterThan(files.size)
    expect(store.tokens).toEqual([])
    await store.close()
  })

  it('with a token where one is needed', async () => {
    await hub.close()
    hub = await startHub(new Map([[repo, files]]), 'secret')
    await expect(open()).rejects.toMatchObject({
      code: 'MODEL_UNKNOWN',
      message: expect.stringContaining('put a token into HF_TOKEN') as string,
    })
    await expect(open(repo, { HF_TOKEN: 'other' })).rejects.toMatchObject({
      code: 'MODEL_UNKNOWN',
      message: expect.stringContaining('the token in use') as string,
    })
    await writeFile(join(home, 'token'), 'secret\n')
    await open()
    await expectWhole()
  })
})

describe('a download goes on after', () => {
  it('a cut, from where it was', async () => {
    troubles({ cutAfter: 50_000 }, { cutAfter: 30_000 })
    await open()
    await expectWhole()
    const starts = bytesAsked().map((request) => Number(/bytes=(\d+)-/.exec(request)?.[1] ?? 0))
    expect(starts).toHaveLength(3)
    expect(starts[1]).toBeGreaterThan(0)
    expect(starts[2]).toBeGreaterThan(starts[1]!)
  })

  it('a stall', async () => {
    troubles({ stallAfter: 40_000 })
    await open()
    await expectWhole()
    expect(bytesAsked()).toHaveLength(2)
  })

  it('a busy server, waiting as long as it asks', async () => {
    troubles({ status: 503 }, { status: 429, retryAfter: 1 })
    const started = performance.now()
    await open()
    await expectWhole()
    expect(performance.now() - started).toBeGreaterThan(1000)
  })

  it('a cut, where the server then sends the file from its start', async () => {
    troubles({ cutAfter: 50_000, ignoreRange: true }, { ignoreRange: true })
    await open()
    await expectWhole()
    expect(bytesAsked()[1]).toMatch(/bytes=[1-9]/)
  })

  it('a stop, and a part that turns out to be wrong', async () => {
    troubles({ slow: 30 })
    const stop = new AbortController()
    await expect(
      open(
        repo,
        {},
        ({ file }) => {
          if (file === weights) setTimeout(() => stop.abort(), 150)
        },
        stop.signal,
      ),
    ).rejects.toMatchObject({ code: 'INTERRUPTED' })
    expect(await blobs()).not.toContain(sha256(files.get(weights)!))
    const part = folder('blobs', `${sha256(files.get(weights)!)}.text2live-part`)
    const kept = await readFile(part)
    expect(kept.length).toBeGreaterThan(0)
    kept[10]! ^= 255
    await writeFile(part, kept)
    await open()
    await expectWhole()
    const starts = bytesAsked().map((request) => /bytes=(\d+)-/.exec(request)?.[1])
    expect(starts).toEqual([undefined, String(kept.length), undefined])
  })

  it('kill -9: nothing stands under the final name, and the next process goes on', async () => {
    troubles({ slow: 30 })
    const child = spawn(process.execPath, [fileURLToPath(new URL('fetchProcess.mjs', import.meta.url)), repo], {
      env: childEnvironment(),
      stdio: 'ignore',
    })
    const part = folder('blobs', `${sha256(files.get(weights)!)}.text2live-part`)
    while ((await readFile(part).catch(() => [])).length < 40_000) await new Promise((done) => setTimeout(done, 10))
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(await blobs()).not.toContain(sha256(files.get(weights)!))
    await expect(readFile(folder('snapshots', hub.commit, weights))).rejects.toMatchObject({ code: 'ENOENT' })
    await open()
    await expectWhole()
    expect(Number(/bytes=(\d+)-/.exec(bytesAsked()[1]!)?.[1])).toBeGreaterThanOrEqual(40_000)
  })
})

const childEnvironment = (): NodeJS.ProcessEnv => ({ PATH: process.env.PATH, HF_HOME: home, HF_ENDPOINT: hub.endpoint })

it('two processes at once both end with the whole model, fetched once', async () => {
  hub.trouble = () => ({ slow: 10 })
  const script = fileURLToPath(new URL('fetchProcess.mjs', import.meta.url))
  const [a, b] = await Promise.all(
    [1, 2].map(() => promisify(execFile)(process.execPath, [script, repo], { env: childEnvironment() })),
  )
  expect(a!.stdout).toBe(folder('snapshots', hub.commit))
  expect(b!.stdout).toBe(a!.stdout)
  await expectWhole()
  expect(bytesAsked()).toHaveLength(1)
})

describe('what cannot be fetched', () => {
  const refused = (promise: Promise<unknown>, code: string, ...parts: string[]) =>
    expect(promise).rejects.toSatisfy((error: { code: string; message: string }) => {
      expect(error.code, error.message).toBe(code)
      for (const part of parts) expect(error.message).toContain(part)
      return true
    })

  it('a name that nobody knows: the nearest is named', async () => {
    await refused(open('clip-vit-base-patch23'), 'MODEL_UNKNOWN', 'The nearest is "clip-vit-base-patch32"')
    await refused(open('stater'), 'MODEL_UNKNOWN', 'The nearest is "starter"')
    await refused(
      open('openai/clip-vit-base-patch23'),
      'MODEL_UNKNOWN',
      hub.endpoint,
      'The nearest known name is "openai/clip-vit-base-patch32"',
    )
    await refused(open('./no/such/folder'), 'GUIDANCE_NOT_FOUND', 'no/such/folder')
  })

  it('wrong bytes: thrown away, not used', async () => {
    hub.trouble = (path) => (path === weights ? { wrongBytes: true } : undefined)
    await refused(open(), 'MODEL_DAMAGED', `${repo}/${weights}`, sha256(files.get(weights)!), 'thrown away')
    expect((await blobs()).filter((name) => name.startsWith(sha256(files.get(weights)!)))).toEqual([])
    hub.trouble = (path) => (path === 'config.json' ? { wrongBytes: true } : undefined)
    await rm(folder(), { recursive: true })
    await refused(open(), 'MODEL_DAMAGED', `${repo}/config.json`)
  })

  it('a server that stays busy, cuts without end, or asks for too much patience', async () => {
    hub.trouble = () => ({ status: 503 })
    await refused(open(), 'DOWNLOAD_FAILED', '503', '3 requests in a row')
    hub.trouble = () => ({ status: 429, retryAfter: 9999 })
    await refused(open(), 'DOWNLOAD_FAILED', '429', 'asks to wait 9999 s', 'HF_TOKEN')
    hub.trouble = () => ({ cutAfter: 0 })
    await refused(open(), 'DOWNLOAD_FAILED', 'several times in a row', 'is kept')
  })

  it('a file larger than the disk: refused before it begins', async () => {
    hub.claimedSizes.set(weights, 1e15)
    await refused(open(), 'DISK_FULL', '1000000000 MB', 'HF_HUB_CACHE')
    expect(bytesAsked()).toEqual([])
  })

  it('without a network: the files, the folder and two ways are named', async () => {
    const ways = [
      folder(),
      'config.json',
      'model.safetensors',
      'text2live models get',
      `text2live models import <folder> --name ${repo}`,
    ]
    await refused(open(repo, { HF_HUB_OFFLINE: '1' }), 'MODEL_OFFLINE', 'HF_HUB_OFFLINE is set', ...ways)
    expect(hub.requests).toEqual([])
    const gone = await startHub(new Map())
    await gone.close()
    await refused(open(repo, { HF_ENDPOINT: gone.endpoint }), 'MODEL_OFFLINE', 'cannot be reached', ...ways)
  })

  it('a repository that holds no model, and an endpoint that is none', async () => {
    await hub.close()
    hub = await startHub(new Map([['some/thing', new Map([['config.json', new Uint8Array(3)]])]]))
    await refused(open('some/thing'), 'GUIDANCE_INVALID', 'no tokenizer.json', 'no model.safetensors')
    await refused(open(repo, { HF_ENDPOINT: 'huggingface' }), 'OPTION_INVALID', 'HF_ENDPOINT')
  })

  it('into a folder that cannot be written', async () => {
    await mkdir(join(home, 'hub'), { recursive: true })
    await writeFile(folder(), 'a file')
    await refused(open(), 'OUTPUT_NOT_WRITABLE', folder())
  })
})
