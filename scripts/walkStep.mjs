// Walks through one training step of examples/teapot.jpg, tensor by tensor, and prints what docs/a-step.md shows. It is
// put together here from the parts that a run is made of, and its losses must be those that the trainer gives for the
// same step. With --check it compares what docs/a-step.md shows with what this machine computes: the words must be the
// same, and the numbers within some per cent. Run after `npm run build`.
import { readFileSync } from 'node:fs'
import { gradients } from '../dist/engine/gradients.js'
import { Graph } from '../dist/engine/graph.js'
import { createNodeRuntime } from '../dist/engine/node/createNodeRuntime.js'
import { add, minimum, mul, slice, sub } from '../dist/engine/ops.js'
import { randomStream } from '../dist/engine/random.js'
import { clipViews, resizePicture } from '../dist/method/clipViews.js'
import { drawExample, internalExample, placeLike } from '../dist/method/internalExamples.js'
import { locateRegion, rivalsFor } from '../dist/method/locateRegion.js'
import {
  bootstrapLoss,
  colourLoss,
  directionalLoss,
  lossNames,
  render,
  sparsityLoss,
  sphericalLoss,
  structureLoss,
} from '../dist/method/losses.js'
import { madgrad, madgradLambda } from '../dist/method/madgrad.js'
import { weightedTotal } from '../dist/method/pictureLosses.js'
import { boundOf, emphasisOf } from '../dist/method/regionMaps.js'
import { bootstrapWeightAt, learningRateAt } from '../dist/method/schedule.js'
import { placedSight, seenBy, sightFeeds, withoutSurroundings } from '../dist/method/sight.js'
import { drawStepShares, drawStepViews } from '../dist/method/stepDraws.js'
import { frozenInputs, lossWeights, viewFeeds } from '../dist/method/stepFeeds.js'
import { buildLayerGraph } from '../dist/method/stepGraph.js'
import { seenSize, viewInputsName, viewPlan, viewSide } from '../dist/method/stepViews.js'
import { embedTexts, targetInputName } from '../dist/method/textTargets.js'
import { createTrainer } from '../dist/method/trainer.js'
import { generator, generatorOf, joinGradients, parameterCount, splitParameters } from '../dist/models/generator.js'
import { bindWeights } from '../dist/models/guidance.js'
import { loadStart } from '../dist/models/learnedStart.js'
import { bundledSource } from '../dist/models/node/bundled.js'
import { loadOutline } from '../dist/models/outline.js'
import { resolveSettings } from '../dist/options/resolveSettings.js'
import { openGuidance } from '../dist/run/buildTrainer.js'
import { nodeMachine } from '../dist/run/nodeMachine.js'
import { readImageInput } from '../dist/session/imageInput.js'

const lines = []
const say = (line) => lines.push(line)
const digits = (x) => Number(x.toPrecision(3)).toString()
const shape = (sizes) => `[${sizes.join(', ')}]`
const range = (data) => {
  let [low, high, sum] = [Infinity, -Infinity, 0]
  for (const x of data) [low, high, sum] = [Math.min(low, x), Math.max(high, x), sum + x]
  return `${digits(low)} to ${digits(high)}, mean ${digits(sum / data.length)}`
}
const length = (data) => Math.sqrt(data.reduce((sum, x) => sum + x * x, 0))
const planeOf = ({ channels = 1, height, width }) => shape([1, channels, height, width])

// What the run is given.
const settings = resolveSettings(
  [{ prompt: 'golden teapot', source: 'teapot', region: 'teapot', seed: 1, device: 'cpu' }],
  () => 1,
)
const runtime = createNodeRuntime({ device: 'cpu' })
const bytes = new Uint8Array(readFileSync(new URL('../examples/teapot.jpg', import.meta.url)))
const input = await readImageInput({ name: 'teapot.jpg', bytes }, null, settings, nodeMachine.codec)
const { photo } = input.training
const { width: wide, height: high } = input.photo.pixels
say('# the photo')
say(`teapot.jpg ${wide}x${high}, trained at ${photo.width}x${photo.height}: ${planeOf(photo)}, ${range(photo.data)}`)

// Texts, once a run.
const [model] = await openGuidance(settings, runtime)
const { prompt, screen, source, region } = settings
const texts = { prompt, screen, source, region }
const targets = await embedTexts(model, texts, false, undefined, rivalsFor(settings.relevancy))
say('# the texts')
for (const name of ['composition', 'screen', 'direction', 'region'])
  say(
    `${name} ${shape(targets[name].shape)}, first row of length ${digits(length(targets[name].data.subarray(0, model.embeddingWidth)))}`,
  )

