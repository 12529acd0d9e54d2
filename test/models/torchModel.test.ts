import { zipSync } from 'fflate'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { createNodeRuntime } from '../../src/engine/node/createNodeRuntime.js'
import { readSafetensors } from '../../src/formats/safetensors.js'
import { toFloat32 } from '../../src/formats/toFloat32.js'
import type { FileSource } from '../../src/models/fileSource.js'
import type { GuidanceModel } from '../../src/models/guidance.js'
import { loadGuidance } from '../../src/models/loadGuidance.js'
import { getModel } from '../../src/models/node/getModel.js'
import { readHubEnvironment } from '../../src/models/node/hubEnvironment.js'
import { importModel } from '../../src/models/node/importModel.js'
import { openModelSource } from '../../src/models/node/openModelSource.js'
import { sha256, startHub, type HubServer } from './hubServer.js'
import { openaiTensors } from './openaiTensors.js'
import { tinyModel } from './tinyModel.js'
import { writeTorchFile } from './torchWriter.js'

const runtime = createNodeRuntime({ device: 'cpu', threads: 1 })
const patience = { stallSeconds: 0.5, attempts: 3, firstWait: 0.02 }
let published: Uint8Array
let hub: HubServer
let home: string

beforeAll(() => {
  published = writeTorchFile(openaiTensors())
})
beforeEach(async () => {
  hub = await startHub(new Map())
  home = await mkdtemp(join(tmpdir(), 'torch-'))
})
afterEach(async () => {
  await hub.close()
  await rm(home, { recursive: true })
})

const environment = () => readHubEnvironment({ HF_HOME: home, XDG_CACHE_HOME: home, HF_ENDPOINT: hub.endpoint })
const open = async (value: string): Promise<FileSource> =>
  await openModelSource(value, { environment: await environment(), patience })

function expectSame(a: GuidanceModel, b: GuidanceModel): void {
  expect([...a.weights.keys()]).toEqual([...b.weights.keys()])
  for (const [name, { data }] of a.weights)
    expect(
      Buffer.compare(
        Buffer.from(data.buffer, data.byteOffset, data.byteLength),
        Buffer.from(b.weights.get(name)!.data.buffer),
      ),
      name,
    ).toBe(0)
}

test('a .pt file is a model: by its path, and imported the same', async () => {
  const path = join(home, 'my-clip.pt')
  await writeFile(path, published)
  const model = await loadGuidance(await open(path), runtime)
  expect(model).toMatchObject({ cell: 32, imageSize: 64, embeddingWidth: 32, contextLength: 77 })
  expect(model.tokenize('golden horse').ids).toEqual([49406, 3878, 4558, 49407])
  const embeddings = await model.encodeTexts(['golden horse', 'cake'])
  expect(embeddings.every(Number.isFinite)).toBe(true)

  const { cache } = await environment()
  const imported = await importModel(path, undefined, cache)
  expect(imported.name).toBe('local/my-clip')
  const again = await loadGuidance(await open('local/my-clip'), runtime)
  expectSame(again, model)
  expect(await again.encodeTexts(['golden horse', 'cake'])).toEqual(embeddings)
})

test('a .pt file from an address is fetched once, against the hash that the address carries', async () => {
  const address = (hash: string): string => `/clip/models/${hash}/tiny.pt`
  hub.plain.set(address(sha256(published)), published)
  hub.trouble = (_, count) => (count === 0 ? { cutAfter: 1_000_000 } : undefined)
  const url = hub.endpoint + address(sha256(published))
  const path = await getModel(url, { environment: await environment(), patience })
  expect(path.startsWith(join(home, 'clip'))).toBe(true)
  expect((await loadGuidance(await open(url), runtime)).embeddingWidth).toBe(32)
  expect(hub.requests.filter((request) => !request.endsWith('=0-0'))).toHaveLength(2)

  hub.plain.set(address('0'.repeat(64)), published)
  await expect(open(hub.endpoint + address('0'.repeat(64)))).rejects.toMatchObject({
    code: 'MODEL_DAMAGED',
    message: expect.stringContaining(sha256(published)) as string,
  })
  await expect(open(`${hub.endpoint}/gone.pt`)).rejects.toMatchObject({
    code: 'MODEL_UNKNOWN',
    message: expect.stringContaining('404') as string,
  })
  await expect(open(`${hub.endpoint}/openai/clip`)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  await expect(
    openModelSource(`${hub.endpoint}/other.pt`, { environment: { ...(await environment()), offline: true } }),
  ).rejects.toMatchObject({ code: 'MODEL_OFFLINE' })
})

test('a file under a published name must be the published file', async () => {
  const path = join(home, 'ViT-B-32.pt')
  await writeFile(path, published)
  await expect(open(path)).rejects.toMatchObject({
    code: 'MODEL_DAMAGED',
    message: expect.stringContaining('40d365715913c9da') as string,
  })
})

test('a .pt file that carries code is refused, and the code does not run', async () => {
  const marker = join(home, 'ran')
  const pickle = `cos\nsystem\n(S'touch ${marker}'\ntR.`
  const path = join(home, 'evil.pt')
  await writeFile(
    path,
    zipSync({ 'evil/data.pkl': Uint8Array.from(pickle, (character) => character.charCodeAt(0)) }, { level: 0 }),
  )
  await expect(open(path)).rejects.toMatchObject({
    code: 'PICKLE_UNSAFE',
    message: expect.stringContaining('os') as string,
  })
  await expect(importModel(path, undefined, (await environment()).cache)).rejects.toMatchObject({
    code: 'PICKLE_UNSAFE',
  })
  expect(existsSync(marker)).toBe(false)
  await writeFile(path, published.subarray(0, 5000))
  await expect(open(path)).rejects.toMatchObject({ code: 'PYTORCH_FILE_INVALID' })
})

test('a repository that offers only pytorch_model.bin serves as well', async () => {
  const files = await tinyModel()
  const tensors = readSafetensors(files.get('model.safetensors')!).tensors
  const bin = writeTorchFile(
    new Map([...tensors].map(([name, tensor]) => [name, { shape: tensor.shape, data: toFloat32(tensor).slice() }])),
  )
  await hub.close()
  hub = await startHub(
    new Map([
      [
        'some/clip',
        new Map([...files].filter(([name]) => name !== 'model.safetensors').concat([['pytorch_model.bin', bin]])),
      ],
      ['the/same', files],
    ]),
  )
  expectSame(await loadGuidance(await open('some/clip'), runtime), await loadGuidance(await open('the/same'), runtime))
})
