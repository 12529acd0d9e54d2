// Every reader of a file that a person may be given by somebody else. Each takes a damaged file as bytes and as a path,
// and either reads it or throws.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { readBatchList } from '../../dist/batch/readBatchList.js'
import { FastAtlas } from '../../dist/atlas/fast/fastAtlas.js'
import { NeuralAtlas } from '../../dist/atlas/neural/neuralAtlas.js'
import { openPublishedAtlas } from '../../dist/atlas/neural/openPublishedAtlas.js'
import { createNodeRuntime } from '../../dist/engine/node/createNodeRuntime.js'
import { openPyTorchFile, tensorsByPath } from '../../dist/formats/pytorchFile.js'
import { readPickle } from '../../dist/formats/pickle.js'
import { float32Tensor, readSafetensors, writeSafetensors } from '../../dist/formats/safetensors.js'
import { toFloat32 } from '../../dist/formats/toFloat32.js'
import { lossesSvg } from '../../dist/media/lossesSvg.js'
import { decodeMask } from '../../dist/media/node/decodeMask.js'
import { browserCodec } from '../../dist/media/web/browserCodec.js'
import { decodePhoto } from '../../dist/media/node/decodePhoto.js'
import { readClip } from '../../dist/media/node/readClip.js'
import { readPaintedLayer } from '../../dist/media/node/readPaintedLayer.js'
import { byteVocabulary, clipTokenizerJson } from '../../dist/models/clipTokenizer.js'
import { memorySource } from '../../dist/models/fileSource.js'
import { openClip } from '../../dist/models/loadGuidance.js'
import { openTorchFile } from '../../dist/models/node/torchFile.js'
import { readProxySettings } from '../../dist/models/node/proxies.js'
import { fetchRepo } from '../../dist/models/node/hubRepo.js'
import { imageTable } from '../../dist/options/imageTable.js'
import { readTableConfig } from '../../dist/options/configFile.js'
import { resolveSettings } from '../../dist/options/resolveSettings.js'
import { resolveVideoSettings } from '../../dist/options/resolveVideoSettings.js'
import { videoTable } from '../../dist/options/videoTable.js'
import { writeConfig, writeTableConfig } from '../../dist/options/writeConfig.js'
import { readCheckpoint, readState } from '../../dist/session/checkpoint.js'
import { afterStep, keptBytes, stepEvents } from '../../dist/session/eventLog.js'
import { eventLine } from '../../dist/session/events.js'
import { readConfigs } from '../../dist/run/readConfigs.js'
import { accessIn } from '../../dist/run/resumeRun.js'
import { lookIn } from '../../dist/run/runFolder.js'
import { readRun } from '../../dist/session/savedRun.js'
import { readAtlasFile } from '../../dist/session/video/atlasFile.js'
import { photoCheckpoint } from '../../dist/session/trainRun.js'
import { bytesOf, clipsOf, fixture, ora, photos, psd, repairPng } from './seeds.mjs'

export const home = mkdtempSync(join(tmpdir(), 'text2live-fuzz-'))
process.on('exit', () => rmSync(home, { recursive: true, force: true }))

/** Lists of edits of a photo that is there. */
const lists = {
  csv: 'input,prompt,region,seed,truncate\nphoto.png,"golden, ""pot""",teapot,7,true\nphoto.pn*,ice,,8,\n',
  jsonl:
    '{"defaults":{"seed":7,"views":2}}\n{"input":"photo.png","prompt":["golden \\u0041","gold"],"truncate":true}\n',
  yaml: 'defaults: &all { seed: 7 }\njobs:\n  - { input: photo.png, prompt: golden teapot, views: 2 }\n  - *all\n',
}

const runtime = createNodeRuntime({ device: 'cpu', threads: 1 })

const photo = (bytes, path) => decodePhoto(path)
const inMemory = (bytes) => ({
  location: 'file.pt',
  size: bytes.length,
  read: (start, end) => Promise.resolve(bytes.slice(start, end)),
})

