// Writes a ViT-B/32 in the Hugging Face layout: random weights in float32, CLIP's own vocabulary. Argument: the folder.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { float32Tensor, writeSafetensors } from '../dist/formats/safetensors.js'
import { parseClipConfig } from '../dist/models/clipConfig.js'
import { byteVocabulary } from '../dist/models/clipTokenizer.js'
import { clipTextShapes, clipVisionShapes } from '../dist/models/clipWeights.js'
import { readBundledVocabulary } from '../dist/models/node/readBundledVocabulary.js'
import { randomClipWeights } from '../dist/models/randomClip.js'

const path = process.argv[2]
const config = parseClipConfig({ model_type: 'clip' })
const weights = await randomClipWeights(
  config,
  1,
)([...clipVisionShapes(config).keys(), ...clipTextShapes(config).keys()])
await mkdir(path)
await writeFile(join(path, 'config.json'), JSON.stringify({ model_type: 'clip' }))
await writeFile(
  join(path, 'model.safetensors'),
  writeSafetensors(new Map([...weights].map(([name, { shape, data }]) => [name, float32Tensor(shape, data)]))),
)
const merges = gunzipSync(await readBundledVocabulary())
  .toString('utf8')
  .split('\n')
  .slice(1, 48895)
const vocabulary = byteVocabulary(49408)
merges.forEach((merge, i) => {
  vocabulary[merge.replace(' ', '')] = 512 + i
})
await writeFile(join(path, 'vocab.json'), JSON.stringify(vocabulary))
await writeFile(join(path, 'merges.txt'), `#version: 0.2\n${merges.join('\n')}\n`)