// The region, once a run.
const outline = await loadOutline(await bundledSource('outline'))
const { map, by } = await locateRegion({
  runtime,
  photo,
  guidance: [model],
  outline,
  relevancy: settings.relevancy,
  texts: region,
  embedded: [targets],
})
const mask = boundOf(undefined, map, settings.regionBound)
const emphasis = emphasisOf(map, settings.sparsityMap)
const sight = withoutSurroundings(photo, settings, map, undefined)
say('# the region')
say(`found by the ${by}: ${planeOf(map)}, ${range(map.data)}`)
say(`bound on alpha ${planeOf(mask)}, ${range(mask.data)}`)
say(`sparsity counts ${range(emphasis.data)}`)
say(`around the object the generator sees a grey of ${digits(sight.grey)}`)

// The first step, by the trainer, so that the second is one on an internal example.
const trainerOptions = {
  runtime,
  guidance: [model],
  photo,
  settings,
  texts,
  outline,
  start: await loadStart(await bundledSource('start')),
}
const trainer = await createTrainer(trainerOptions)
await trainer.train()
const before = await trainer.state()
const k = before.step

// What the learned start made of the photo, once a run: the edit is held to its colours.
const generatorShape = generatorOf(settings)
const begin = buildLayerGraph(photo, generatorShape)
const begun = await runtime.compile(begin.graph, begin.outputs)
const { layer: beginning } = await begun.run({
  picture: seenBy(sight, photo).data,
  parameters: before.tensors.initial.data,
})
await begun.release()
const startLayer = { ...photo, channels: 4, data: beginning.data }

say('# what is drawn')
const draw = drawExample(randomStream(settings.seed, 'example', k), photo, settings)
const example = internalExample(photo, draw)
const placed = (plane) => placeLike(plane, draw)
say(
  `the photo ${draw.flip ? 'flipped' : 'not flipped'}, ${draw.jitter ? 'colours changed' : 'colours as they are'}, scaled to ${draw.scaled.width}x${draw.scaled.height}`,
)
say(
  `crop ${draw.crop.width}x${draw.crop.height} at ${draw.crop.left}, ${draw.crop.top}: the internal example, ${planeOf(example)}`,
)
const viewDraws = drawStepViews(settings, [model], 'example', k, example)
say(
  `views of ${viewDraws.map(({ set, draws }) => `${set}: ${draws.length}`).join(', ')}, of them ${viewDraws[0].draws.filter(({ flip }) => flip).length} flipped, ${viewDraws[0].draws.filter(({ grayscale }) => grayscale).length} grey`,
)
const shares = drawStepShares(settings, k, targets)
say(
  `texts in this step: composition ${shares.composition.filter((share) => share > 0).length} of ${shares.composition.length}, screen ${shares.screen.filter((share) => share > 0).length} of ${shares.screen.length}`,
)

// The step as a graph.
const size = { width: example.width, height: example.height }
const count = parameterCount(generatorShape)
const graph = new Graph()
const plane = (name) => graph.input(name, [1, 1, size.height, size.width])
const picture = graph.input('picture', [1, 3, size.height, size.width])
const flat = graph.input('parameters', [count])
const parameters = splitParameters(flat, generatorShape)

const limit = plane('mask')
const rendered = (layer) => {
  const opacity = slice(layer, { axes: [1], starts: [3], ends: [4] })
  return render(slice(layer, { axes: [1], starts: [0], ends: [3] }), mul(opacity, limit), picture)
}
const shown = minimum(add(mul(picture, plane('sightTimes')), plane('sightPlus')), 1)
const { edit, alpha, composite, greenScreen } = rendered(generator(shown, parameters, generatorShape))
const first = rendered(graph.input('first', [1, 4, size.height, size.width]))

const side = viewSide(model)
const views = viewPlan(size, side, settings)
const see = clipViews(graph, viewInputsName('composition', side), views) // [V, 3, h, w]
const { inputs: weightOf } = bindWeights(graph, model)
const embed = (image) => model.embed(see(image), weightOf) // [V, D]
const embeddings = { composite: embed(composite), screen: embed(greenScreen), photo: embed(picture) }

const target = (name) => graph.input(targetInputName(model, name), targets[name].shape)
const share = (name) => graph.input(`share.${name}`, [shares[name].length])
const tokensOf = (image) => model.tokens(resizePicture(image, seenSize(size, side, 380), settings.antialias), weightOf)
const tokens = tokensOf(composite)
const losses = new Map([
  ['composition', sphericalLoss(embeddings.composite, target('composition'), share('composition'))],
  [
    'directional',
    directionalLoss(sub(embeddings.composite, embeddings.photo), target('direction'), share('direction')),
  ],
  ['screen', sphericalLoss(embeddings.screen, target('screen'), share('screen'))],
  ['structure', structureLoss(tokens, tokensOf(picture))],
  ['sparsity', sparsityLoss(alpha, settings.lambdaAlphaL1, settings.lambdaAlphaL0, plane('emphasis'))],
  ['bootstrap', bootstrapLoss(alpha, plane('relevancy'))],
  ['colour', colourLoss(composite, first.composite, first.alpha)],
])
const { values, total } = weightedTotal(graph, losses)
const gradient = joinGradients(gradients(total, [...parameters.values()]))
const vector = (name) => graph.input(name, [count])
const state = { initial: vector('initial'), gradientSum: vector('gradientSum'), squareSum: vector('squareSum') }
const update = madgrad(flat, gradient, state, graph.input('lambda', []), settings)