async function pyTorch(bytes) {
  const file = await openPyTorchFile(inMemory(bytes))
  for (const tensor of tensorsByPath(file.root).values()) await file.read(tensor)
}

const statePickles = await Promise.all(
  ['state.pt', 'openaiClip.pt'].map(async (name) => {
    const file = fixture(`pytorch/${name}`)
    const { readZipEntries, zipEntryStart } = await import('../../dist/formats/zipEntries.js')
    for (const [entry, place] of await readZipEntries(inMemory(file))) {
      if (!entry.endsWith('/data.pkl')) continue
      const start = await zipEntryStart(inMemory(file), entry, place)
      return file.slice(start, start + place.size)
    }
  }),
)
/** torch.save before its version 1.6: pickles one after the other, then the numbers. */
const legacy = Uint8Array.from([
  ...Buffer.from('\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.', 'latin1'),
  ...statePickles[0],
])

const settings = resolveSettings(
  [{ photo: 'photo.png', prompt: ['golden teapot'], source: ['teapot'], region: ['teapot'], seed: 7 }],
  () => 7,
)
const videoSettings = resolveVideoSettings(
  [{ clip: 'clip.mp4', prompt: ['golden swan'], region: ['swan'], seed: 7 }],
  () => 7,
)
const published = bytesOf(
  'image_path: "./data/horse.jpg"\nscreen_text: "golden horse"\ncomp_text: "golden horse"\nsrc_text: "horse"\nbootstrap_text: ""\nn_epochs: 1000\nbootstrap_epoch: -1\nseed: -1\nskip_n33d: 128\nuse_wandb: False\ndevice: cuda\n',
)
const anchors = bytesOf('prompt: &a ["golden teapot", \'two\']\nsource: *a\nsteps: 3\nscreen: |\n  a\n  b\n')
const config = (table, resolve) => (bytes) => {
  const { options } = readTableConfig(table, Buffer.from(bytes).toString('utf8'), 'my.yaml')
  writeTableConfig(
    table,
    resolve([options], () => 7),
  )
}

const losses = { total: 1.5, composition: 0.5 }
const step = (n) => ({
  type: 'step',
  step: n,
  steps: 9,
  losses,
  learningRate: 0.0025,
  seconds: 0.5,
  secondsLeft: 3,
  memory: 1e8,
  device: 'cpu',
})
const log = bytesOf(
  [
    { type: 'note', message: 'seed: 7' },
    step(1),
    step(2),
    { type: 'checkpoint', step: 2, path: 'a', bytes: 9 },
    step(3),
  ]
    .map(eventLine)
    .join(''),
)
const weights = new Map([
  ['a.weight', float32Tensor([2, 3], Float32Array.of(1, 2, 3, 4, 5, 6))],
  ['a.bias', float32Tensor([3], Float32Array.of(1, 2, 3))],
])
const header = { kind: 'text2live checkpoint', version: '2', step: '3' }
const checkpoint = writeSafetensors(weights, {
  ...header,
  stage: 'training',
  settings: JSON.stringify(settings),
  pictures: JSON.stringify({ photo: 'x' }),
})
const stage = writeSafetensors(weights, {
  ...header,
  stage: 'flow',
  settings: JSON.stringify(videoSettings),
  pictures: JSON.stringify({ clip: 'x' }),
})
/** As runs wrote them until 0.2. */
const oldCheckpoint = writeSafetensors(weights, {
  kind: 'text2live image checkpoint',
  version: '1',
  step: '3',
  settings: JSON.stringify(settings),
  photo: 'x',
  mask: '',
})
const oldStage = writeSafetensors(weights, {
  kind: 'text2live video checkpoint',
  version: '1',
  stage: 'flow',
  settings: JSON.stringify(videoSettings),
  pictures: 'x',
  step: '3',
})
const lattice = (n) => float32Tensor([2, 2, 3, 3], new Float32Array(36).fill(n))
const fast = new Map([
  ['opacity', { dtype: 'U8', shape: [2, 32, 40], bytes: new Uint8Array(2 * 32 * 40).fill(128) }],
  ...['foreground', 'background'].flatMap((layer) => [
    [`${layer}.image`, { dtype: 'U8', shape: [33, 41, 3], bytes: new Uint8Array(33 * 41 * 3).fill(9) }],
    [`${layer}.place`, float32Tensor([3], Float32Array.of(0, 0, 1))],
    [`${layer}.lattices`, lattice(3)],
    [`${layer}.spacing`, float32Tensor([1], Float32Array.of(20))],
  ]),
])
const atlasOf = (method, tensors) =>
  writeSafetensors(tensors, { kind: 'text2live layered atlas', version: '1', method, clip: 'x' })

