// What integer products of a guidance model cost and gain: how far embeddings and gradients agree with float32, the
// losses of a training in each, the memory of the weights, and the seconds of a step, in turn. See docs/benchmarks.md.
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { gradients } from '../dist/engine/gradients.js'
import { Graph } from '../dist/engine/graph.js'
import { createNodeRuntime } from '../dist/engine/node/createNodeRuntime.js'
import { add, gelu, layerNorm, matmul, mul, reduceSum, reshape, softmax, transpose } from '../dist/engine/ops.js'
import { randomStream } from '../dist/engine/random.js'
import { decodePhoto } from '../dist/media/node/decodePhoto.js'
import { resize } from '../dist/media/resample.js'
import { bindWeights, weightFeeds } from '../dist/models/guidance.js'
import { folderSource } from '../dist/models/node/folderSource.js'
import { quantizeBlock, unevenLayers } from '../dist/models/precision.js'
import { randomClip } from '../dist/models/randomClip.js'
import { parseStarterConfig } from '../dist/models/starterConfig.js'
import { readStarterText } from '../dist/models/starterText.js'
import { createTextTokenizer } from '../dist/models/textTokenizer.js'
import { linear } from '../dist/models/transformerBlock.js'
import { openWeightFile, readJson } from '../dist/models/weightFile.js'
import { geometries } from './geometries.mjs'
import { count, digits, median, peakArguments, printTable, root, runForJson } from './measure.mjs'
import { noiseTrainer } from './noiseTrainer.mjs'

const parts = ['b32', 'l14', 'sentences', 'losses', 'time']
const { values } = parseArgs({
  options: {
    part: { type: 'string', multiple: true, default: parts },
    views: { type: 'string', default: '6' },
    steps: { type: 'string', default: '50' },
    rounds: { type: 'string', default: '3' },
    size: { type: 'string', default: '192' },
    threads: { type: 'string', default: '2' },
    json: { type: 'boolean', default: false },
  },
})
const unknown = values.part.find((part) => !parts.includes(part))
if (unknown !== undefined) throw new RangeError(`--part is one of ${parts.join(', ')}, got "${unknown}"`)
const threads = count('threads', values.threads)
const precisions = ['float32', 'int8']
const runtime = createNodeRuntime({ device: 'cpu', threads })

const cosine = (a, b) => {
  let [dot, aa, bb] = [0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    dot += a[i] * b[i]
    aa += a[i] ** 2
    bb += b[i] ** 2
  }
  return dot / Math.sqrt(aa * bb)
}

/** Cosines of the rows of two tensors whose first axis is the item. */
const cosines = (a, b, items) => {
  const n = a.length / items
  return Array.from({ length: items }, (_, i) => cosine(a.subarray(i * n, (i + 1) * n), b.subarray(i * n, (i + 1) * n)))
}

const summary = (found) => ({ mean: found.reduce((sum, x) => sum + x) / found.length, least: Math.min(...found) })
const megabytes = (weights) => [...weights.values()].reduce((sum, { data }) => sum + data.byteLength, 0) / 1e6

/** Crops of the example photo, as views are: [V, 3, 224, 224]. */
async function viewsOf(number) {
  const { rgb } = await decodePhoto(`${root}/examples/teapot.jpg`)
  const side = 224
  const draws = randomStream(1, 'views')
  const views = new Float32Array(number * 3 * side * side)
  const small = resize(rgb, 320, 320, { filter: 'bilinear', antialias: true })
  for (let v = 0; v < number; v++) {
    const [top, left] = [draws.integer(0, 320 - side), draws.integer(0, 320 - side)]
    for (let c = 0; c < 3; c++)
      for (let y = 0; y < side; y++)
        for (let x = 0; x < side; x++)
          views[((v * 3 + c) * side + y) * side + x] = small.data[(c * 320 + top + y) * 320 + left + x]
  }
  return views
}

