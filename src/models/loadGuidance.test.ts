import { once } from 'node:events'
import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import { readSafetensors, writeSafetensors } from '../formats/safetensors.js'
import type { SafetensorsTensor } from '../formats/safetensors.js'
import { byteVocabulary } from './clipTokenizer.js'
import { fetchSource, memorySource } from './fileSource.js'
import type { FrozenTensor, GuidanceModel } from './guidance.js'
import { loadGuidance } from './loadGuidance.js'
import { folderSource } from './node/folderSource.js'

const runtime = createNodeRuntime({ device: 'cpu', threads: 2 })
const tinyClip = new URL('../../test/fixtures/tinyClip/', import.meta.url)
const starter = fileURLToPath(new URL('../../models/starter', import.meta.url))

/** The files of a small whole CLIP: the fixture's towers, a vocabulary of bytes. */
let whole: Map<string, Uint8Array>
const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
let config: Record<string, Record<string, unknown>>

beforeAll(async () => {
  config = JSON.parse(await readFile(new URL('config.json', tinyClip), 'utf8')) as typeof config
  config.text_config!.vocab_size = 514
  const weights = new Map(
    readSafetensors(new Uint8Array(await readFile(new URL('model.safetensors', tinyClip)))).tensors,
  )
  const table = new Float32Array(514 * 24).map((_, i) => Math.sin(i))
  weights.set('text_model.embeddings.token_embedding.weight', {
    dtype: 'F32',
    shape: [514, 24],
    bytes: new Uint8Array(table.buffer),
  })
  whole = new Map([
    ['config.json', json(config)],
    ['model.safetensors', writeSafetensors(weights)],
    ['vocab.json', json(byteVocabulary(514))],
    ['merges.txt', new TextEncoder().encode('#version: 0.2\na b</w>\n')],
  ])
})

function load(changes: Record<string, Uint8Array | null> = {}) {
  const files = new Map(whole)
  for (const [name, bytes] of Object.entries(changes)) {
    if (bytes) files.set(name, bytes)
    else files.delete(name)
  }
  return loadGuidance(memorySource(files, 'some/folder'), runtime)
}

function withTensors(change: (tensors: Map<string, SafetensorsTensor>) => void): Uint8Array {
  const tensors = new Map(readSafetensors(whole.get('model.safetensors')!).tensors)
  change(tensors)
  return writeSafetensors(tensors)
}