const runFolder = lookIn(home)
writeFileSync(join(home, 'photo.png'), photos.png[0])

const clip = (ending) => (bytes, path) => readClip(path, { frames: 4 })

const tiny = JSON.parse(Buffer.from(fixture('tinyClip/config.json')).toString())
tiny.text_config.vocab_size = 514
const modelWeights = new Map(readSafetensors(fixture('tinyClip/model.safetensors')).tensors)
modelWeights.set('text_model.embeddings.token_embedding.weight', float32Tensor([514, 24], new Float32Array(514 * 24)))
const model = new Map(
  Object.entries({
    'config.json': bytesOf(JSON.stringify(tiny)),
    'preprocessor_config.json': bytesOf(JSON.stringify({ image_mean: [0.5, 0.5, 0.5], image_std: [0.25, 0.25, 0.25] })),
    'vocab.json': bytesOf(JSON.stringify(byteVocabulary(514))),
    'merges.txt': bytesOf('#version: 0.2\na b</w>\n'),
    'model.safetensors': writeSafetensors(modelWeights),
  }),
)
const tokenizerJson = bytesOf(JSON.stringify(clipTokenizerJson(byteVocabulary(514), 'a b</w>\n')))
const withFile =
  (name, rest = model) =>
  async (bytes) => {
    const { tokenize } = await openClip(memorySource(new Map([...rest, [name, bytes]])))
    tokenize('a golden teapot, 茶壶')
  }
const withTokenizer = new Map([
  ...model,
  ['tokenizer.json', tokenizerJson],
  ['tokenizer_config.json', bytesOf('{"do_lower_case": true}')],
])

const atlasFiles = { checkpoint: fixture('neuralAtlas/checkpoint'), 'config.json': fixture('neuralAtlas/config.json') }
const atlasConfig = JSON.parse(Buffer.from(atlasFiles['config.json']).toString())
const atlasFrames = {
  width: atlasConfig.resx,
  height: atlasConfig.resy,
  pixels: Array.from({ length: 3 }, () => new Uint8Array(3 * atlasConfig.resx * atlasConfig.resy)),
}
const publishedAtlas = (name) => async (bytes) => {
  const atlas = await openPublishedAtlas(memorySource(new Map(Object.entries({ ...atlasFiles, [name]: bytes }))), {
    runtime,
    frames: atlasFrames,
    resolution: 60,
  })
  await atlas.dispose()
}