/** What enters block i: the last value of the stream's shape before the block asks for its first weight. */
function streamsOf(graph, inputs) {
  const streams = []
  const watched = (name) => {
    const first = /^blocks\.(\d+)\.query\.weight$/.exec(name)
    if (first && streams[Number(first[1])] === undefined) {
      const ops = graph.nodes.filter(({ op }) => op === 'Add' || op === 'LayerNormalization')
      const width = inputs('class').shape[0]
      streams[Number(first[1])] = ops.findLast(
        ({ outputs: [{ shape }] }) => shape.length === 2 && shape[1] === width && shape[0] > 1,
      ).outputs[0]
    }
    return inputs(name)
  }
  return { watched, streams }
}

async function towerAgreement({ name, config }) {
  const number = count('views', values.views)
  const views = await viewsOf(number)
  const found = {}
  for (const precision of precisions) {
    const model = await randomClip(config, runtime, { precision })
    const graph = new Graph()
    const input = graph.input('views', [number, 3, 224, 224])
    const { inputs, used } = bindWeights(graph, model)
    const { watched, streams } = streamsOf(graph, inputs)
    const embedding = model.embed(input, watched)
    const direction = graph.input('direction', embedding.shape)
    const [pixels, ...layers] = gradients(reduceSum(mul(embedding, direction)), [input, ...streams])
    const outputs = { embedding, pixels, ...Object.fromEntries(layers.map((slope, i) => [`layer${i}`, slope])) }
    const program = await runtime.compile(graph, outputs)
    const draws = randomStream(2, 'direction')
    const result = await program.run({
      ...weightFeeds(used, runtime),
      views,
      direction: Float32Array.from({ length: number * model.embeddingWidth }, () => draws.uniform(-1, 1)),
    })
    found[precision] = { result, layers: layers.length, megabytes: megabytes(model.weights) }
    await program.release()
  }
  const { float32: exact, int8: rounded } = found
  const agreement = (output) => summary(cosines(exact.result[output].data, rounded.result[output].data, number))
  return {
    name,
    embeddings: agreement('embedding'),
    inputGradient: agreement('pixels'),
    layers: Array.from({ length: exact.layers }, (_, i) => agreement(`layer${i}`)),
    megabytes: [exact.megabytes, rounded.megabytes],
  }
}

const sentences = [
  'a golden teapot',
  'a photo of a swan on a lake in the evening',
  'the dog wears a red scarf',
  'an old house covered in snow, smoke from its chimney',
  'stained glass',
  'a car made of chrome drives through the desert',
  'The committee will meet again on Thursday to decide about the budget.',
  'polar lights over a dark forest',
]

