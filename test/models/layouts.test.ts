import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createNodeRuntime } from '../../src/engine/node/createNodeRuntime.js'
import { readSafetensors, writeSafetensors, type SafetensorsTensor } from '../../src/formats/safetensors.js'
import { toFloat32 } from '../../src/formats/toFloat32.js'
import type { GuidanceModel } from '../../src/models/guidance.js'
import { loadGuidance } from '../../src/models/loadGuidance.js'
import { readHubEnvironment } from '../../src/models/node/hubEnvironment.js'
import { importModel } from '../../src/models/node/importModel.js'
import { verifyModel } from '../../src/models/node/modelCache.js'
import { openModelSource } from '../../src/models/node/openModelSource.js'
import { startHub } from './hubServer.js'
import { tinyModel } from './tinyModel.js'
import { writeTorchFile, type SavedTensor } from './torchWriter.js'

const runtime = createNodeRuntime({ device: 'cpu', threads: 1 })
let files: Map<string, Uint8Array>
let tensors: Map<string, SafetensorsTensor>
let expected: GuidanceModel
let texts: Float32Array
let home: string

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
const without = (...names: string[]): Map<string, Uint8Array> =>
  new Map([...files].filter(([name]) => !names.includes(name)))

async function folderOf(contents: ReadonlyMap<string, Uint8Array>, name = 'model'): Promise<string> {
  for (const [file, bytes] of contents) {
    await mkdir(dirname(join(home, name, file)), { recursive: true })
    await writeFile(join(home, name, file), bytes)
  }
  return join(home, name)
}

async function expectSame(model: GuidanceModel): Promise<void> {
  expect(model.normalisation).toEqual(expected.normalisation)
  for (const [name, { data }] of expected.weights)
    expect(
      model.weights.get(name)!.data.every((x, i) => x === data[i]),
      name,
    ).toBe(true)
  expect((await model.encodeTexts(['ab c', 'd'])).every((x, i) => x === texts[i])).toBe(true)
}

beforeAll(async () => {
  files = await tinyModel()
  tensors = new Map(readSafetensors(files.get('model.safetensors')!).tensors)
  home = await mkdtemp(join(tmpdir(), 'layouts-'))
  expected = await loadGuidance(await openModelSource(await folderOf(files)), runtime)
  texts = await expected.encodeTexts(['ab c', 'd'])
  await rm(home, { recursive: true })
})
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'layouts-'))
})
afterEach(async () => {
  await rm(home, { recursive: true })
})

const open = async (value: string) =>
  await openModelSource(value, { environment: await readHubEnvironment({ HF_HOME: home }) })
const refused = (promise: Promise<unknown>, ...parts: string[]) =>
  expect(promise).rejects.toSatisfy((error: { code: string; message: string }) => {
    expect(error.code, error.message).toBe('GUIDANCE_INVALID')
    for (const part of parts) expect(error.message).toContain(part)
    return true
  })