async function serve(
  answer: (url: string, response: ServerResponse) => void,
): Promise<{ address: string; close: () => void }> {
  const server = createServer((request, response) => answer(request.url!, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() }
}

function expectSameWeights(a: GuidanceModel, b: GuidanceModel): void {
  expect([...a.weights.keys()]).toEqual([...b.weights.keys()])
  const bytes = ({ data }: FrozenTensor): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  for (const [name, weight] of a.weights) expect(bytes(weight).equals(bytes(b.weights.get(name)!)), name).toBe(true)
}

describe('what can be loaded', () => {
  it('a CLIP, from memory, a folder or the web, the same', async () => {
    const fromMemory = await load()
    expect(fromMemory).toMatchObject({ name: 'clip', embeddingWidth: 16, cell: 32, contextLength: 16 })
    const texts = await fromMemory.encodeTexts(['ab c', 'd'])
    expect(texts.length).toBe(32)

    const folder = await mkdtemp(join(tmpdir(), 'guidance-'))
    for (const [name, bytes] of whole) await writeFile(join(folder, name), bytes)
    const fromFolder = await loadGuidance(await folderSource(folder), runtime)
    expectSameWeights(fromFolder, fromMemory)
    expect(await fromFolder.encodeTexts(['ab c', 'd'])).toEqual(texts)

    const { address, close } = await serve((url, response) => {
      const file = whole.get(url.slice('/clip/'.length))
      response.writeHead(file ? 200 : 404).end(file)
    })
    const fromWeb = await loadGuidance(fetchSource(`${address}/clip/`), runtime)
    expectSameWeights(fromWeb, fromMemory)
    close()
    await rm(folder, { recursive: true })
  })

  it('the starter model', async () => {
    expect(await loadGuidance(await folderSource(starter), runtime)).toMatchObject({
      name: 'starter',
      embeddingWidth: 256,
      cell: 32,
      imageSize: 224,
    })
  })

  it('a CLIP with another normalisation', async () => {
    const model = await load({
      'preprocessor_config.json': json({ image_mean: [0.5, 0.5, 0.5], image_std: [0.25, 0.25, 0.25] }),
    })
    expect(model.normalisation).toEqual({ mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] })
    const stored = readSafetensors(whole.get('model.safetensors')!).tensors.get(
      'vision_model.embeddings.patch_embedding.weight',
    )!
    expect(model.weights.get('patch.weight')!.data[5]).toBeCloseTo(
      4 * new DataView(stored.bytes.buffer, stored.bytes.byteOffset).getFloat32(20, true),
      5,
    )
  })

  it('weights in half precision', async () => {
    const bfloat = withTensors((tensors) => {
      for (const [name, { shape, bytes }] of tensors) {
        const halves = new Uint8Array(bytes.length / 2)
        for (let i = 0; i < halves.length; i++) halves[i] = bytes[2 * i - (i % 2) + 2]!
        tensors.set(name, { dtype: 'BF16', shape, bytes: halves })
      }
    })
    const [half, full] = [await load({ 'model.safetensors': bfloat }), await load()]
    const [a, b] = [half.weights.get('class')!.data, full.weights.get('class')!.data]
    a.forEach((x, i) => expect(Math.abs(x - b[i]!)).toBeLessThanOrEqual(Math.abs(b[i]!) / 128))
  })
})