/** A hub whose answers are these bytes. */
let answers = new Map()
const server = createServer((request, response) => {
  const body = [...answers].find(([path]) => request.url.includes(path))?.[1] ?? new Uint8Array()
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body)
})
server.listen(0, '127.0.0.1')
server.unref()
await new Promise((resolve) => {
  server.once('listening', resolve)
})
const hubInfo = bytesOf(
  JSON.stringify({
    _id: '1',
    id: 'a/b',
    sha: 'a'.repeat(40),
    siblings: [...model.keys()].map((rfilename) => ({ rfilename })),
    private: false,
    gated: false,
    downloads: 1,
    likes: 1,
    lastModified: '2022-03-02',
  }),
)
const hubPaths = bytesOf(
  JSON.stringify(
    [...model.keys()].map((path) => ({
      type: 'file',
      path,
      size: 12,
      oid: 'b'.repeat(40),
      ...(path.endsWith('safetensors') ? { lfs: { oid: 'c'.repeat(64), size: 12, pointerSize: 134 } } : {}),
    })),
  ),
)
const hub = (path) => async (bytes) => {
  answers = new Map([
    ['/revision/', hubInfo],
    ['/paths-info/', hubPaths],
    [path, bytes],
  ])
  const environment = {
    cache: join(home, 'hub'),
    torchCache: join(home, 'torch'),
    endpoint: `http://127.0.0.1:${server.address().port}`,
    offline: false,
    token: null,
    stallSeconds: 5,
    proxies: readProxySettings({}),
  }
  await fetchRepo('a/b', { environment, patience: { stallSeconds: 5, attempts: 1, firstWait: 0.01 } }, true)
}

/**
 * `file`: name that the damaged file gets; without one it is given as bytes. How many a run of the tests reads:
 * `work.mjs`.
 * @type {readonly { name: string, seeds: readonly Uint8Array[], file?: string, isText?: boolean, repair?: (bytes:
 *   Uint8Array) => Uint8Array, read: (bytes: Uint8Array, path: string) => unknown }[]}
 */