describe('weights in shards', () => {
  const [first, second] = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']

  /** @param rename of a shard in the index */
  function sharded(rename = (name: string): string => name): Map<string, Uint8Array> {
    const names = [...tensors.keys()]
    const part = (keep: number): Uint8Array => writeSafetensors(new Map([...tensors].filter((_, i) => i % 2 === keep)))
    const map = Object.fromEntries(names.map((name, i) => [name, rename(i % 2 === 0 ? first : second)]))
    return new Map([
      ...without('model.safetensors'),
      [first, part(0)],
      [second, part(1)],
      ['model.safetensors.index.json', json({ metadata: { total_size: 1 }, weight_map: map })],
    ])
  }

  it('from a folder, a hub, the cache and by import', async () => {
    const folder = await folderOf(sharded())
    await expectSame(await loadGuidance(await open(folder), runtime))

    const hub = await startHub(new Map([['acme/sharded', sharded()]]))
    const environment = await readHubEnvironment({ HF_HOME: home, HF_ENDPOINT: hub.endpoint })
    await expectSame(await loadGuidance(await openModelSource('acme/sharded', { environment }), runtime))
    hub.requests.length = 0
    await openModelSource('acme/sharded', { environment })
    expect(hub.requests).toEqual([])
    await hub.close()
    const checks = await verifyModel('acme/sharded', environment.cache)
    expect(checks.map(({ file, intact }) => [file, intact])).toEqual(
      expect.arrayContaining([
        [first, true],
        [second, true],
        ['model.safetensors.index.json', true],
      ]),
    )

    await importModel(folder, 'local/sharded', environment.cache)
    await expectSame(await loadGuidance(await open('local/sharded'), runtime))
    const [commit] = await readdir(join(environment.cache, 'models--local--sharded', 'snapshots'))
    await rm(join(environment.cache, 'models--local--sharded', 'snapshots', commit!, second))
    await expect(
      openModelSource('local/sharded', { environment: { ...environment, offline: true } }),
    ).rejects.toMatchObject({ code: 'MODEL_OFFLINE' })
  })

  it('a shard that is missing is named', async () => {
    const contents = sharded()
    contents.delete(second)
    const folder = await folderOf(contents)
    await refused(
      open(folder).then((source) => loadGuidance(source, runtime)),
      second,
    )
    await refused(
      importModel(folder, 'local/a', join(home, 'cache')),
      `no ${second}, which model.safetensors.index.json names`,
    )
    const hub = await startHub(new Map([['acme/sharded', contents]]))
    await refused(
      openModelSource('acme/sharded', {
        environment: await readHubEnvironment({ HF_HOME: home, HF_ENDPOINT: hub.endpoint }),
      }),
      `no ${second}`,
    )
    expect(hub.requests.join()).not.toContain(first)
    await hub.close()
  })

  it.each([
    '../evil.safetensors',
    '/etc/evil.safetensors',
    'a/../../evil.safetensors',
    '..\\evil.safetensors',
    'C:\\evil.safetensors',
    'config.json',
    './x.safetensors',
    '',
  ])('a path that is no file of the folder is refused: %s', async (path) => {
    const folder = await folderOf(sharded((name) => (name === second ? path : name)))
    await refused(
      open(folder).then((source) => loadGuidance(source, runtime)),
      'model.safetensors.index.json',
      JSON.stringify(path),
    )
    await refused(importModel(folder, 'local/a', join(home, 'cache')), JSON.stringify(path))
  })

  it('an index that lies or is none', async () => {
    const lying = sharded((name) => (name === second ? first : name))
    await refused(
      open(await folderOf(lying)).then((source) => loadGuidance(source, runtime)),
      first,
      'which it does not',
    )
    const none = new Map([...sharded(), ['model.safetensors.index.json', json({ weight_map: 3 })]])
    await refused(
      open(await folderOf(none, 'none')).then((source) => loadGuidance(source, runtime)),
      'weight_map',
    )
  })
})

