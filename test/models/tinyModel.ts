import { readFile } from 'node:fs/promises'
import { readSafetensors, writeSafetensors } from '../../src/formats/safetensors.js'
import { byteVocabulary } from '../../src/models/clipTokenizer.js'

/**
 * The files of a small whole CLIP in the layout that models are published in: the fixture's towers, a vocabulary of
 * bytes.
 */
export async function tinyModel(): Promise<Map<string, Uint8Array>> {
  const folder = new URL('../fixtures/tinyClip/', import.meta.url)
  const config = JSON.parse(await readFile(new URL('config.json', folder), 'utf8')) as {
    text_config: Record<string, unknown>
  }
  config.text_config.vocab_size = 514
  const weights = new Map(readSafetensors(new Uint8Array(await readFile(new URL('model.safetensors', folder)))).tensors)
  const table = new Float32Array(514 * 24).map((_, i) => Math.sin(i))
  weights.set('text_model.embeddings.token_embedding.weight', {
    dtype: 'F32',
    shape: [514, 24],
    bytes: new Uint8Array(table.buffer),
  })
  const text = (value: string): Uint8Array => new TextEncoder().encode(value)
  return new Map([
    ['config.json', text(JSON.stringify(config))],
    ['preprocessor_config.json', text(JSON.stringify({ image_mean: [0.5, 0.5, 0.5], image_std: [0.25, 0.25, 0.25] }))],
    ['vocab.json', text(JSON.stringify(byteVocabulary(514)))],
    ['merges.txt', text('#version: 0.2\na b</w>\n')],
    ['model.safetensors', writeSafetensors(weights)],
  ])
}