/** The sentence encoder of the starter model: trained weights, which stand in int8 in its file. */
async function sentenceAgreement() {
  const source = await folderSource(`${root}/models/starter`)
  const config = parseStarterConfig(await readJson(source, 'config.json'), 'config.json')
  const text = await readStarterText(await openWeightFile(source, 'text.safetensors', new Map()), config)
  const tokenize = createTextTokenizer(
    await readJson(source, 'tokenizer.json'),
    await readJson(source, 'tokenizer_config.json'),
    config.text.max_length,
    'starter',
  )
  const { width: d, heads: H, eps, layers } = config.text

  /** Writes the encoder of one sentence: what comes out, its gradients, and the feeds besides the weights. */
  function write(sentence, graph, w) {
    const { ids } = tokenize(sentence)
    const t = ids.length
    const embedded = new Float32Array(t * d)
    ids.forEach((id, at) => {
      for (let i = 0; i < d; i++)
        embedded[at * d + i] =
          text.words.rows[id * d + i] * text.words.scale[id] + text.positions[at * d + i] + text.types[i]
    })
    const norm = (x, name) => layerNorm(x, w(`${name}.weight`), w(`${name}.bias`), eps)
    const input = graph.input('embedded', [t, d])
    const streams = []
    let x = norm(input, 'embeddings.LayerNorm')
    for (let i = 0; i < layers; i++) {
      streams.push(x)
      const layer = `encoder.layer.${i}`
      const stream = x
      const heads = (part, perm) =>
        transpose(reshape(linear(stream, `${layer}.attention.self.${part}`, w), [t, H, d / H]), perm)
      const scores = mul(matmul(heads('query', [1, 0, 2]), heads('key', [1, 2, 0])), (d / H) ** -0.5)
      const mixed = reshape(transpose(matmul(softmax(scores), heads('value', [1, 0, 2])), [1, 0, 2]), [t, d])
      const attended = linear(mixed, `${layer}.attention.output.dense`, w)
      const h = norm(add(stream, attended), `${layer}.attention.output.LayerNorm`)
      const fed = linear(gelu(linear(h, `${layer}.intermediate.dense`, w)), `${layer}.output.dense`, w)
      x = norm(add(h, fed), `${layer}.output.LayerNorm`)
    }
    const embedding = reduceSum(x, [0])
    const direction = graph.input('direction', embedding.shape)
    const [pixels, ...slopes] = gradients(reduceSum(mul(embedding, direction)), [input, ...streams])
    const draws = randomStream(3, 'direction')
    return {
      outputs: { embedding, pixels, ...Object.fromEntries(slopes.map((slope, i) => [`layer${i}`, slope])) },
      feeds: { embedded, direction: Float32Array.from({ length: d }, () => draws.uniform(-1, 1)) },
    }
  }

  async function run(sentence, weights) {
    const graph = new Graph()
    const { inputs, used } = bindWeights(graph, { name: 'text', weights })
    const { outputs, feeds } = write(sentence, graph, inputs)
    const program = await runtime.compile(graph, outputs)
    const result = await program.run({ ...weightFeeds(used, runtime), ...feeds })
    await program.release()
    return result
  }

  async function agreementOf(name, weights) {
    const rows = []
    for (const sentence of sentences) {
      const [exact, rounded] = [await run(sentence, text.weights), await run(sentence, weights)]
      rows.push((output) => cosine(exact[output].data, rounded[output].data))
    }
    const agreement = (output) => summary(rows.map((row) => row(output)))
    return {
      name,
      embeddings: agreement('embedding'),
      inputGradient: agreement('pixels'),
      layers: Array.from({ length: layers }, (_, i) => agreement(`layer${i}`)),
      megabytes: [megabytes(text.weights), megabytes(weights)],
    }
  }

  const all = quantizeBlock(text.weights)
  // As for a CLIP when it is opened: what is too uneven, in one sentence of eight, stays as it is.
  const kept = new Map(all)
  const uneven = await unevenLayers(all, runtime, (graph, w) => write(sentences[1], graph, w).feeds)
  for (const layer of uneven) kept.set(`${layer}.weight`, text.weights.get(`${layer}.weight`)).delete(`${layer}.scales`)
  return [
    await agreementOf('sentence encoder (trained), all layers', all),
    await agreementOf(`sentence encoder, ${uneven.length} of ${6 * layers} layers float32`, kept),
  ]
}

/** Losses of every step of preset fast, in each precision, with the same draws. */
async function losses() {
  const steps = count('steps', values.steps)
  const totals = {}
  for (const precision of precisions) {
    const request = {
      guidance: 'clip',
      preset: 'fast',
      size: count('size', values.size),
      views: 4,
      steps: steps - 1,
      threads,
      bootstrap: false,
      precision,
    }
    const { trainer } = await noiseTrainer(request, runtime)
    totals[precision] = []
    for (let i = 0; i < steps; i++) totals[precision].push((await trainer.train()).losses)
    await trainer.dispose()
  }
  return totals
}

const stepProcess = fileURLToPath(new URL('./stepProcess.mjs', import.meta.url))