describe('what cannot', () => {
  const refused = (promise: Promise<unknown>, code: string, ...parts: string[]) =>
    expect(promise).rejects.toMatchObject({
      code,
      message: expect.stringMatching(
        parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('[\\s\\S]*'),
      ) as string,
    })

  it.each(['config.json', 'model.safetensors'])('a folder without %s', async (name) => {
    await refused(
      load({ [name]: null }),
      'GUIDANCE_INVALID',
      `Expected ${name} among the guidance model's files, some/folder has none`,
    )
  })

  it('a folder without a tokenizer', async () => {
    await refused(
      load({ 'merges.txt': null }),
      'GUIDANCE_INVALID',
      'Expected tokenizer.json, or vocab.json and merges.txt',
      'some/folder has neither',
    )
    await refused(load({ 'vocab.json': json({ a: 0 }) }), 'GUIDANCE_INVALID', 'vocab.json has no <|startoftext|>')
    await refused(load({ 'vocab.json': json({ a: 'b' }) }), 'GUIDANCE_INVALID', 'vocab.json to map tokens to ids')
    await refused(
      load({ 'tokenizer.json': json({ model: null }) }),
      'GUIDANCE_INVALID',
      'The tokenizer in some/folder cannot be used',
    )
  })

  it('a config that is no JSON, of another model, or of an activation we do not have', async () => {
    await refused(
      load({ 'config.json': new TextEncoder().encode('{') }),
      'GUIDANCE_INVALID',
      'some/folder/config.json to be JSON',
    )
    await refused(load({ 'config.json': json({ model_type: 'siglip' }) }), 'GUIDANCE_INVALID', '"model_type": "clip"')
    const vision = { ...config.vision_config, hidden_act: 'swish' }
    await refused(
      load({ 'config.json': json({ ...config, vision_config: vision }) }),
      'GUIDANCE_INVALID',
      'vision_config.hidden_act',
      '"quick_gelu"|"gelu"',
    )
    await refused(
      load({ 'config.json': json({ ...config, vision_config: { ...config.vision_config, patch_size: -1 } }) }),
      'GUIDANCE_INVALID',
      'vision_config.patch_size',
    )
  })

  it('weights of another shape, missing, or no numbers', async () => {
    const wider = { ...config.vision_config, intermediate_size: 128 }
    await refused(
      load({ 'config.json': json({ ...config, vision_config: wider }) }),
      'GUIDANCE_INVALID',
      'tensor "vision_model.encoder.layers.0.mlp.fc1.weight"',
      'shape [128, 32]',
      'it has [96, 32]',
    )
    await refused(
      load({ 'model.safetensors': withTensors((tensors) => tensors.delete('visual_projection.weight')) }),
      'GUIDANCE_INVALID',
      'Expected a tensor "visual_projection.weight" in some/folder/model.safetensors',
    )
    const spoiled = withTensors((tensors) => {
      const { shape, bytes } = tensors.get('vision_model.encoder.layers.1.mlp.fc2.bias')!
      const copy = new Float32Array(bytes.slice().buffer)
      copy[7] = NaN
      tensors.set('vision_model.encoder.layers.1.mlp.fc2.bias', {
        dtype: 'F32',
        shape,
        bytes: new Uint8Array(copy.buffer),
      })
    })
    await refused(
      load({ 'model.safetensors': spoiled }),
      'GUIDANCE_INVALID',
      'tensor "vision_model.encoder.layers.1.mlp.fc2.bias"',
      'holds NaN at index 7',
    )
  })

  it('weights that are cut or hostile', async () => {
    await refused(
      load({ 'model.safetensors': whole.get('model.safetensors')!.subarray(0, 100_000) }),
      'SAFETENSORS_INVALID',
      'some/folder/model.safetensors',
    )
    await refused(
      load({ 'model.safetensors': new Uint8Array(20).fill(255) }),
      'SAFETENSORS_INVALID',
      'claims a header of 18446744073709551615 bytes',
    )
  })

  it('a normalisation by zero', async () => {
    await refused(
      load({ 'preprocessor_config.json': json({ image_std: [0, 1, 1] }) }),
      'GUIDANCE_INVALID',
      'deviations above 0',
    )
  })

  it('a folder that is not there, or is a file', async () => {
    await refused(folderSource('/no/such/folder'), 'GUIDANCE_NOT_FOUND', 'at /no/such/folder, there is nothing')
    await refused(folderSource(join(starter, 'config.json')), 'GUIDANCE_NOT_FOUND', 'that is a file')
  })

  it('a server that fails', async () => {
    const { address, close } = await serve((_, response) => response.writeHead(503).end())
    await refused(loadGuidance(fetchSource(address), runtime), 'GUIDANCE_NOT_FOUND', 'the server answered 503')
    close()
  })

  it('a starter model whose files were mixed', async () => {
    const files = new Map<string, Uint8Array>()
    for (const name of [
      'config.json',
      'image.safetensors',
      'text.safetensors',
      'tokenizer.json',
      'tokenizer_config.json',
    ]) {
      files.set(name, new Uint8Array(await readFile(join(starter, name))))
    }
    const starterConfig = JSON.parse(new TextDecoder().decode(files.get('config.json'))) as {
      head: object
      text: object
    }
    const from = (changed: object) =>
      loadGuidance(memorySource(new Map([...files, ['config.json', json({ ...starterConfig, ...changed })]])), runtime)
    await refused(
      from({ head: { ...starterConfig.head, width: 256 } }),
      'GUIDANCE_INVALID',
      'head.fc_in.weight',
      '[256, 502]',
      '[512, 502]',
    )
    await refused(
      from({ text: { ...starterConfig.text, layers: 7 } }),
      'GUIDANCE_INVALID',
      'Expected a tensor "encoder.layer.6.',
    )
    await refused(from({ head: { ...starterConfig.head, activation: 'gelu' } }), 'GUIDANCE_INVALID', 'head.activation')
    await refused(
      loadGuidance(memorySource(new Map([...files].filter(([name]) => name !== 'text.safetensors'))), runtime),
      'GUIDANCE_INVALID',
      'Expected text.safetensors',
    )
  })
})
