import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createNodeRuntime } from '../../src/engine/node/createNodeRuntime.js'
import { atomicWrite } from '../../src/media/node/atomicWrite.js'
import { folderSource } from '../../src/models/node/folderSource.js'
import type { StarterConfig } from '../../src/models/starterConfig.js'
import { readSentenceEncoder, sentenceVectors, type SentenceEncoder } from '../../src/models/starterText.js'
import { createTextTokenizer } from '../../src/models/textTokenizer.js'
import { openWeightFile } from '../../src/models/weightFile.js'
import { SENTENCE } from './headTraining.js'

/** Texts in one cached file. */
const PART = 4096

/** Sentence vectors by text. */
export interface SentenceBank {
  vector(text: string): Float32Array
}

/** Encodes texts with the frozen text network; what was encoded before comes from files in `cache`. */
export async function encodeSentences(
  texts: Iterable<string>,
  {
    parts,
    cache,
    config,
    threads,
    say,
  }: { parts: string; cache: string; config: StarterConfig; threads: number; say: (line: string) => void },
): Promise<SentenceBank> {
  mkdirSync(cache, { recursive: true })
  const json = (name: string): unknown => JSON.parse(readFileSync(join(parts, name), 'utf8'))
  const tokenize = createTextTokenizer(
    json('tokenizer.json'),
    json('tokenizer_config.json'),
    config.text.max_length,
    parts,
  )
  const sorted = [...new Set(texts)].sort()
  const vectors = new Map<string, Float32Array>()
  let encoder: SentenceEncoder | null = null
  const runtime = createNodeRuntime({ device: 'cpu', threads })
  for (let from = 0; from < sorted.length; from += PART) {
    const part = sorted.slice(from, from + PART)
    const path = join(cache, `${createHash('sha256').update(JSON.stringify(part)).digest('hex').slice(0, 24)}.f32`)
    if (!existsSync(path)) {
      encoder ??= await readSentenceEncoder(
        await openWeightFile(await folderSource(parts), 'text.safetensors', new Map()),
        config,
      )
      const all = await sentenceVectors(
        part.map((text) => tokenize(text).ids),
        config,
        encoder,
        runtime,
      )
      await atomicWrite(path, new Uint8Array(all.buffer))
      say(`texts: ${Math.min(from + PART, sorted.length)} of ${sorted.length} encoded`)
    }
    const bytes = readFileSync(path)
    const all = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
    part.forEach((text, i) => vectors.set(text, all.subarray(i * SENTENCE, (i + 1) * SENTENCE)))
  }
  return {
    vector(text) {
      const vector = vectors.get(text)
      if (!vector) throw new Error(`the text "${text}" was not encoded`)
      return vector
    },
  }
}