/** Seconds of a step of preset fast with ViT-B/32, a process of each precision in turn. */
async function time() {
  const runs = { float32: [], int8: [] }
  for (let round = 0; round < count('rounds', values.rounds); round++)
    for (const precision of precisions) {
      const request = { guidance: 'clip', preset: 'fast', size: 256, views: 6, steps: 6, threads, bootstrap: false }
      runs[precision].push(
        await runForJson(process.execPath, [...peakArguments, stepProcess, JSON.stringify({ ...request, precision })]),
      )
    }
  return Object.fromEntries(
    precisions.map((precision) => {
      const taken = runs[precision].map(({ result }) =>
        result.examples.map(({ seconds, compileSeconds }) => seconds - compileSeconds),
      )
      // Steps differ in the size of their picture, and are the same in every round and precision.
      const least = taken[0].map((_, i) => Math.min(...taken.map((steps) => steps[i])))
      return [
        precision,
        {
          median: median(taken.flat()),
          least: least.reduce((sum, seconds) => sum + seconds) / least.length,
          opening: median(runs[precision].map(({ result }) => result.openSeconds)),
          peakGB: Math.max(...runs[precision].map(({ peakBytes }) => peakBytes)) / 1e9,
        },
      ]
    }),
  )
}

const asked = (part) => values.part.includes(part)
const agreements = [
  ...(asked('b32') ? [await towerAgreement(geometries.b32)] : []),
  ...(asked('l14') ? [await towerAgreement(geometries.l14)] : []),
  ...(asked('sentences') ? await sentenceAgreement() : []),
]
const result = {
  bench: 'precision',
  threads,
  agreements,
  losses: asked('losses') ? await losses() : null,
  time: asked('time') ? await time() : null,
}

if (values.json) console.log(JSON.stringify(result))
else {
  const both = ({ mean, least }) => `${digits(mean, 4)} (${digits(least, 4)})`
  if (agreements.length > 0) {
    console.log('cosines of int8 with float32: mean (least)\n')
    printTable([
      ['model', 'embedding', 'gradient of the input', 'weights, MB'],
      ...agreements.map(({ name, embeddings, inputGradient, megabytes: [before, now] }) => [
        name,
        both(embeddings),
        both(inputGradient),
        `${digits(before, 0)} -> ${digits(now, 0)}`,
      ]),
    ])
    for (const { name, layers } of agreements) {
      console.log(`\n${name}: gradient that arrives at the input of each block, mean (least)\n`)
      console.log(layers.map((layer, i) => `${i}: ${both(layer)}`).join('\n'))
    }
  }
  if (result.losses) {
    const { float32, int8 } = result.losses
    const names = Object.keys(float32[0])
    const late = (name, of) => median(of.slice(-10).map((step) => step[name]))
    console.log(
      `\nlosses of ${float32.length} steps of fast, ${values.size} px: first step, and median of the last ten\n`,
    )
    printTable([
      ['loss', 'float32, first', 'int8, first', 'float32, last', 'int8, last'],
      ...names.map((name) => [
        name,
        digits(float32[0][name], 5),
        digits(int8[0][name], 5),
        digits(late(name, float32), 5),
        digits(late(name, int8), 5),
      ]),
    ])
    const apart = float32.map(({ total }, i) => Math.abs(int8[i].total - total) / Math.abs(total))
    console.log(
      `\ntotal apart: median ${digits(100 * median(apart), 3)} %, most ${digits(100 * Math.max(...apart), 3)} %`,
    )
  }
  if (result.time) {
    console.log(`\na step of fast at 256 with random ViT-B/32, 6 views, ${threads} threads; seconds\n`)
    printTable([
      ['precision', 'median', 'least of each step, mean', 'opening', 'peak GB'],
      ...precisions.map((precision) => {
        const { median: middle, least, opening, peakGB } = result.time[precision]
        return [precision, digits(middle, 3), digits(least, 3), digits(opening), digits(peakGB)]
      }),
    ])
    console.log(
      `\nint8 / float32: ${digits(result.time.int8.median / result.time.float32.median, 3)}, of the least ${digits(result.time.int8.least / result.time.float32.least, 3)}`,
    )
  }
}