// The step, run.
const program = await runtime.compile(graph, {
  edit,
  alpha,
  composite,
  greenScreen,
  seen: see(composite),
  embedded: embeddings.composite,
  tokens,
  values,
  total,
  gradient,
  next: update.parameters,
})
const weights = lossWeights(settings, bootstrapWeightAt(k, settings), 1, true)
const learningRate = learningRateAt(k, settings)
const fed = {
  ...Object.fromEntries(
    Object.entries({ ...frozenInputs([model], [targets]), ...before.tensors }).map(([name, { shape, data }]) => [
      name,
      new runtime.Tensor('float32', data, shape),
    ]),
  ),
  picture: example.data,
  mask: placed(mask).data,
  emphasis: placed(emphasis).data,
  relevancy: placed(map).data,
  first: placed(startLayer).data,
  ...sightFeeds(placedSight(sight, placed)),
  ...viewFeeds(viewDraws, example, settings),
  ...Object.fromEntries(Object.entries(shares).map(([name, data]) => [`share.${name}`, data])),
  weights: Float32Array.from(weights),
  lambda: Float32Array.of(madgradLambda(learningRate, k)),
}
const wanted = new Set(program.inputs.map(({ name }) => name))
const after = await program.run(Object.fromEntries(Object.entries(fed).filter(([name]) => wanted.has(name))))
const told = (name) => `${shape(after[name].dims)}, ${range(after[name].data)}`

say('# the generator')
say(`parameters ${shape([count])}, of length ${digits(length(before.tensors.parameters.data))}`)
say(`edit ${told('edit')}`)
say(`alpha ${told('alpha')}`)
say('# the pictures')
say(`composite ${told('composite')}`)
say(`over green ${told('greenScreen')}`)
say('# what the model sees')
say(`views of the composite ${told('seen')}`)
say(
  `their embeddings ${shape(after.embedded.dims)}, the first of length ${digits(length(after.embedded.data.subarray(0, model.embeddingWidth)))}`,
)
say(`tokens of the whole composite ${shape(after.tokens.dims)}`)
say('# the losses')
lossNames.forEach((name, i) =>
  say(`${name.padEnd(11)}  ${digits(after.values.data[i]).padStart(8)}  times ${digits(weights[i])}`),
)
say(`${'total'.padEnd(11)}  ${digits(after.total.data[0]).padStart(8)}`)
say('# the update')
const moved = after.next.data.map((x, i) => x - before.tensors.parameters.data[i])
say(`gradient ${shape(after.gradient.dims)}, of length ${digits(length(after.gradient.data))}`)
say(`learning rate ${digits(learningRate)}; the parameters move by ${digits(length(moved))}`)
await program.release()

// It is the step that a run makes.
const { losses: trained } = await trainer.train()
const parametersAfter = (await trainer.state()).tensors.parameters.data
await trainer.dispose()
const ours = Object.fromEntries([
  ...lossNames.map((name, i) => [name, after.values.data[i]]),
  ['total', after.total.data[0]],
])
for (const [name, value] of Object.entries(trained))
  if (Math.abs(value - ours[name]) > 1e-5 * Math.max(1, Math.abs(value)))
    throw new Error(`the trainer says ${name} ${value}, this walk ${ours[name]}`)
const apart = length(parametersAfter.map((x, i) => x - after.next.data[i])) / length(moved)
if (!(apart < 0.01)) throw new Error(`after the step the parameters are ${apart} of their way apart from the trainer's`)
say('# the trainer')
say(`step ${k + 1}: loss ${digits(trained.total)}, the same`)

if (process.argv.includes('--check')) checkDocs()
else console.log(lines.join('\n'))

function checkDocs() {
  const docs = readFileSync(new URL('../docs/a-step.md', import.meta.url), 'utf8')
  const shown = [...docs.matchAll(/^```text\n([\s\S]*?)^```$/gm)].flatMap(([, block]) => block.trimEnd().split('\n'))
  const printed = lines.filter((line) => !line.startsWith('# '))
  const number = /-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/g
  const words = (line) => line.replaceAll(number, '#').replaceAll(/ +/g, ' ')
  const numbers = (line) => (line.match(number) ?? []).map(Number)
  const isNear = (a, b) => Math.abs(a - b) <= 0.05 * Math.max(Math.abs(a), Math.abs(b)) + 0.01
  const differing = printed.filter((line, i) => {
    const other = shown[i] ?? ''
    return words(line) !== words(other) || numbers(line).some((x, j) => !isNear(x, numbers(other)[j]))
  })
  if (differing.length === 0 && shown.length === printed.length) return
  console.error(
    `docs/a-step.md shows ${shown.length} lines of ${printed.length}; these are other ones here:\n${differing.join('\n')}`,
  )
  process.exitCode = 1
}