export const readers = [
  { name: 'jpeg', seeds: photos.jpeg, file: 'photo.jpg', read: photo },
  { name: 'png', seeds: photos.png, file: 'photo.png', repair: repairPng, read: photo },
  { name: 'webp', seeds: photos.webp, file: 'photo.webp', read: photo },
  {
    name: 'png in a browser',
    seeds: photos.png,
    repair: repairPng,
    read: (bytes) => browserCodec.decodePhoto(bytes),
  },
  { name: 'avif', seeds: photos.avif, file: 'photo.avif', read: photo },
  { name: 'tiff', seeds: photos.tiff, file: 'photo.tif', read: photo },
  {
    name: 'mask',
    seeds: [...photos.png, ...photos.webp],
    repair: repairPng,
    read: (bytes) => decodeMask(bytes, 48, 40),
  },
  { name: 'psd', seeds: psd, file: 'layers.psd', read: (bytes, path) => readPaintedLayer(path) },
  { name: 'ora', seeds: ora, file: 'layers.ora', read: (bytes, path) => readPaintedLayer(path) },
  {
    name: 'safetensors',
    seeds: [checkpoint, stage, writeSafetensors(weights)],
    read: (bytes) => {
      for (const [name, tensor] of readSafetensors(bytes).tensors) toFloat32(tensor, name)
    },
  },
  {
    name: 'safetensors header',
    seeds: [checkpoint, writeSafetensors(weights)],
    isText: true,
    repair: headerLength,
    read: (bytes) => {
      for (const [name, tensor] of readSafetensors(bytes).tensors) toFloat32(tensor, name)
    },
  },
  { name: 'pt', seeds: [fixture('pytorch/state.pt')], read: pyTorch },
  { name: 'pt legacy', seeds: [legacy], read: pyTorch },
  {
    name: 'openai pt',
    seeds: [fixture('pytorch/openaiClip.pt')],
    file: 'model.pt',
    read: (bytes, path) => openTorchFile(path),
  },
  { name: 'pickle', seeds: statePickles, read: (bytes) => tensorsByPath(readPickle(bytes, 'file.pt')) },
  {
    name: 'image config',
    seeds: [bytesOf(writeConfig(settings)), published, anchors],
    isText: true,
    read: config(imageTable, resolveSettings),
  },
  {
    name: 'video config',
    seeds: [bytesOf(writeTableConfig(videoTable, videoSettings)), published, anchors],
    isText: true,
    read: config(videoTable, resolveVideoSettings),
  },
  {
    name: 'config file',
    seeds: [published, anchors],
    isText: true,
    file: 'my.yaml',
    read: (bytes, path) => readConfigs([path], { note: () => undefined }),
  },
  ...Object.entries(lists).map(([ending, list]) => ({
    name: `list ${ending}`,
    seeds: [bytesOf(list)],
    isText: true,
    file: `jobs.${ending}`,
    read: (bytes, path) => readBatchList(path),
  })),
  {
    name: 'run config',
    seeds: [bytesOf(writeConfig(settings))],
    isText: true,
    file: 'config.yaml',
    read: () => readRun(accessIn(runFolder)),
  },
  {
    name: 'run events',
    seeds: [log],
    isText: true,
    file: 'events.ndjson',
    read: (bytes, path) => {
      lossesSvg(stepEvents(bytes, path))
      keptBytes(bytes, afterStep(2))
    },
  },
  {
    name: 'run checkpoint',
    seeds: [checkpoint, oldCheckpoint],
    isText: true,
    repair: headerLength,
    file: 'checkpoint.safetensors',
    read: () => readState(runFolder, photoCheckpoint, { settings, pictures: { photo: 'x' } }),
  },
  {
    name: 'stage checkpoint',
    seeds: [stage, oldStage],
    isText: true,
    repair: headerLength,
    file: 'flow.safetensors',
    read: (bytes, path) =>
      readCheckpoint(
        lookIn(dirname(path)),
        { file: basename(path), stage: 'flow', counted: false, table: videoTable },
        { settings: videoSettings, pictures: { clip: 'x' } },
      ),
  },
  {
    name: 'fast atlas',
    seeds: [atlasOf('fast', fast)],
    isText: true,
    repair: headerLength,
    file: 'atlas.safetensors',
    read: async (bytes, path) => {
      const { atlas } = await readAtlasFile(lookIn(dirname(path)), basename(path), runtime)
      for (const layer of ['foreground', 'background']) await atlas.image(layer)
      await atlas.opacity(0)
    },
  },
  { name: 'mp4', seeds: clipsOf('.mp4'), file: 'clip.mp4', read: clip() },
  { name: 'mov', seeds: clipsOf('.mov'), file: 'clip.mov', read: clip() },
  { name: 'webm', seeds: [...clipsOf('.webm'), ...clipsOf('.mkv')], file: 'clip.webm', read: clip() },
  { name: 'gif', seeds: clipsOf('.gif'), file: 'clip.gif', read: clip() },
  { name: 'model config', seeds: [model.get('config.json')], isText: true, read: withFile('config.json') },
  {
    name: 'model preprocessor',
    seeds: [model.get('preprocessor_config.json')],
    isText: true,
    read: withFile('preprocessor_config.json'),
  },
  { name: 'model tokenizer', seeds: [tokenizerJson], isText: true, read: withFile('tokenizer.json', withTokenizer) },
  {
    name: 'model tokenizer config',
    seeds: [withTokenizer.get('tokenizer_config.json')],
    isText: true,
    read: withFile('tokenizer_config.json', withTokenizer),
  },
  { name: 'model vocabulary', seeds: [model.get('vocab.json')], isText: true, read: withFile('vocab.json') },
  { name: 'model merges', seeds: [model.get('merges.txt')], isText: true, read: withFile('merges.txt') },
  {
    name: 'published atlas config',
    seeds: [atlasFiles['config.json']],
    isText: true,
    read: publishedAtlas('config.json'),
  },
  { name: 'published atlas checkpoint', seeds: [atlasFiles.checkpoint], read: publishedAtlas('checkpoint') },
  { name: 'hub model', seeds: [hubInfo], isText: true, read: hub('/revision/') },
  { name: 'hub files', seeds: [hubPaths], isText: true, read: hub('/paths-info/') },
]

/** The length of a safetensors header that begins with a brace, as far as it goes. */
function headerLength(bytes) {
  const end = bytes.lastIndexOf(0x7d)
  if (bytes.length < 9 || end < 9) return bytes
  const out = Uint8Array.from(bytes)
  new DataView(out.buffer).setBigUint64(0, BigInt(end - 7), true)
  return out
}