describe('the layout of open_clip', () => {
  interface TinyConfig {
    projection_dim: number
    vision_config: Record<string, number>
    text_config: Record<string, number>
  }

  /** The same model under OpenAI's names. */
  function openClipTensors(prefix = ''): Map<string, SavedTensor> {
    const of = (name: string): SavedTensor => ({
      shape: tensors.get(name)!.shape,
      data: toFloat32(tensors.get(name)!).slice(),
    })
    const out = new Map<string, SavedTensor>()
    const turned = ({ shape: [rows = 0, columns = 0], data }: SavedTensor): SavedTensor => ({
      shape: [columns, rows],
      data: data.map((_, i) => data[(i % rows) * columns + Math.floor(i / rows)]!),
    })
    const both = (name: string, from: string): void =>
      ['weight', 'bias'].forEach((kind) => out.set(`${name}.${kind}`, of(`${from}.${kind}`)))
    for (const [tower, own, norms] of [
      ['vision_model', 'visual.', { ln_pre: 'pre_layrnorm', ln_post: 'post_layernorm' }],
      ['text_model', prefix, { ln_final: 'final_layer_norm' }],
    ] as const) {
      for (const [name, from] of Object.entries(norms)) both(own + name, `${tower}.${from}`)
      const blocks = [...tensors.keys()].filter((name) => name.startsWith(tower) && name.endsWith('q_proj.bias')).length
      for (let i = 0; i < blocks; i++) {
        const [block, layer] = [`${own}transformer.resblocks.${i}`, `${tower}.encoder.layers.${i}`]
        for (const [name, from] of [
          ['ln_1', 'layer_norm1'],
          ['ln_2', 'layer_norm2'],
          ['mlp.c_fc', 'mlp.fc1'],
          ['mlp.c_proj', 'mlp.fc2'],
          ['attn.out_proj', 'self_attn.out_proj'],
        ])
          both(`${block}.${name}`, `${layer}.${from}`)
        for (const kind of ['weight', 'bias']) {
          const parts = ['q', 'k', 'v'].map((part) => of(`${layer}.self_attn.${part}_proj.${kind}`))
          out.set(`${block}.attn.in_proj_${kind}`, {
            shape: [3 * parts[0]!.shape[0]!, ...parts[0]!.shape.slice(1)],
            data: Float32Array.from(parts.flatMap(({ data }) => [...data])),
          })
        }
      }
    }
    out
      .set('visual.class_embedding', of('vision_model.embeddings.class_embedding'))
      .set('visual.conv1.weight', of('vision_model.embeddings.patch_embedding.weight'))
      .set('visual.positional_embedding', of('vision_model.embeddings.position_embedding.weight'))
      .set('visual.proj', turned(of('visual_projection.weight')))
      .set(`${prefix}token_embedding.weight`, of('text_model.embeddings.token_embedding.weight'))
      .set(`${prefix}positional_embedding`, of('text_model.embeddings.position_embedding.weight'))
      .set(`${prefix}text_projection`, turned(of('text_projection.weight')))
    return out.set('logit_scale', { shape: [], data: Float32Array.of(2.6) })
  }

  const asSafetensors = (saved: ReadonlyMap<string, SavedTensor>): Uint8Array =>
    writeSafetensors(
      new Map(
        [...saved].map(([name, { shape, data }]) => [
          name,
          { dtype: 'F32' as const, shape, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) },
        ]),
      ),
    )

  function openClip(
    change: (
      model: { vision_cfg: Record<string, unknown>; text_cfg: Record<string, unknown> } & Record<string, unknown>,
    ) => void = () => undefined,
  ): Map<string, Uint8Array> {
    const config = JSON.parse(new TextDecoder().decode(files.get('config.json'))) as TinyConfig
    const { vision_config: vision, text_config: text } = config
    const model = {
      embed_dim: config.projection_dim,
      quick_gelu: true,
      vision_cfg: {
        image_size: vision.image_size ?? 224,
        layers: vision.num_hidden_layers,
        width: vision.hidden_size,
        patch_size: vision.patch_size ?? 32,
        head_width: vision.hidden_size! / vision.num_attention_heads!,
        mlp_ratio: vision.intermediate_size! / vision.hidden_size!,
      },
      text_cfg: {
        context_length: text.max_position_embeddings,
        vocab_size: text.vocab_size,
        width: text.hidden_size,
        heads: text.num_attention_heads,
        layers: text.num_hidden_layers,
        mlp_ratio: text.intermediate_size! / text.hidden_size!,
      },
    }
    change(model)
    return new Map([
      ...without('config.json', 'model.safetensors', 'preprocessor_config.json'),
      [
        'open_clip_config.json',
        json({ model_cfg: model, preprocess_cfg: { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } }),
      ],
    ])
  }

  it('loads as the same model does in that of Hugging Face: from a folder, a hub and by import', async () => {
    const contents = new Map([...openClip(), ['open_clip_model.safetensors', asSafetensors(openClipTensors())]])
    const folder = await folderOf(contents)
    await expectSame(await loadGuidance(await open(folder), runtime))
    const hub = await startHub(new Map([['acme/open', contents]]))
    const environment = await readHubEnvironment({ HF_HOME: home, HF_ENDPOINT: hub.endpoint })
    await expectSame(await loadGuidance(await openModelSource('acme/open', { environment }), runtime))
    hub.requests.length = 0
    await openModelSource('acme/open', { environment })
    expect(hub.requests).toEqual([])
    await hub.close()
    await importModel(folder, 'local/open', environment.cache)
    await expectSame(await loadGuidance(await open('local/open'), runtime))
  })

  it('also from a file of PyTorch, and where the text tower stands apart', async () => {
    await expectSame(
      await loadGuidance(
        await open(
          await folderOf(
            new Map([...openClip(), ['open_clip_pytorch_model.bin', writeTorchFile(openClipTensors('text.'))]]),
          ),
        ),
        runtime,
      ),
    )
  })

  it('with gelu where the config does not say quick_gelu', async () => {
    const contents = new Map([
      ...openClip((model) => {
        delete model.quick_gelu
      }),
      ['open_clip_model.safetensors', asSafetensors(openClipTensors())],
    ])
    const model = await loadGuidance(await open(await folderOf(contents)), runtime)
    expect((await model.encodeTexts(['ab c'])).some((x, i) => Math.abs(x - texts[i]!) > 1e-4)).toBe(true)
  })

  it.each<
    [
      string,
      (
        model: { vision_cfg: Record<string, unknown>; text_cfg: Record<string, unknown> } & Record<string, unknown>,
      ) => void,
    ]
  >([
    [
      'SigLIP',
      ({ vision_cfg }) => {
        vision_cfg.timm_model_name = 'vit_base_patch16_siglip_224'
      },
    ],
    [
      'EVA-CLIP',
      ({ vision_cfg }) => {
        vision_cfg.timm_model_name = 'eva02_base_patch16_clip_224'
      },
    ],
    [
      'convnext_base',
      ({ vision_cfg }) => {
        vision_cfg.timm_model_name = 'convnext_base'
      },
    ],
    [
      'ResNet',
      ({ vision_cfg }) => {
        vision_cfg.layers = [3, 4, 6, 3]
      },
    ],
    [
      'roberta-base',
      ({ text_cfg }) => {
        text_cfg.hf_model_name = 'roberta-base'
      },
    ],
    [
      'CoCa',
      (model) => {
        model.multimodal_cfg = {}
      },
    ],
    [
      'no_causal_mask',
      ({ text_cfg }) => {
        text_cfg.no_causal_mask = true
      },
    ],
    [
      'some_new_field',
      ({ vision_cfg }) => {
        vision_cfg.some_new_field = 1
      },
    ],
  ])('another architecture is named: %s', async (name, change) => {
    const contents = new Map([...openClip(change), ['open_clip_model.safetensors', asSafetensors(openClipTensors())]])
    await refused(
      open(await folderOf(contents)).then((source) => loadGuidance(source, runtime)),
      'open_clip',
      name,
      'openai/clip-vit-base-patch32',
    )
  })
})

describe('other files and models', () => {
  it('half precision under its own name loads', async () => {
    const contents = new Map([
      ...without('model.safetensors'),
      ['model.fp16.safetensors', files.get('model.safetensors')!],
    ])
    await expectSame(await loadGuidance(await open(await folderOf(contents)), runtime))
  })

  it('weights under a name that is not read are named', async () => {
    const contents = new Map([
      ...without('model.safetensors'),
      ['text-detail.safetensors', files.get('model.safetensors')!],
    ])
    await refused(
      importModel(await folderOf(contents), 'local/a', join(home, 'cache')),
      'no model.safetensors',
      'only text-detail.safetensors',
    )
  })

  it.each([
    ['SigLIP', { model_type: 'siglip' }],
    ['text tower', { model_type: 'clip_text_model' }],
    ['image tower', { model_type: 'clip_vision_model' }],
    ['ALIGN', { model_type: 'align' }],
    ['BLIP', { model_type: 'blip' }],
    ['Chinese-CLIP', { model_type: 'chinese_clip' }],
    ['EVA-CLIP', { model_type: 'clip', architectures: ['EvaCLIPModel'] }],
    ['"bert"', { model_type: 'bert' }],
  ])('%s', async (name, config) => {
    const contents = new Map([...files, ['config.json', json(config)]])
    await refused(
      open(await folderOf(contents)).then((source) => loadGuidance(source, runtime)),
      'config.json',
      name,
      'openai/clip-vit-base-patch32',
    )
    const hub = await startHub(new Map([['acme/other', contents]]))
    await refused(
      openModelSource('acme/other', {
        environment: await readHubEnvironment({ HF_HOME: home, HF_ENDPOINT: hub.endpoint }),
      }),
      'config.json',
      name,
    )
    expect(hub.requests.join()).not.toContain('resolve/main/model.safetensors')
    expect(hub.requests.filter((request) => request.includes('/model.safetensors'))).toEqual([])
    await hub.close()
  })

  it.each([
    ['image tower of a CLIP alone', (name: string) => !name.startsWith('text_')],
    ['text tower of a CLIP alone', (name: string) => !name.startsWith('vis')],
    ['without projections', (name: string) => !name.endsWith('projection.weight')],
  ])('half a model: %s', async (words, keep) => {
    const contents = new Map([
      ...files,
      ['model.safetensors', writeSafetensors(new Map([...tensors].filter(([name]) => keep(name))))],
    ])
    await refused(
      open(await folderOf(contents)).then((source) => loadGuidance(source, runtime)),
      words,
      'openai/clip-vit-base-patch32',
    )
  })

  it("OpenAI's names of ResNets", async () => {
    for (const name of ['RN50', 'RN50x4', 'RN101.pt', 'https://example.test/a/RN50.pt'])
      await refused(open(name), 'ResNet', 'ViT-B/32')
  })
})
